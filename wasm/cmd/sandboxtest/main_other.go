//go:build !js

package main

func main() { panic("sandboxtest: built for js only; run its test instead") }
