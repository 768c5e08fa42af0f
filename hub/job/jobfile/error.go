package jobfile

import (
	"fmt"
	"strings"
)

// Error says what is wrong with a job file and where.
type Error struct {
	Line    int    // from 1; 0 when the error is not about a line
	Set     string // the assignment at fault, as in "train.steps=x"; then Line is 0
	Field   string // as in "train.steps"; empty for syntax errors
	Problem string
}

// Error reads "jobfile: line 7: train.stepz: unknown field".
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("jobfile: ")
	switch {
	case e.Set != "":
		fmt.Fprintf(&b, "--set %s: ", e.Set)
	case e.Line > 0:
		fmt.Fprintf(&b, "line %d: ", e.Line)
	}
	if e.Field != "" {
		b.WriteString(e.Field)
		b.WriteString(": ")
	}
	b.WriteString(e.Problem)
	return b.String()
}
