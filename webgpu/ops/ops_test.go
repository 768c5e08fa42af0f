package ops

import "testing"

// TestRegistry checks that every op's code and name are unique and that its
// kernel is well formed.
func TestRegistry(t *testing.T) {
	names := map[string]bool{}
	for _, d := range All {
		if names[d.Name] {
			t.Errorf("two ops are named %s", d.Name)
		}
		names[d.Name] = true
		if ByCode(d.Code) != d || ByName(d.Name) != d {
			t.Errorf("%s is not found by its code or name", d.Name)
		}
		if err := d.Kernel.Check(); err != nil {
			t.Error(err)
		}
	}
}
