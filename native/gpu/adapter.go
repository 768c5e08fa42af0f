package gpu

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/gogpu/gputypes"
	"github.com/gogpu/wgpu/hal"
	_ "github.com/gogpu/wgpu/hal/allbackends" // registers Vulkan, Metal and Direct3D 12 where they exist

	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/gpu"
)

// Config says which adapter to open and how much of it to use. The zero value
// is the best real GPU.
type Config struct {
	// Adapter is a part of the adapter's name, in any case. Empty: the best.
	Adapter string
	// Software also accepts adapters that a processor plays. They prove
	// equality and are slow: volunteers have better lanes.
	Software bool
	// Memory is how many bytes may be allocated in all. 0: three quarters of
	// what the adapter has, or a cautious guess where that is not known.
	Memory int64
	// Binding bounds the bytes of one binding, as a multiple of 256. 0: what
	// the adapter allows.
	Binding int64

	// Printer names the variant of the code that Device uses. Empty: it
	// chooses.
	Printer string
	// Version is of the software that tunes: Device times the variants for two
	// seconds and uses the fastest. Empty: it uses the safest.
	Version string
	Known   gpu.Choice       // of an earlier tuning, used while it holds
	Tuned   func(gpu.Choice) // hears of a new one, to be kept; may be nil

	// Log receives what the library says. nil: nothing.
	Log *slog.Logger
}

// Adapter describes one adapter of this machine.
type Adapter struct {
	Name     string
	Backend  string // Vulkan, Metal, DX12
	Kind     string // DiscreteGPU, IntegratedGPU, VirtualGPU, CPU, Other
	Driver   string // and its version, where that is known
	Memory   int64  // bytes of its own, or shared; 0: unknown
	Software bool   // a processor plays the GPU
	// Dot4 tells that code with dot4I8Packed may be tried: that the driver
	// knows of it, or that the library takes it apart. The library does not
	// ask the driver to enable it, which drivers do not mind.
	Dot4 bool
}

func (a Adapter) String() string {
	return fmt.Sprintf("%s, %s, driver %s", a.Name, a.Backend, a.Driver)
}

// backends are tried in this order; the first that offers an adapter of the
// best kind wins. The others that the library has, OpenGL and its own
// software renderer, are wrong or far too slow.
var backends = []gputypes.Backend{gputypes.BackendMetal, gputypes.BackendVulkan, gputypes.BackendDX12}

// Adapters lists the adapters of this machine, the best first, also those
// that Open refuses. Without a driver the list is empty.
func Adapters() []Adapter {
	found, _ := enumerate()
	defer found.close(nil)
	list := make([]Adapter, len(found.adapters))
	for i, c := range found.adapters {
		list[i] = c.Adapter
	}
	return list
}

// candidate is an adapter that could be opened.
type candidate struct {
	Adapter
	exposed  hal.ExposedAdapter
	instance hal.Instance
}

// candidates are adapters and the instances that they live in.
type candidates struct {
	adapters  []candidate
	instances []hal.Instance
}

// close destroys every instance but keep.
func (c *candidates) close(keep hal.Instance) {
	for _, in := range c.instances {
		if in != keep {
			_ = guard(func() error { in.Destroy(); return nil })
		}
	}
	c.instances = nil
}

// enumerate asks every backend. The error says why backends had nothing.
func enumerate() (*candidates, error) {
	all := &candidates{}
	var why error
	for _, variant := range backends {
		backend, ok := hal.GetBackend(variant)
		if !ok {
			continue
		}
		err := guard(func() error {
			instance, err := backend.CreateInstance(&hal.InstanceDescriptor{})
			if err != nil {
				return err
			}
			all.instances = append(all.instances, instance)
			for _, e := range instance.EnumerateAdapters(nil) {
				all.adapters = append(all.adapters, candidate{describe(variant, e.Info), e, instance})
			}
			return nil
		})
		if err != nil {
			why = errors.Join(why, fmt.Errorf("%v: %w", variant, err))
		}
	}
	all.complete()
	all.sort()
	return all, why
}

// sort puts the best first. Among equals the order of backends stays.
func (c *candidates) sort() {
	slices.SortStableFunc(c.adapters, func(a, b candidate) int { return cmp.Compare(rank(a), rank(b)) })
}

// complete adds what Vulkan tells and the library does not. Equal adapters of
// one computer have equal drivers.
func (c *candidates) complete() {
	isVulkan := func(c candidate) bool { return c.exposed.Info.Backend == gputypes.BackendVulkan }
	if !slices.ContainsFunc(c.adapters, isVulkan) {
		return
	}
	drivers := vulkanDrivers()
	for i := range c.adapters {
		a := &c.adapters[i]
		info := a.exposed.Info
		for _, d := range drivers {
			if isVulkan(*a) && d.name == info.Name && d.vendor == info.VendorID && d.device == info.DeviceID {
				a.Memory, a.Dot4 = d.memory, d.dot4
				if d.driver != "" {
					a.Driver = d.driver
				}
			}
		}
	}
}

func describe(variant gputypes.Backend, info gputypes.AdapterInfo) Adapter {
	a := Adapter{
		Name:    info.Name,
		Backend: fmt.Sprint(variant),
		Kind:    fmt.Sprint(info.DeviceType),
		Driver:  strings.TrimSpace(info.DriverInfo),
		Dot4:    variant != gputypes.BackendVulkan,
	}
	if a.Driver == "" {
		a.Driver = info.Driver
	}
	a.Software = info.DeviceType == gputypes.DeviceTypeCPU || played(info.Name)
	return a
}

// played reports whether the name is that of a software renderer. Drivers
// tell by the adapter's type, but a wrong type would cost a volunteer a slow
// lane and the hub a slow volunteer.
func played(name string) bool {
	name = strings.ToLower(name)
	for _, s := range []string{"software", "swiftshader", "llvmpipe", "lavapipe", "basic render"} {
		if strings.Contains(name, s) {
			return true
		}
	}
	return false
}

func rank(c candidate) int {
	if c.Software {
		return 4
	}
	switch c.exposed.Info.DeviceType {
	case gputypes.DeviceTypeDiscreteGPU:
		return 0
	case gputypes.DeviceTypeIntegratedGPU:
		return 1
	case gputypes.DeviceTypeVirtualGPU:
		return 2
	default:
		return 3
	}
}

// choose picks the adapter that conf asks for.
func choose(list []candidate, conf Config) (candidate, error) {
	refused := ""
	for _, c := range list {
		if !strings.Contains(strings.ToLower(c.Name), strings.ToLower(conf.Adapter)) {
			continue
		}
		if c.Software && !conf.Software {
			refused = c.Name
			continue
		}
		return c, nil
	}
	switch {
	case refused != "":
		return candidate{}, fmt.Errorf("%w: %s is played by the processor, which the cpu lane uses better", device.ErrUnavailable, refused)
	case conf.Adapter != "" && len(list) > 0:
		return candidate{}, fmt.Errorf("%w: no GPU has %q in its name", device.ErrUnavailable, conf.Adapter)
	default:
		return candidate{}, fmt.Errorf("%w: no GPU with a driver for Vulkan, Metal or Direct3D 12", device.ErrUnavailable)
	}
}
