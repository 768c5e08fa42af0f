package cluster

import (
	"os"
	"path/filepath"
	"testing"
)

// keyFile is where the tests keep a hub's admin key: the hub says it once and
// these hubs are started again and again.
const keyFile = "admin.key"

func saveKey(t testing.TB, dir, key string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, keyFile), []byte(key), 0o600); err != nil {
		t.Fatal(err)
	}
}

// ReadKey returns the admin key of the hub that was first started in dir.
func ReadKey(t testing.TB, dir string) string {
	t.Helper()
	key, err := os.ReadFile(filepath.Join(dir, keyFile))
	if err != nil {
		t.Fatal(err)
	}
	return string(key)
}
