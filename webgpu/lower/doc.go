// Package lower takes kernels apart for printers: it turns the expressions of
// a kernel into nodes, one for each distinct value, without the operations
// that no machine has (Shift, Rne), simplified where a bound that holds for
// every instance allows it, each with how often it has to be computed and how
// many reductions must come before.
//
// It owns what every printer would otherwise do in its own way. It refuses to
// know any target, and in which loops or invocations a value is computed.
package lower
