package gpu

import (
	"bufio"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// drivers play a GPU on the processor. They were written independently of one
// another, and one catches what the other hides.
var drivers = []struct {
	name    string
	file    string // what the Vulkan loader reads
	adapter string
}{
	{"lavapipe", "/usr/share/vulkan/icd.d/lvp_icd.x86_64.json", "llvmpipe"},
	{"swiftshader", "/usr/lib/chromium/vk_swiftshader_icd.json", "swiftshader"},
}

// driverEnv names the driver in the process that runs its tests. Every driver
// has one: the Vulkan loader takes its choice from the environment, and a
// driver that crashes must not take the other's tests along.
const driverEnv = "SHOAL_TEST_VULKAN_DRIVER"

// onDrivers runs the calling test in a process of its own for each driver,
// and returns true there.
func onDrivers(t *testing.T) (Config, bool) {
	if name := os.Getenv(driverEnv); name != "" {
		for _, d := range drivers {
			if d.name == name {
				return Config{Adapter: d.adapter, Software: true}, true
			}
		}
		t.Fatalf("%s: no driver %q", driverEnv, name)
	}
	for _, d := range drivers {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			if _, err := os.Stat(d.file); err != nil {
				missing(t, "Vulkan driver %s: %v", d.name, err)
			}
			again(t, strings.SplitN(t.Name(), "/", 2)[0], driverEnv+"="+d.name, "VK_ICD_FILENAMES="+d.file, "VK_DRIVER_FILES="+d.file)
		})
	}
	return Config{}, false
}

// again runs one test of this binary in a process with more environment.
func again(t *testing.T, test string, env ...string) {
	t.Helper()
	args := []string{"-test.run=^" + test + "$", "-test.v"}
	if testing.Short() {
		args = append(args, "-test.short")
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Env = append(append(os.Environ(), "XDG_RUNTIME_DIR="+t.TempDir()), env...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ran := false
	for lines := bufio.NewScanner(out); lines.Scan(); {
		line := lines.Text()
		ran = ran || strings.HasPrefix(line, "=== RUN")
		if !strings.HasPrefix(line, "=== ") {
			t.Log(line)
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%s in its own process: %v", test, err)
	}
	if !ran {
		t.Fatalf("%s in its own process ran nothing", test)
	}
}

// missing skips the test, or fails it where everything is required.
func missing(t *testing.T, format string, args ...any) {
	t.Helper()
	if os.Getenv("SHOAL_REQUIRE") != "" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}

// TestMachine holds the machine to its contract on every driver.
func TestMachine(t *testing.T) {
	if conf, here := onDrivers(t); here {
		machineTests(t, conf)
	}
}
