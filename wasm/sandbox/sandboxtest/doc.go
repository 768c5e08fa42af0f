// Package sandboxtest holds every sandbox.Host to the same outcomes: modules
// with known ones, and programs made of a seed whose outcomes hosts must agree
// on byte for byte.
//
// It owns the modules, and the small assembler that they are written with. It
// refuses to know the hosts.
package sandboxtest
