//go:build !unix

package hub

import (
	"fmt"
	"os"
	"path/filepath"
)

// lock marks the data directory as used. These systems have no lock here that
// a killed process gives back, so a second hub is not kept out.
func lock(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("hub: lock: %w", err)
	}
	return f, nil
}
