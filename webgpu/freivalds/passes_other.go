//go:build !amd64

package freivalds

// vectorised is off: the plain loops do all the work here.
var vectorised = false

func dotNarrow(*byte, *int16, *int16, *int16, int, *sums) { panic("freivalds: no assembly") }

func dotColumns(*byte, int, int, *int16, *int16, *int16, *[3][16]int32) {
	panic("freivalds: no assembly")
}

func dotWide(*byte, *int32, *int32, int, *[2][4]int64) { panic("freivalds: no assembly") }
