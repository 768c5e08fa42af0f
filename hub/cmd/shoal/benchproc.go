package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

const megabyte = 1e6

// memory is what a process holds, in megabytes.
type memory struct {
	resident     float64 // now, files and shared memory included
	peak         float64 // the most that was ever resident
	private      float64 // now, without what other processes have mapped too
	proportional float64 // private, and its share of what is shared
}

// memoryOf asks the kernel. The fields are described in proc(5).
func memoryOf(pid int) (memory, error) {
	status, err := procFields(pid, "status")
	if err != nil {
		return memory{}, err
	}
	rollup, err := procFields(pid, "smaps_rollup")
	if err != nil {
		return memory{}, err
	}
	m := memory{
		resident:     status["VmRSS"],
		peak:         status["VmHWM"],
		private:      rollup["Private_Clean"] + rollup["Private_Dirty"],
		proportional: rollup["Pss"] + rollup["SwapPss"],
	}
	if m.resident == 0 || m.peak == 0 || m.proportional == 0 {
		return memory{}, fmt.Errorf("process %d has no memory: it has ended", pid)
	}
	return m, nil
}

// procFields reads the fields in kB of one of a process's files, as megabytes.
func procFields(pid int, file string) (map[string]float64, error) {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/" + file)
	if err != nil {
		return nil, err
	}
	fields := map[string]float64{}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(line, ":")
		number, isSize := strings.CutSuffix(strings.TrimSpace(value), " kB")
		if kib, err := strconv.ParseUint(number, 10, 64); isSize && err == nil {
			fields[name] = float64(kib) * 1024 / megabyte
		}
	}
	return fields, nil
}
