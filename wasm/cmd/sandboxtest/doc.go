// Sandboxtest runs the modules of package sandbox/sandboxtest in a browser, and
// its test compares their outcomes with those under wazero. Built for js it is
// a page's program that posts a line for each case. Only its own test builds
// it.
//
// A failure names its case. SHOAL_CASES, a list of names divided by commas,
// runs only these.
package main
