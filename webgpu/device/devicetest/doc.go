// Package devicetest is the conformance suite of devices: it holds every
// device to the bytes of the reference.
//
// Run compares a device with package reference on three kinds of programs:
// every op of the op set alone, some side by side in one program since starting
// one costs more than a small op, with shapes, attributes and values chosen to
// hurt; random programs; and whole programs: training steps of small networks,
// and what the caller hands in. What fails is reduced to the smallest part that
// still fails. It also checks what package device promises about buffers and
// executables.
//
// Everything is made from seeds. The same seed gives the same programs and
// inputs on every machine, so a case that ran natively can be run again in a
// browser and compared by hash alone.
//
// The package refuses to know any concrete device but the reference.
package devicetest
