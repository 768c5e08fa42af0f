package witness

import "fmt"

// ProductError reports accumulators that are not the product of their
// operands: the first such contraction of the program. What was claimed of
// everything before it is right.
type ProductError struct {
	Op   int    // of the program
	Name string // of the op
	Err  error  // what is wrong: a *freivalds.WrongError, or a value that no product can have
}

func (e *ProductError) Error() string {
	return fmt.Sprintf("witness: op %d (%s): %v", e.Op, e.Name, e.Err)
}

func (e *ProductError) Unwrap() error { return e.Err }

// OutputError reports an output that is not what the program returns, though
// every product of the witness is right.
type OutputError struct {
	Output string // its name
	Op     int    // of the program: the one that makes it
	Name   string // of the op
	Byte   int    // the first that differs
}

func (e *OutputError) Error() string {
	return fmt.Sprintf("witness: output %s, of op %d (%s), differs at byte %d from what the op makes", e.Output, e.Op, e.Name, e.Byte)
}
