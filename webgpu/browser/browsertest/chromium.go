//go:build !js && !wasip1

package browsertest

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Chromium finds the browser. Where it is missing the test is skipped, unless
// SHOAL_REQUIRE says that everything has to be here.
func Chromium(t testing.TB) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	missing(t, "no Chromium on this machine: make deps")
	return ""
}

// Llvmpipe makes a Chromium whose WebGL runs on Mesa's llvmpipe, an
// implementation that shares nothing with the SwiftShader of Chromium. The
// browser takes the Vulkan driver named by the file beside its program, so
// that its folder is made again with another such file: the program itself as
// a copy, since it looks for its folder where it really is.
func Llvmpipe(t testing.TB) string {
	t.Helper()
	Chromium(t)
	const folder, program, driver = "/usr/lib/chromium", "chromium", "vk_swiftshader_icd.json"
	drivers, err := filepath.Glob("/usr/share/vulkan/icd.d/lvp_icd.*.json")
	if err != nil {
		t.Fatal(err)
	}
	if len(drivers) == 0 {
		missing(t, "no llvmpipe on this machine: install mesa-vulkan-drivers")
	}
	entries, err := os.ReadDir(folder)
	if errors.Is(err, os.ErrNotExist) {
		missing(t, "Chromium is not in "+folder+", as Debian has it")
	}
	if err != nil {
		t.Fatal(err)
	}
	made := t.TempDir()
	for _, e := range entries {
		from, to := filepath.Join(folder, e.Name()), filepath.Join(made, e.Name())
		switch e.Name() {
		case program:
			if os.Link(from, to) == nil {
				continue // costs nothing where both are on one file system
			}
			err = copyFile(to, from)
		case driver:
			err = os.Symlink(drivers[0], to)
		default:
			err = os.Symlink(from, to)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(made, program)
}

func copyFile(to, from string) error {
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(dst, src)
	return errors.Join(err, dst.Close())
}

func missing(t testing.TB, why string) {
	t.Helper()
	if os.Getenv("SHOAL_REQUIRE") != "" {
		t.Fatal(why + "; and SHOAL_REQUIRE is set")
	}
	t.Skip(why)
}
