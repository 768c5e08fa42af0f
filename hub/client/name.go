package client

import (
	"fmt"
	"strings"
)

// ArgumentError is something that was asked for and cannot be named in a
// request: no hub has it, so none is asked.
type ArgumentError struct {
	Argument string // what it should be, as in "job ID"
	Value    string
	Want     string
}

func (e *ArgumentError) Error() string {
	return fmt.Sprintf("client: %q is no %s: want %s", e.Value, e.Argument, e.Want)
}

// maxID bounds an ID, in bytes.
const maxID = 64

// CheckID reports why id cannot be a job's.
func CheckID(id string) error { return checkID("job ID", id) }

// checkID holds IDs to what every hub's are made of, and to nothing that means
// something in a URL.
func checkID(what, id string) error {
	other := func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '-' || r == '_')
	}
	if id == "" || len(id) > maxID || strings.ContainsFunc(id, other) {
		return &ArgumentError{Argument: what, Value: id, Want: fmt.Sprintf("1 to %d letters, digits, - and _", maxID)}
	}
	return nil
}

// checkFile holds names of artifacts to names of files.
func checkFile(name string) error {
	if name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\\") {
		return &ArgumentError{Argument: "artifact's name", Value: name, Want: "a file name without directories"}
	}
	return nil
}

// jobPath is where a hub has a part of a job; "" is the job itself. All requests
// about a job get their path here.
func jobPath(id, part string) (string, error) {
	if err := CheckID(id); err != nil {
		return "", err
	}
	return "/api/v1/jobs/" + id + part, nil
}
