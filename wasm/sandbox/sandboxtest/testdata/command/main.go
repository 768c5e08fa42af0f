// Command does what its input says, as Go programs do: with a runtime that
// reads clocks, draws random numbers, collects garbage and switches between
// goroutines.
package main

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"sort"
	"sync"
	"time"
)

func main() {
	input, err := io.ReadAll(os.Stdin)
	if err != nil {
		panic(err)
	}
	switch string(input) {
	case "world":
		world()
	case "floats":
		floats()
	case "goroutines":
		goroutines()
	case "garbage":
		garbage()
	case "maps":
		maps()
	case "panic":
		panic("as asked")
	case "nil":
		var p *int
		fmt.Println(*p)
	case "exit":
		fmt.Fprintln(os.Stderr, "leaving")
		os.Exit(7)
	case "deep":
		fmt.Println(deep(500))
	case "too deep":
		fmt.Println(deep(1 << 20))
	case "too much memory":
		var all [][]byte
		for {
			all = append(all, make([]byte, 1<<20))
		}
	case "for ever":
		for i := 0; ; i++ {
		}
	case "asleep":
		select {}
	case "much output":
		for {
			fmt.Println("again and again")
		}
	default:
		fmt.Printf("input: %q\n", input)
	}
}

func world() {
	start := time.Now()
	time.Sleep(24 * time.Hour)
	random := make([]byte, 16)
	if _, err := rand.Read(random); err != nil {
		panic(err)
	}
	_, err := os.Open("/etc/passwd")
	fmt.Println(start.UTC(), time.Since(start) >= 24*time.Hour, hex.EncodeToString(random), len(os.Args), os.Environ(), err)
}

func floats() {
	zero := math.Copysign(0, -1)
	for _, v := range []float64{zero / zero, math.Sqrt(-1), math.Inf(1) - math.Inf(1), math.Log(-1), math.Mod(1, 0), math.NaN()} {
		fmt.Printf("%v %016x %08x\n", v, math.Float64bits(v), math.Float32bits(float32(v)))
	}
	sum := 0.0
	for i := range 100000 {
		sum += math.Sin(float64(i)) / (1 + math.Exp(-float64(i%50)))
	}
	fmt.Printf("%016x\n", math.Float64bits(sum))
}

func goroutines() {
	var mu sync.Mutex
	var wg sync.WaitGroup
	total, order := 0, ""
	for i := range 20 {
		wg.Go(func() {
			time.Sleep(time.Duration(20-i) * time.Second)
			mu.Lock()
			defer mu.Unlock()
			total += i
			order += fmt.Sprint(i, " ")
		})
	}
	wg.Wait()
	fmt.Println(total, order)
}

func garbage() {
	kept := map[int][]byte{}
	for i := range 2000 {
		kept[i%50] = make([]byte, 10000+i)
	}
	n := 0
	for _, b := range kept {
		n += len(b)
	}
	fmt.Println(len(kept), n)
}

// maps prints a map in the order of iteration, which Go makes random.
func maps() {
	m := map[string]float64{}
	for i := range 40 {
		m[fmt.Sprint("key", i)] = 1 / float64(i+1)
	}
	for k := range m {
		fmt.Print(k, " ")
	}
	b, err := json.Marshal(m)
	if err != nil {
		panic(err)
	}
	var back map[string]float64
	if err := json.Unmarshal(b, &back); err != nil {
		panic(err)
	}
	keys := make([]string, 0, len(back))
	for k := range back {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	fmt.Println(string(b), keys)
}

func deep(n int) int {
	if n == 0 {
		return 0
	}
	return deep(n-1) + 1
}
