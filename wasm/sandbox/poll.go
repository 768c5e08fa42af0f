package sandbox

import "encoding/binary"

// Sizes and numbers of poll_oneoff.
const (
	subscription  = 48
	event         = 32
	eventClock    = 0
	eventRead     = 1
	eventWrite    = 2
	clockAbsolute = 1
	maxPolled     = 1 << 10
	notYet        = ^uint64(0)
)

// poll waits for the first of some events. Files are always ready. When only
// clocks are asked for, it is the first alarm's time at once.
func (r *Run) poll(s *system, in, out, n, count uint32) errno {
	if n == 0 || n > maxPolled {
		return errnoInvalid
	}
	raw := make([]byte, n*subscription)
	s.bytes(raw, in)
	if s.fault {
		return errnoFault
	}
	at := make([]uint64, n) // when each is due
	first := notYet
	for i := range at {
		var e errno
		if at[i], e = r.due(raw[i*subscription:]); e != success {
			return e
		}
		first = min(first, at[i])
	}
	r.now = max(r.now, first)
	var events []byte
	for i, due := range at {
		if due > r.now || first == 0 && due != 0 {
			continue
		}
		sub := raw[i*subscription:]
		e := make([]byte, event)
		copy(e, sub[:8]) // what the module calls it
		e[10] = sub[8]
		switch fd := binary.LittleEndian.Uint32(sub[16:]); {
		case sub[8] == eventClock:
		case r.file(fd) != success:
			binary.LittleEndian.PutUint16(e[8:], uint16(errnoBadFile))
		case sub[8] == eventRead && fd == 0:
			binary.LittleEndian.PutUint64(e[16:], uint64(len(r.input)-r.read))
		}
		events = append(events, e...)
	}
	s.store(out, events)
	s.put(count, uint64(len(events)/event), 4)
	return success
}

// due is when a subscription has its event: 0 when it is already there.
func (r *Run) due(sub []byte) (uint64, errno) {
	switch sub[8] {
	case eventRead, eventWrite:
		return 0, success
	case eventClock:
		if e := clock(binary.LittleEndian.Uint32(sub[16:])); e != success {
			return 0, e
		}
		t := binary.LittleEndian.Uint64(sub[24:])
		if binary.LittleEndian.Uint16(sub[40:])&clockAbsolute == 0 {
			t += r.now
			if t < r.now { // beyond all time
				t = notYet - 1
			}
		}
		return min(max(t, 1), notYet-1), success
	}
	return 0, errnoInvalid
}
