package data

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Images is a set of equally large grey images, one byte per pixel, in rows.
type Images struct {
	Count, Height, Width int
	Pixels               []byte // Count*Height*Width
}

// Image returns the pixels of image i.
func (m Images) Image(i int) []byte {
	n := m.Height * m.Width
	return m.Pixels[i*n : (i+1)*n]
}

// ReadImages reads an IDX file of unsigned bytes in three dimensions: count,
// height, width.
func ReadImages(raw []byte) (Images, error) {
	dims, pixels, err := readIDX(raw, 3)
	if err != nil {
		return Images{}, err
	}
	if dims[1] == 0 || dims[2] == 0 {
		return Images{}, fmt.Errorf("images of %d by %d pixels", dims[1], dims[2])
	}
	return Images{Count: dims[0], Height: dims[1], Width: dims[2], Pixels: pixels}, nil
}

// ReadLabels reads an IDX file of unsigned bytes in one dimension.
func ReadLabels(raw []byte) ([]byte, error) {
	_, labels, err := readIDX(raw, 1)
	return labels, err
}

// typeByte is IDX's code for unsigned bytes.
const typeByte = 0x08

// readIDX reads the header (two zero bytes, element type, number of
// dimensions, then each dimension as big-endian 32 bits) and requires that
// exactly the elements follow.
func readIDX(raw []byte, want int) (dims []int, elements []byte, err error) {
	if len(raw) < 4 {
		return nil, nil, errors.New("not an IDX file: shorter than its header")
	}
	if raw[0] != 0 || raw[1] != 0 {
		return nil, nil, fmt.Errorf("not an IDX file: starts with bytes %02x %02x instead of 00 00", raw[0], raw[1])
	}
	if raw[2] != typeByte {
		return nil, nil, fmt.Errorf("IDX element type %#02x, only unsigned bytes (0x08) can be read", raw[2])
	}
	if int(raw[3]) != want {
		return nil, nil, fmt.Errorf("IDX file of %d dimensions, want %d", raw[3], want)
	}
	header := 4 + 4*want
	if len(raw) < header {
		return nil, nil, errors.New("damaged IDX file: ends inside its header")
	}
	elements = raw[header:]
	size := int64(1)
	for i := range want {
		d := int64(binary.BigEndian.Uint32(raw[4+4*i:]))
		dims = append(dims, int(d))
		// Capped just above the file's length: the factors are below 2^32 and
		// so the product cannot wrap.
		size = min(size*d, int64(len(elements))+1)
	}
	switch {
	case size > int64(len(elements)):
		return nil, nil, fmt.Errorf("damaged IDX file: %d elements are fewer than its dimensions %v say", len(elements), dims)
	case size < int64(len(elements)):
		return nil, nil, fmt.Errorf("damaged IDX file: %d elements are more than its dimensions %v say", len(elements), dims)
	}
	return dims, elements, nil
}
