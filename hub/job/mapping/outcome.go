package mapping

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/shoal-compute/shoal/hub/job"
)

// words are the statuses as programs read them.
var words = [...]string{
	job.Returned:     "returned",
	job.Exited:       "exited",
	job.Trapped:      "trapped",
	job.OutOfFuel:    "out_of_fuel",
	job.OutOfMemory:  "out_of_memory",
	job.OutOfStack:   "out_of_stack",
	job.OutputTooBig: "output_too_big",
}

// Word is how files and JSON name a status.
func Word(s job.Status) string {
	if int(s) < len(words) && words[s] != "" {
		return words[s]
	}
	return fmt.Sprintf("status_%d", s)
}

// maxReason bounds what people are told of a complaint, in bytes.
const maxReason = 200

// Reason says in a line why a run failed: the status, and the end of what the
// module complained, which may be any bytes.
func Reason(o job.Outcome) string {
	reason := fmt.Sprintf("%v after %d instructions", o.Status, o.Fuel)
	if complaint := lastLine(o.Output); complaint != "" {
		reason += ": " + complaint
	}
	return reason
}

// lastLine returns the last line of text that says something, fit to be shown.
func lastLine(text []byte) string {
	clean := strings.Map(func(r rune) rune {
		if r == '\n' || unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, strings.ToValidUTF8(string(text), "?"))
	clean = strings.TrimSpace(clean)
	line := strings.TrimSpace(clean[strings.LastIndexByte(clean, '\n')+1:])
	if len(line) > maxReason {
		line = "..." + strings.ToValidUTF8(line[len(line)-maxReason:], "")
	}
	return line
}
