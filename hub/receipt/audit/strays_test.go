package audit_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/shoal-compute/shoal/hub/receipt/audit"
)

// What is in a folder and in no list is named: an audit is not about it.
func TestStrays(t *testing.T) {
	dir, _ := finished(t, nil)
	about := func() string {
		t.Helper()
		r := run(t, dir, "0", nil)
		i := slices.IndexFunc(r.Notes, func(n string) bool { return strings.Contains(n, "vouches") })
		switch {
		case !r.Sound():
			t.Fatalf("strays are damage: %+v", r.Problems)
		case i < 0:
			return ""
		}
		return r.Notes[i][strings.Index(r.Notes[i], ": ")+2:]
	}
	if got := about(); got != "" {
		t.Errorf("nothing is astray, and the note is about %s", got)
	}
	write := func(name string) {
		t.Helper()
		if err := errors.Join(os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755), os.WriteFile(filepath.Join(dir, name), nil, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	write("z\nsound\x1b[0m")
	write("more/than/one")
	write("more/files")
	write(filepath.Join(audit.DirBlobs, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")) // the hash of nothing
	if err := os.Symlink("/", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	const want = `"blobs/e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "link", "more", "z\nsound\x1b[0m"`
	if got := about(); got != want {
		t.Errorf("the note is about %s, want %s", got, want)
	}
	for i := range 10 {
		write("model-" + strconv.Itoa(i))
	}
	if got := about(); !strings.HasSuffix(got, ` and 6 more`) || strings.Count(got, `"`) != 16 {
		t.Errorf("the note is about %s, want 8 names and 6 more", got)
	}
}
