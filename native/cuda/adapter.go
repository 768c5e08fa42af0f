package cuda

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"unsafe"

	"github.com/shoal-compute/shoal/webgpu/device"
)

// Config says which GPU to open and how much of it to use. The zero value is
// the first one.
type Config struct {
	// Adapter is a part of the GPU's name, in any case. Empty: the first, in
	// the driver's order, which is fastest first.
	Adapter string
	// Memory is how many bytes may be allocated in all. 0: seven eighths of
	// what is free.
	Memory int64
}

// Adapter describes a GPU.
type Adapter struct {
	Name       string
	Capability int // compute capability, times ten
	Units      int // multiprocessors
	Memory     int64
	Driver     int // CUDA version that the driver is made for, times thousand

	ordinal int32 // for cuDeviceGet
	shared  int   // bytes of shared memory that a workgroup may have
}

// leastCapability is that of Ampere, leastDriver that of PTX 7.0.
const (
	leastCapability = 80
	leastDriver     = 11000
)

// Adapters lists the GPUs of this computer, also those that are too old.
func Adapters() ([]Adapter, error) {
	l, err := load()
	if err != nil {
		return nil, fmt.Errorf("cuda: %w", err)
	}
	list, err := l.adapters()
	if err != nil {
		return nil, fmt.Errorf("cuda: list GPUs: %w", err)
	}
	return list, nil
}

// Attributes of devices, as cuDeviceGetAttribute numbers them.
const (
	attributeUnits      = 16
	attributeMajor      = 75
	attributeMinor      = 76
	attributeSharedMost = 97
)

func (l *library) adapters() ([]Adapter, error) {
	var count, driver int32
	if err := l.do(l.cuDriverGetVersion, uintptr(unsafe.Pointer(&driver))); err != nil {
		return nil, err
	}
	if err := l.do(l.cuDeviceGetCount, uintptr(unsafe.Pointer(&count))); err != nil {
		return nil, err
	}
	var list []Adapter
	for i := range count {
		a := Adapter{ordinal: i, Driver: int(driver)}
		if err := l.describe(&a); err != nil {
			return nil, err
		}
		list = append(list, a)
	}
	return list, nil
}

// describe fills a in.
func (l *library) describe(a *Adapter) error {
	dev, err := l.device(a.ordinal)
	if err != nil {
		return err
	}
	name := make([]byte, 256)
	if err := l.do(l.cuDeviceGetName, uintptr(unsafe.Pointer(&name[0])), uintptr(len(name)), uintptr(dev)); err != nil {
		return err
	}
	name, _, _ = bytes.Cut(name, []byte{0})
	a.Name = string(name)
	var memory uint64
	if err := l.do(l.cuDeviceTotalMem, uintptr(unsafe.Pointer(&memory)), uintptr(dev)); err != nil {
		return err
	}
	a.Memory = int64(memory)
	var major, minor int
	for _, x := range []struct {
		to        *int
		attribute uintptr
	}{{&a.Units, attributeUnits}, {&major, attributeMajor}, {&minor, attributeMinor}, {&a.shared, attributeSharedMost}} {
		var v int32
		if err := l.do(l.cuDeviceGetAttribute, uintptr(unsafe.Pointer(&v)), x.attribute, uintptr(dev)); err != nil {
			return err
		}
		*x.to = int(v)
	}
	a.Capability = 10*major + minor
	return nil
}

func (l *library) device(ordinal int32) (int32, error) {
	var dev int32
	err := l.do(l.cuDeviceGet, uintptr(unsafe.Pointer(&dev)), uintptr(ordinal))
	return dev, err
}

// choose is the adapter that conf asks for.
func choose(list []Adapter, conf Config) (Adapter, error) {
	var why []string
	for _, a := range list {
		switch {
		case !strings.Contains(strings.ToLower(a.Name), strings.ToLower(conf.Adapter)):
			why = append(why, a.Name+" has another name")
		case a.Capability < leastCapability:
			why = append(why, fmt.Sprintf("%s has compute capability %d.%d, want %d.%d", a.Name, a.Capability/10, a.Capability%10, leastCapability/10, leastCapability%10))
		case a.Driver < leastDriver:
			why = append(why, fmt.Sprintf("the driver is for CUDA %d.%d, want %d.%d", a.Driver/1000, a.Driver%1000/10, leastDriver/1000, leastDriver%1000/10))
		default:
			return a, nil
		}
	}
	if len(why) == 0 {
		why = []string{"the driver finds no GPU"}
	}
	return Adapter{}, fmt.Errorf("%w: %s", device.ErrUnavailable, strings.Join(why, "; "))
}

// pick chooses among the GPUs of this computer.
func pick(ctx context.Context, conf Config) (*library, Adapter, error) {
	if err := ctx.Err(); err != nil {
		return nil, Adapter{}, err
	}
	if conf.Memory < 0 {
		return nil, Adapter{}, fmt.Errorf("config: memory of %d bytes", conf.Memory)
	}
	l, err := load()
	if err != nil {
		return nil, Adapter{}, err
	}
	list, err := l.adapters()
	if err != nil {
		return nil, Adapter{}, fmt.Errorf("%w: list GPUs: %w", device.ErrUnavailable, err)
	}
	a, err := choose(list, conf)
	return l, a, err
}
