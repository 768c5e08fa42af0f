// Worker is the volunteer as a WebAssembly program. Built for js it runs
// inside a dedicated Web Worker of a page; package wasm/browser has the page's
// side. Built for wasip1 it runs headless under a host that lends it frames,
// as testharness/wasmhost does.
//
// It only chooses: devices and transport here, everything else in the
// packages it imports. deps.txt lists those, because all of them are
// downloaded by every visitor.
package main
