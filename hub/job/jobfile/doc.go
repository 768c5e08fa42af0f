// Package jobfile reads and writes job files: YAML or JSON text on one side,
// job.Spec on the other.
//
// Reading is strict, because a job's weights are a function of its file
// alone and a misspelt field must not silently mean its default: an unknown
// or repeated field, a value of the wrong type, an alias, a tag or a second
// document is an Error that names the line and the field. Numbers are read
// as written: whole numbers in decimal, and train.lr as an exact decimal that
// never passes through a float.
//
// Assignments such as "train.steps=500" change fields after the file is read
// and undergo the same checks.
//
// Encode writes the canonical form: JSON with the fields in the order of
// job.Spec and absent fields left out. Parse(Encode(s)) equals s, and equal
// specs encode to equal bytes, whatever file they came from.
//
// The package owns syntax, types and the checks that all kinds share
// (job.Spec.Validate). What the values mean to a kind, it refuses to know.
package jobfile
