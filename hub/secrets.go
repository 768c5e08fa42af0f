package hub

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/shoal-compute/shoal/hub/internal/lease"
	"github.com/shoal-compute/shoal/hub/receipt"
)

// leaseKey reads the secret that signs leases, making it on the first start.
func leaseKey(dir string, random io.Reader) ([]byte, error) {
	path := filepath.Join(dir, "lease.key")
	key, err := os.ReadFile(path)
	switch {
	case err == nil && len(key) >= lease.MinKey:
		return key, nil
	case err == nil:
		return nil, fmt.Errorf("hub: %s: %d bytes, want at least %d; delete it to make a new one, which voids all leases", path, len(key), lease.MinKey)
	case !errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("hub: lease key: %w", err)
	}
	key = make([]byte, lease.MinKey)
	if _, err := io.ReadFull(random, key); err != nil {
		return nil, fmt.Errorf("hub: lease key: %w", err)
	}
	return key, writeSecret(path, key)
}

// receiptSigner reads the secret that signs the logs of ended jobs, making it
// on the first start. Its public half is how outsiders recognise the hub.
func receiptSigner(dir string, random io.Reader) (*receipt.Signer, error) {
	path := filepath.Join(dir, "receipts.key")
	seed, err := os.ReadFile(path)
	switch {
	case err == nil && len(seed) == receipt.SeedSize:
		return receipt.NewSigner(seed)
	case err == nil:
		return nil, fmt.Errorf("hub: %s: %d bytes, want %d; delete it to make a new one, which makes this another hub to those who know its key", path, len(seed), receipt.SeedSize)
	case !errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("hub: receipts key: %w", err)
	}
	seed = make([]byte, receipt.SeedSize)
	if _, err := io.ReadFull(random, seed); err != nil {
		return nil, fmt.Errorf("hub: receipts key: %w", err)
	}
	if err := writeSecret(path, seed); err != nil {
		return nil, err
	}
	return receipt.NewSigner(seed)
}

// adminKeyHash reads the admin key's hash. On the first start it makes a key
// and tells announce, the only time the key itself is known. It does so before
// the hash is kept: a hub that is killed in between announces another key at its
// next start, where it would otherwise have one that nobody has ever seen.
func adminKeyHash(dir string, random io.Reader, announce func(key string)) (hash [sha256.Size]byte, err error) {
	path := filepath.Join(dir, "admin.sha256")
	text, err := os.ReadFile(path)
	if err == nil {
		text = bytes.TrimSpace(text)
		if n, err := hex.Decode(hash[:], text[:min(len(text), 2*len(hash))]); err != nil || n != len(hash) || len(text) != 2*len(hash) {
			return hash, fmt.Errorf("hub: %s: not a SHA-256; delete it to make a new admin key", path)
		}
		return hash, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return hash, fmt.Errorf("hub: admin key: %w", err)
	}
	var secret [24]byte
	if _, err := io.ReadFull(random, secret[:]); err != nil {
		return hash, fmt.Errorf("hub: admin key: %w", err)
	}
	key := "shoal_" + base64.RawURLEncoding.EncodeToString(secret[:])
	hash = sha256.Sum256([]byte(key))
	announce(key)
	return hash, writeSecret(path, []byte(hex.EncodeToString(hash[:])+"\n"))
}

// writeSecret makes a file that is there completely, durably and for its
// owner alone, or not at all.
func writeSecret(path string, data []byte) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), ".secret-") // mode 0600
	if err != nil {
		return fmt.Errorf("hub: %w", err)
	}
	defer os.Remove(tmp.Name()) // fails, as it should, after the rename
	_, err = tmp.Write(data)
	if err = errors.Join(err, tmp.Sync(), tmp.Close()); err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("hub: %w", err)
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return fmt.Errorf("hub: %w", err)
	}
	return errors.Join(dir.Sync(), dir.Close())
}
