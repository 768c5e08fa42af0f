package program

import "encoding/hex"

// ID names a program: the SHA-256 of its canonical encoding. It is also the
// name of the blob that holds that encoding.
type ID [32]byte

// String returns the lower-case hexadecimal form.
func (id ID) String() string { return hex.EncodeToString(id[:]) }
