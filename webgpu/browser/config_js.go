package browser

import (
	"strings"
	"syscall/js"

	"github.com/shoal-compute/shoal/webgpu/gpu"
)

// Config says what a lane may use. The zero value is what production uses.
type Config struct {
	Memory   int64 // bytes that may be allocated in all; 0: DefaultMemory
	Software bool  // accept an adapter that a processor plays: equal bytes, no speed
	Binding  int64 // bytes of one binding at most; 0: what the adapter allows

	// Printer names the variant of the code to use; empty: the lane chooses.
	Printer string
	// Version is of the software that tunes: its code's variants are timed for
	// two seconds and the fastest is used. Empty: the safest is used.
	Version string
	Known   gpu.Choice       // of an earlier tuning, which holds while nothing has changed
	Tuned   func(gpu.Choice) // hears of a new one, to be kept; may be nil
}

// DefaultMemory bounds a lane where Config names no bound: browsers do not
// tell how much memory a GPU has.
const DefaultMemory = 1 << 30

func (c Config) memory() int64 {
	if c.Memory > 0 {
		return c.Memory
	}
	return DefaultMemory
}

// browserName says which browser this is, for people: "Chrome/156".
func browserName() string {
	agent := js.Global().Get("navigator").Get("userAgent").String()
	for _, product := range []string{"Firefox/", "Edg/", "Chrome/", "Version/"} {
		if _, version, found := strings.Cut(agent, product); found {
			major, _, _ := strings.Cut(version, ".")
			return product + major
		}
	}
	return "browser"
}
