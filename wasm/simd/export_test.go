package simd

import "github.com/shoal-compute/shoal/webgpu/device"

// CutInto makes the device cut steps into pieces of so many units.
func CutInto(dev device.Device, units int64) { dev.(*simd).pieceUnits = units }

// InUse is the memory the device has handed out.
func InUse(dev device.Device) uint64 { return dev.(*simd).heap.used }
