// Package box is the sandbox of a page: a Web Worker of its own, in which
// people's modules run, and both sides of the conversation with it.
//
// A module computes for as long as its fuel lasts, and in a browser nothing can
// interrupt it but the end of its thread. So it gets one: the hub and the page
// are heard while it computes, a pause or a stop ends it at once, and what it
// took of the memory goes with it.
//
// New is for the volunteer's thread, Serve for the one that it starts. The
// package refuses to know which engine runs the modules there, and what they
// are run for.
package box
