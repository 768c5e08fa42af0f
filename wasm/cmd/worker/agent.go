package main

// version is set at build time by -ldflags "-X main.version=...".
var version = "dev"

var agent = "shoal-worker/" + version
