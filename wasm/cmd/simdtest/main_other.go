//go:build !js

package main

func main() { panic("simdtest: built for js only; run its test instead") }
