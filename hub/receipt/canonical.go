package receipt

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// ErrDamaged means that bytes are not what this package writes, or do not fit
// together.
var ErrDamaged = errors.New("receipt: damaged")

// decode reads JSON into v strictly: no unknown fields, nothing after it, and
// not one byte different from what encode gives for v. Otherwise two texts
// could say the same, and one of them would not be the one that was hashed.
func decode(data []byte, v any, encode func() ([]byte, error)) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			err = errors.New("it ends too early")
		}
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	again, err := encode()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if !bytes.Equal(again, data) {
		return fmt.Errorf("%w: not in canonical form", ErrDamaged)
	}
	return nil
}
