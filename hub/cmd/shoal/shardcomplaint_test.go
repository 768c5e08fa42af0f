package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/hub/job/mapping"
)

// What a module complains is told once, and says nothing to a terminal.
func TestComplaint(t *testing.T) {
	for _, tt := range []struct{ complaint, before string }{
		{"", ""},
		{"no good: é\n", ""},
		{"\n\nno good", ""},
		{"\x1b]0;pwned\x07\x1b[31mred", ""},
		{"first\nsecond\n", "first\nsecond\n"},
		{"\x1b]0;pwned\x07\nsecond", "\ufffd]0;pwned\ufffd\nsecond\n"},
		{"panic: x\n\ngoroutine 1:\n\tmain.main()\n", "panic: x\n\ngoroutine 1:\n\tmain.main()\n"},
		{strings.Repeat("long ", 100), strings.Repeat("long ", 100) + "\n"},
		{"\xff\xfe\nsecond", "\ufffd\nsecond\n"},
	} {
		o := job.Outcome{Status: job.Exited, Fuel: 7, Output: []byte(tt.complaint)}
		r := &shardRun{Complaint: mapping.NewLine(0, o, false).Complaint, Reason: mapping.Reason(o), outcome: o}
		var out, errs bytes.Buffer
		err := r.show(streams{out: &out, err: &errs}, "-", false)
		if errs.String() != tt.before {
			t.Errorf("%q is told as %q, want %q", tt.complaint, errs.String(), tt.before)
		}
		if err == nil || printable(err.Error()) != err.Error() {
			t.Errorf("%q ends with %v", tt.complaint, err)
		}
	}
}
