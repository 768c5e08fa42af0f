package browser

import (
	"context"
	"fmt"
	"syscall/js"

	"github.com/shoal-compute/shoal/webgpu/browser/promise"
	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/gpu"
	"github.com/shoal-compute/shoal/webgpu/launch"
)

// webgpu is the machine behind one GPUDevice.
type webgpu struct {
	info   gpu.Info
	device js.Value
	queue  js.Value
	js     webgpuCalls
	events webgpuEvents

	out     scratch
	staging staging
	layouts layouts
	groups  groups
	started map[*launch.Code]*compiling
	serial  uint64 // names memories
	closed  bool
}

var (
	_ gpu.Machine = (*webgpu)(nil)
	_ gpu.Starter = (*webgpu)(nil)
)

func newWebGPU(dev js.Value, info gpu.Info) *webgpu {
	m := &webgpu{info: info, device: dev, queue: dev.Get("queue"), js: newWebgpuCalls(), started: map[*launch.Code]*compiling{}}
	m.events.watch(dev)
	m.layouts.open(dev)
	m.groups.open()
	return m
}

// webgpuCalls are the methods that a run calls for every dispatch or submission.
type webgpuCalls struct {
	createEncoder, beginPass, clearBuffer, copyBuffer, finish js.Value
	setPipeline, setBindGroup, dispatch, end                  js.Value
	submit, whenDone, writeBuffer                             js.Value
}

func newWebgpuCalls() webgpuCalls {
	return webgpuCalls{
		createEncoder: method("GPUDevice", "createCommandEncoder"),
		beginPass:     method("GPUCommandEncoder", "beginComputePass"),
		clearBuffer:   method("GPUCommandEncoder", "clearBuffer"),
		copyBuffer:    method("GPUCommandEncoder", "copyBufferToBuffer"),
		finish:        method("GPUCommandEncoder", "finish"),
		setPipeline:   method("GPUComputePassEncoder", "setPipeline"),
		setBindGroup:  method("GPUComputePassEncoder", "setBindGroup"),
		dispatch:      method("GPUComputePassEncoder", "dispatchWorkgroups"),
		end:           method("GPUComputePassEncoder", "end"),
		submit:        method("GPUQueue", "submit"),
		whenDone:      method("GPUQueue", "onSubmittedWorkDone"),
		writeBuffer:   method("GPUQueue", "writeBuffer"),
	}
}

func (m *webgpu) Info() gpu.Info { return m.info }

// usable reports why the machine cannot be used.
func (m *webgpu) usable() error {
	if m.closed {
		return errClosed
	}
	return m.events.lost()
}

// await waits for a promise of the device. Whatever the promise says, a
// device that is gone is the reason.
func (m *webgpu) await(ctx context.Context, made js.Value) (js.Value, error) {
	v, err := promise.Await(ctx, m.events.gone, made)
	if lost := m.events.lost(); lost != nil {
		return v, lost
	}
	return v, err
}

// sync waits for promise, which is settled after everything queued so far, and
// for what went wrong until then.
func (m *webgpu) sync(ctx context.Context, promise js.Value) error {
	memory, valid := m.events.take()
	all, err := m.await(ctx, allSettled(promise, memory, valid))
	if err != nil {
		return err
	}
	if e := fulfilled(all.Index(1)); e.Truthy() {
		return fmt.Errorf("browser: %w: %s", device.ErrMemory, message(e))
	}
	if e := fulfilled(all.Index(2)); e.Truthy() {
		return fmt.Errorf("browser: WebGPU: %s", message(e))
	}
	if err := m.events.stray(); err != nil {
		return err
	}
	if all.Index(0).Get("status").String() != "fulfilled" {
		// Nothing was wrong with what was asked for, so the device is: a
		// browser may reject what waits before it says that the device is lost.
		m.events.lose(message(all.Index(0).Get("reason")))
		return m.events.lost()
	}
	return nil
}

func (m *webgpu) Wait(ctx context.Context) error {
	if err := m.usable(); err != nil {
		return err
	}
	return m.sync(ctx, m.js.whenDone.Invoke(m.queue))
}

// Close destroys the device, and with it everything that it made. Callbacks
// are released as the browser answers for the last time.
func (m *webgpu) Close() error {
	if m.closed {
		return nil
	}
	m.closed = true
	m.device.Call("destroy")
	return nil
}
