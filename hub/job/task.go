package job

import (
	"encoding/binary"
	"fmt"
)

// A Task is the program of a shard that runs somebody's WebAssembly module: the
// blob that Shard.Program names is its encoding. Such a shard's inputs are the
// module's inputs, one run each, and its outputs are their Outcomes in the same
// order. Whoever computes it does so in package sandbox, which makes the
// outcome a function of module, limits and input alone.
type Task struct {
	Module Hash   // the module as its author made it, a blob
	Fuel   uint64 // instructions one run may execute
	Memory uint32 // pages of 64 KiB one run may have
	Output uint32 // bytes one run may write
}

// Limits of a Task.
const (
	MaxFuel       = 1 << 40
	MaxPages      = 4096 // 256 MiB
	MaxTaskOutput = 16 << 20
	taskSize      = 8 + 4 + len(Hash{}) + 8 + 4 + 4
)

// TaskRules is the version of the rules by which package sandbox runs modules.
// It is part of every task and goes up with any change that alters an outcome,
// fuel included: software of two versions would otherwise refute one another.
const TaskRules = 1

var taskMagic = [8]byte{'s', 'h', 'o', 'a', 'l', 'm', 'a', 'p'}

// IsTask reports whether an encoded program is a Task.
func IsTask(encoded []byte) bool {
	return len(encoded) >= len(taskMagic) && [8]byte(encoded) == taskMagic
}

// Encode returns the one encoding of t: magic, rules, module, fuel, memory,
// output, the numbers little-endian.
func (t Task) Encode() []byte {
	b := append(make([]byte, 0, taskSize), taskMagic[:]...)
	b = binary.LittleEndian.AppendUint32(b, TaskRules)
	b = append(b, t.Module[:]...)
	b = binary.LittleEndian.AppendUint64(b, t.Fuel)
	b = binary.LittleEndian.AppendUint32(b, t.Memory)
	return binary.LittleEndian.AppendUint32(b, t.Output)
}

// DecodeTask is the strict inverse of Encode.
func DecodeTask(data []byte) (Task, error) {
	if len(data) != taskSize || !IsTask(data) {
		return Task{}, fmt.Errorf("%w: task: %d bytes are no task", ErrEncoding, len(data))
	}
	if rules := binary.LittleEndian.Uint32(data[8:]); rules != TaskRules {
		return Task{}, fmt.Errorf("%w: task: it runs by rules %d, this software knows rules %d", ErrEncoding, rules, TaskRules)
	}
	t := Task{Module: Hash(data[12:44])}
	t.Fuel = binary.LittleEndian.Uint64(data[44:])
	t.Memory = binary.LittleEndian.Uint32(data[52:])
	t.Output = binary.LittleEndian.Uint32(data[56:])
	return t, t.Validate()
}

// Validate reports a limit that is out of range.
func (t Task) Validate() error {
	switch {
	case t.Fuel == 0 || t.Fuel > MaxFuel:
		return fmt.Errorf("%w: task: fuel of %d, want 1 to %d", ErrEncoding, t.Fuel, uint64(MaxFuel))
	case t.Memory == 0 || t.Memory > MaxPages:
		return fmt.Errorf("%w: task: memory of %d pages, want 1 to %d", ErrEncoding, t.Memory, MaxPages)
	case t.Output > MaxTaskOutput:
		return fmt.Errorf("%w: task: output of %d bytes, want at most %d", ErrEncoding, t.Output, MaxTaskOutput)
	}
	return nil
}

// Status is how one run of a module ended. Every status is a result like any
// other: it is the same wherever the run is repeated, and is paid for. The
// numbers are part of the encoding.
type Status uint8

// The statuses.
const (
	Returned     Status = 1 // it ended by itself with exit code 0
	Exited       Status = 2 // it ended by itself with another exit code
	Trapped      Status = 3 // it did what WebAssembly forbids, or called what the sandbox does not have
	OutOfFuel    Status = 4 // it executed more instructions than it may
	OutOfMemory  Status = 5 // it trapped, or gave up with an error, after it was refused memory
	OutOfStack   Status = 6 // its calls were nested too deep
	OutputTooBig Status = 7 // it wrote more than it may
)

var statusNames = [...]string{
	Returned: "returned", Exited: "exited with an error", Trapped: "trapped", OutOfFuel: "ran out of fuel",
	OutOfMemory: "ran out of memory", OutOfStack: "nested calls too deep", OutputTooBig: "wrote too much output",
}

// String returns what people are told.
func (s Status) String() string {
	if int(s) < len(statusNames) && statusNames[s] != "" {
		return statusNames[s]
	}
	return fmt.Sprintf("status %d", uint8(s))
}

// Outcome is the result of one run of a module.
type Outcome struct {
	Status Status
	Fuel   uint64 // instructions executed: what the run is paid by
	Output []byte // what it wrote; of a run that failed, the end of what it complained
}

// MaxComplaint bounds the Output of a run that failed.
const MaxComplaint = 1 << 10

const outcomeHead = 1 + 8

// Encode returns the one encoding of o: status, fuel as 8 bytes little-endian, output.
func (o Outcome) Encode() []byte {
	b := append(make([]byte, 0, outcomeHead+len(o.Output)), byte(o.Status))
	b = binary.LittleEndian.AppendUint64(b, o.Fuel)
	return append(b, o.Output...)
}

// DecodeOutcome reads what a run within t's limits can have returned. The
// output aliases data.
func (t Task) DecodeOutcome(data []byte) (Outcome, error) {
	if len(data) < outcomeHead {
		return Outcome{}, fmt.Errorf("%w: outcome: %d bytes", ErrEncoding, len(data))
	}
	o := Outcome{Status: Status(data[0]), Fuel: binary.LittleEndian.Uint64(data[1:]), Output: data[outcomeHead:]}
	limit := uint32(MaxComplaint)
	if o.Status == Returned {
		limit = t.Output
	}
	switch {
	case o.Status < Returned || o.Status > OutputTooBig:
		return Outcome{}, fmt.Errorf("%w: outcome: status %d", ErrEncoding, data[0])
	case o.Fuel > t.Fuel:
		return Outcome{}, fmt.Errorf("%w: outcome: fuel of %d, over the task's %d", ErrEncoding, o.Fuel, t.Fuel)
	case len(o.Output) > int(limit):
		return Outcome{}, fmt.Errorf("%w: outcome: output of %d bytes, want at most %d", ErrEncoding, len(o.Output), limit)
	}
	return o, nil
}
