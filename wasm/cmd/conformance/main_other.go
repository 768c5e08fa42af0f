//go:build !js

package main

func main() { panic("conformance: built for js only; run its test instead") }
