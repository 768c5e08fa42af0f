//go:build !race

package gpu

const raced = false
