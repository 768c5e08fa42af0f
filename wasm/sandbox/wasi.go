package sandbox

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/shoal-compute/shoal/hub/job"
)

// wasi is what a module sees of the world: an input, an output, a clock that
// only the module itself moves on, and bytes that look random and are the same
// in every run.
type wasi struct {
	form   Form
	input  []byte
	output []byte
	stderr []byte // the end of it
	most   int    // bytes of output
	read   int    // bytes of input
	now    uint64 // nanoseconds
	random stream
	closed [3]bool
}

// The clock moves by a step each time that it is read.
const clockStep = 1000

// Bounds of one call, above which it is invalid.
const (
	maxVectors = 1 << 10
	maxMoved   = 1 << 27 // bytes
	maxRandom  = 1 << 20 // bytes
)

// stopped is what Call returns for a call that does not return to the module.
const stopped = 0xff

// Call answers a call of the module: what ImportName is.
func (r *Run) Call(mem Memory, what, a, b, c, d uint32) uint32 {
	s := system{mem: mem, cost: costCall}
	var e errno
	switch call(what) {
	case callTick:
		if r.over() {
			r.ended = interrupted
			return stopped
		}
		return 0
	case callExit:
		r.ended, r.code = exited, a
		return stopped
	case callWrite:
		if e = r.write(&s, a, b, c, d); e == stopped {
			r.ended = tooMuch
			return stopped
		}
	case callRead:
		e = r.readInput(&s, a, b, c, d)
	case callClose:
		e = r.close(a)
	case callStatus:
		e = r.status(&s, a, b)
	case callSizes:
		s.put(a, 0, 4)
		s.put(b, 0, 4)
	case callClock:
		if e = clock(a); e == success {
			r.now += clockStep
			s.put(b, r.now, 8)
		}
	case callResolution:
		if e = clock(a); e == success {
			s.put(b, clockStep, 8)
		}
	case callPoll:
		e = r.poll(&s, a, b, c, d)
	case callRandom:
		e = r.fill(&s, a, b)
	default:
		e = errnoNoSystem
	}
	if s.fault {
		e = errnoFault
	}
	return uint32(e) | min(s.cost, 1<<24-1)<<8
}

// system is one call: what it costs, and whether an address was wrong.
type system struct {
	mem   Memory
	cost  uint32 // instructions
	fault bool
}

func (s *system) bytes(dst []byte, ptr uint32) {
	s.fault = s.fault || !s.mem.Read(dst, ptr)
	s.cost += uint32(len(dst)+1<<shiftBytes-1) >> shiftBytes
}

func (s *system) store(ptr uint32, src []byte) {
	s.fault = s.fault || !s.mem.Write(ptr, src)
	s.cost += uint32(len(src)+1<<shiftBytes-1) >> shiftBytes
}

// put writes a number of size bytes.
func (s *system) put(ptr uint32, v uint64, size int) {
	s.store(ptr, binary.LittleEndian.AppendUint64(nil, v)[:size])
}

// vectors reads a list of pieces of memory.
func (s *system) vectors(ptr, n uint32) ([][2]uint32, errno) {
	if n > maxVectors {
		return nil, errnoInvalid
	}
	raw := make([]byte, 8*n)
	s.bytes(raw, ptr)
	all := make([][2]uint32, n)
	total := uint64(0)
	for i := range all {
		all[i] = [2]uint32{binary.LittleEndian.Uint32(raw[8*i:]), binary.LittleEndian.Uint32(raw[8*i+4:])}
		total += uint64(all[i][1])
	}
	if total > maxMoved {
		return nil, errnoInvalid
	}
	return all, success
}

func (r *Run) file(fd uint32) errno {
	if fd > 2 || r.closed[fd] {
		return errnoBadFile
	}
	return success
}

func (r *Run) close(fd uint32) errno {
	e := r.file(fd)
	if e == success {
		r.closed[fd] = true
	}
	return e
}

// write takes what the module writes. Of a Plain module's stdout nobody reads
// the output, so that it belongs to the complaint.
func (r *Run) write(s *system, fd, vectors, n, written uint32) errno {
	if e := r.file(fd); e != success || fd == 0 {
		return errnoBadFile
	}
	all, e := s.vectors(vectors, n)
	if e != success || s.fault {
		return e
	}
	total := 0
	for _, v := range all {
		total += int(v[1])
		if fd == 2 || r.form == Plain {
			r.complain(s, v[0], v[1])
			continue
		}
		at := len(r.output)
		if at+int(v[1]) > r.most {
			return stopped
		}
		r.output = append(r.output, make([]byte, v[1])...)
		if s.bytes(r.output[at:], v[0]); s.fault {
			r.output = r.output[:at]
			return errnoFault
		}
	}
	s.put(written, uint64(total), 4)
	return success
}

// complain keeps the end of all complaints.
func (r *Run) complain(s *system, ptr, size uint32) {
	skip := max(size, job.MaxComplaint) - job.MaxComplaint
	piece := make([]byte, size-skip)
	s.cost += skip >> shiftBytes
	if uint64(ptr)+uint64(skip) > 1<<32-1 {
		s.fault = true
	}
	if s.bytes(piece, ptr+skip); s.fault {
		return
	}
	r.stderr = append(r.stderr, piece...)
	if n := len(r.stderr) - job.MaxComplaint; n > 0 {
		r.stderr = append([]byte(nil), r.stderr[n:]...)
	}
}

func (r *Run) readInput(s *system, fd, vectors, n, read uint32) errno {
	if e := r.file(fd); e != success || fd != 0 {
		return errnoBadFile
	}
	all, e := s.vectors(vectors, n)
	if e != success || s.fault {
		return e
	}
	total := 0
	for _, v := range all {
		var from []byte
		if r.form == Command {
			from = r.input[r.read:]
		}
		from = from[:min(len(from), int(v[1]))]
		s.store(v[0], from)
		r.read += len(from)
		total += len(from)
	}
	s.put(read, uint64(total), 4)
	return success
}

// status describes the files that there are: neither files of a disk nor
// terminals.
func (r *Run) status(s *system, fd, ptr uint32) errno {
	if e := r.file(fd); e != success {
		return e
	}
	const rightRead, rightWrite = 1 << 1, 1 << 6
	var b [24]byte
	right := uint64(rightWrite)
	if fd == 0 {
		right = rightRead
	}
	binary.LittleEndian.PutUint64(b[8:], right)
	s.store(ptr, b[:])
	return success
}

// clock reports whether there is a clock of that number: all are the same one.
func clock(id uint32) errno {
	if id > 3 {
		return errnoInvalid
	}
	return success
}

func (r *Run) fill(s *system, ptr, n uint32) errno {
	if n > maxRandom {
		return errnoInvalid
	}
	b := make([]byte, n)
	r.random.fill(b)
	s.store(ptr, b)
	s.cost += n // what making them costs
	return success
}

// stream is bytes that are the same in every run: the hashes of a constant and
// a number.
type stream struct {
	next uint64
	rest []byte
}

func (r *stream) fill(b []byte) {
	for len(b) > 0 {
		if len(r.rest) == 0 {
			h := sha256.Sum256(binary.LittleEndian.AppendUint64([]byte("shoal: these bytes are not random\n"), r.next))
			r.next++
			r.rest = h[:]
		}
		n := copy(b, r.rest)
		b, r.rest = b[n:], r.rest[n:]
	}
}
