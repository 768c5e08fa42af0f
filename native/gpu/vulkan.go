package gpu

import (
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"unsafe"

	"github.com/gogpu/wgpu/hal/vulkan/vk"
)

// vulkanDriver is what Vulkan tells of an adapter and the library does not
// pass on.
type vulkanDriver struct {
	name   string
	vendor uint32
	device uint32
	driver string // and its version
	memory int64  // bytes of the largest heap that is the adapter's own
	dot4   bool   // takes SPIR-V's integer dot products
}

// Numbers of the Vulkan specification, of structures that extend questions.
const (
	structureTypeDriverProperties = vk.StructureType(1000196000)
	structureTypeDotFeatures      = vk.StructureType(1000280000)
)

// vulkanDrivers asks Vulkan about its adapters, through an instance of its
// own. What cannot be asked is left out: it is of use, but not needed.
func vulkanDrivers() (list []vulkanDriver) {
	_ = guard(func() error {
		if err := vk.Init(); err != nil {
			return err
		}
		cmds := vk.NewCommands()
		if err := cmds.LoadGlobal(); err != nil {
			return err
		}
		app := vk.ApplicationInfo{SType: vk.StructureTypeApplicationInfo, ApiVersion: 1<<22 | 2<<12} // 1.2
		// Without this extension the library does not load an instance.
		surface := unsafe.StringData("VK_KHR_surface\x00")
		info := vk.InstanceCreateInfo{
			SType:                   vk.StructureTypeInstanceCreateInfo,
			PApplicationInfo:        &app,
			EnabledExtensionCount:   1,
			PpEnabledExtensionNames: uintptr(unsafe.Pointer(&surface)),
		}
		var instance vk.Instance
		if r := cmds.CreateInstance(&info, nil, &instance); r != vk.Success {
			return fmt.Errorf("instance: %d", r)
		}
		runtime.KeepAlive(&surface)
		if err := cmds.LoadInstance(instance); err != nil {
			return err
		}
		defer cmds.DestroyInstance(instance, nil)
		var n uint32
		if r := cmds.EnumeratePhysicalDevices(instance, &n, nil); r != vk.Success || n == 0 {
			return fmt.Errorf("%d adapters: %d", n, r)
		}
		devices := make([]vk.PhysicalDevice, n)
		if r := cmds.EnumeratePhysicalDevices(instance, &n, &devices[0]); r != vk.Success {
			return fmt.Errorf("adapters: %d", r)
		}
		for _, d := range devices[:n] {
			list = append(list, askVulkan(cmds, d))
		}
		return nil
	})
	return list
}

func askVulkan(cmds *vk.Commands, d vk.PhysicalDevice) vulkanDriver {
	var heaps vk.PhysicalDeviceMemoryProperties
	cmds.GetPhysicalDeviceMemoryProperties(d, &heaps)
	var props vk.PhysicalDeviceProperties
	cmds.GetPhysicalDeviceProperties(d, &props)
	v := vulkanDriver{name: text(props.DeviceName[:]), vendor: props.VendorID, device: props.DeviceID}
	for _, h := range heaps.MemoryHeaps[:min(int(heaps.MemoryHeapCount), len(heaps.MemoryHeaps))] {
		if h.Flags&vk.MemoryHeapFlags(vk.MemoryHeapDeviceLocalBit) != 0 {
			v.memory = max(v.memory, int64(min(uint64(h.Size), 1<<50)))
		}
	}
	if cmds.HasPhysicalDeviceFeatures2() { // and the other question of its version
		dot := vk.PhysicalDeviceShaderIntegerDotProductFeatures{SType: structureTypeDotFeatures}
		features := vk.PhysicalDeviceFeatures2{
			SType: vk.StructureTypePhysicalDeviceFeatures2,
			PNext: (*uintptr)(unsafe.Pointer(&dot)),
		}
		cmds.GetPhysicalDeviceFeatures2(d, &features)
		runtime.KeepAlive(&dot)
		v.dot4 = dot.ShaderIntegerDotProduct != 0
		driver := vk.PhysicalDeviceDriverProperties{SType: structureTypeDriverProperties}
		all := vk.PhysicalDeviceProperties2{
			SType: vk.StructureTypePhysicalDeviceProperties2,
			PNext: (*uintptr)(unsafe.Pointer(&driver)),
		}
		cmds.GetPhysicalDeviceProperties2(d, &all)
		runtime.KeepAlive(&driver)
		v.driver = strings.TrimSpace(text(driver.DriverName[:]) + " " + text(driver.DriverInfo[:]))
	}
	return v
}

// text is what comes before the zero byte.
func text(b []byte) string {
	s, _, _ := bytes.Cut(b, []byte{0})
	return string(s)
}
