//go:build !amd64 && !arm64

package cpu

import "github.com/shoal-compute/shoal/webgpu/clang"

// native does not exist on this processor: its lanes have no images.
type native struct {
	function uintptr
	need     clang.Needs
}

func (n *native) needs() clang.Needs { return n.need }

func (n *native) run(*call) { panic("cpu: no machine code for this processor") }

func lanes() []lane { return []lane{{name: "go"}} }
