//go:build !js

package main

func main() { panic("lane: built for js only; run peers browser instead") }
