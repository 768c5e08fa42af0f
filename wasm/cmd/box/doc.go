// Box is the sandbox of a page as a WebAssembly program: the volunteer's thread
// starts it in a Web Worker of its own when the first module is to be run, and
// ends it when a run must end. It is a program of its own so that visitors who
// run no modules do not download it.
//
// It only chooses the engine; package wasm/browser has the conversation between
// the two.
package main
