// Package jsbox runs sandboxed modules on the WebAssembly of the JavaScript
// engine that Go itself runs in: in a volunteer's tab, in a worker of its own.
//
// A run holds the thread until it is over. What ends it besides the module is
// its fuel and the deadline of its context; a cancellation is noticed only
// when something on the same thread could have made it, so that whoever must
// stop a run at once ends the worker.
package jsbox
