// Work is a Go program for measuring what counting costs: its input says what
// it does.
package main

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"sort"
)

func main() {
	input, err := io.ReadAll(os.Stdin)
	if err != nil {
		panic(err)
	}
	switch string(input) {
	case "sha256":
		b := make([]byte, 1<<20)
		for range 10 {
			h := sha256.Sum256(b)
			copy(b, h[:])
		}
		fmt.Println(b[0])
	case "primes":
		n := 0
		for i := 2; i < 2_000_000; i++ {
			prime := true
			for j := 2; j*j <= i && j < 60; j++ {
				if i%j == 0 {
					prime = false
					break
				}
			}
			if prime {
				n++
			}
		}
		fmt.Println(n)
	case "json and sort":
		x := make([]int, 20000)
		for i := range x {
			x[i] = i * 7919 % 20011
		}
		for range 5 {
			b, err := json.Marshal(x)
			if err != nil {
				panic(err)
			}
			var y []int
			if err := json.Unmarshal(b, &y); err != nil {
				panic(err)
			}
			sort.Ints(y)
			fmt.Println(y[100])
		}
	case "floats":
		x := 0.5
		for i := range 20_000_000 {
			x = math.Sqrt(x*3.1 + float64(i&7))
		}
		fmt.Println(x)
	}
}
