// Program is a shard that misbehaves as its input asks for. It is meant to be
// built for wasip1 and run in a sandbox. It does without package fmt, since
// every sandbox of every test compiles it.
package main

import (
	"hash/maphash"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"time"
	"unsafe"
)

// counter would count runs if anything were left over from one to the next.
var counter int

func main() {
	deed, err := io.ReadAll(os.Stdin)
	if err != nil {
		fail(err.Error())
	}
	counter++
	switch string(deed) {
	case "count":
		say(count())
	case "loop":
		for {
			counter++
		}
	case "grow":
		var kept [][]byte
		for {
			block := make([]byte, 1<<20)
			block[len(block)-1] = 1
			kept = append(kept, block)
			counter += len(kept)
		}
	case "panic":
		panic("it panics")
	case "fail":
		fail("it would rather not")
	case "recurse":
		say(recurse(1))
	case "flood":
		line := strings.Repeat("flood ", 1000)
		for {
			if _, err := os.Stdout.WriteString(line); err != nil {
				fail(err.Error())
			}
		}
	case "differ":
		differ()
	case "sleep":
		before := time.Now()
		time.Sleep(24 * time.Hour)
		say(int(time.Since(before).Hours()))
	case "files":
		_, err := os.ReadFile("/etc/passwd")
		say("read: " + err.Error())
		err = os.WriteFile("/tmp/unruly", deed, 0o600)
		say("write: " + err.Error())
		say(len(os.Environ()) + len(os.Args))
	default:
		fail("that is nothing it does: " + string(deed))
	}
}

func fail(why string) {
	os.Stderr.WriteString(why + "\n")
	os.Exit(1)
}

// say prints a line.
func say[T string | int | uint64](v T) {
	line := ""
	switch v := any(v).(type) {
	case string:
		line = v
	case int:
		line = strconv.Itoa(v)
	case uint64:
		line = strconv.FormatUint(v, 16)
	}
	if _, err := os.Stdout.WriteString(line + "\n"); err != nil {
		fail(err.Error())
	}
}

// count computes: how many primes are there below 10,000?
func count() int {
	n, composite := 0, make([]bool, 10_000)
	for i := 2; i < len(composite); i++ {
		if composite[i] {
			continue
		}
		n++
		for j := i * i; j < len(composite); j += i {
			composite[j] = true
		}
	}
	return n
}

func recurse(n int) int {
	if n == 0 {
		return 0
	}
	return recurse(n+1) ^ recurse(n+2)
}

// differ prints whatever a program may find that is not the same twice.
func differ() {
	say("runs")
	say(counter)
	say("time")
	say(int(time.Now().UnixNano()))
	say("random")
	say(rand.Uint64())
	say(maphash.String(maphash.MakeSeed(), "x"))
	say("order of a map")
	order := map[int]bool{}
	for i := range 64 {
		order[i] = true
	}
	for i := range order {
		say(i)
	}
	say("address")
	say(uint64(uintptr(unsafe.Pointer(&order))))
	say("not a number")
	zero := float64(counter - 1)
	say(math.Float64bits(zero / zero))
	say(math.Float64bits(-(zero / zero)))
	say(uint64(math.Float32bits(float32(zero / zero))))
	say("order of goroutines")
	ready := make(chan int, 8)
	for i := range 8 {
		go func() { ready <- i }()
	}
	for range 8 {
		say(<-ready)
	}
}
