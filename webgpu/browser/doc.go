// Package browser holds the lanes of a browser's dedicated worker that run on
// a GPU: webgpu and webgl.
//
// It owns the machines that package gpu drives here, and so every use of
// WebGPU and of WebGL: adapters and contexts, memory, pipelines, and which of
// the browser's late errors mean that memory ran out or that the GPU is gone.
// It refuses to know programs, kernels, the page and the hub.
//
// Go for js has one thread, and the browser answers only while Go waits. A
// machine therefore never spins: it waits for promises on channels, and every
// such wait also ends when the GPU is lost and when its context does.
package browser
