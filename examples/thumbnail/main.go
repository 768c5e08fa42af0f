// Command thumbnail is a shard that makes small pictures of large ones: a PNG,
// JPEG or GIF goes in, a PNG that fits 160 by 160 pixels comes out.
//
// It is an example of a shard whose inputs and outputs are files, and of using
// a library that knows nothing of Shoal. Decoders and encoders are those of the
// standard library; the scaling is exact integer arithmetic (scale.go), so that
// the result could be written down before it is computed.
package main

import (
	"bytes"
	"fmt"
	"image"
	"image/draw"
	_ "image/gif" // what can be read
	_ "image/jpeg"
	"image/png"

	"github.com/shoal-compute/shoal/wasm/shard"
)

const (
	side      = 160      // pixels: neither side of a thumbnail is longer
	maxPixels = 16 << 20 // of the picture: decoded, they take four bytes each
)

func main() { shard.Main(thumbnail) }

func thumbnail(input []byte) ([]byte, error) {
	// The header says what decoding would take: see to that before.
	config, format, err := image.DecodeConfig(bytes.NewReader(input))
	if err != nil {
		return nil, fmt.Errorf("not a picture: %w", err)
	}
	if w, h := config.Width, config.Height; w < 1 || h < 1 || w > maxPixels/h {
		return nil, fmt.Errorf("%s picture of %d by %d pixels, at most %d are possible", format, w, h, maxPixels)
	}
	picture, _, err := image.Decode(bytes.NewReader(input))
	if err != nil {
		return nil, fmt.Errorf("damaged %s picture: %w", format, err)
	}
	pixels := image.NewRGBA(image.Rectangle{Max: picture.Bounds().Size()})
	draw.Draw(pixels, pixels.Rect, picture, picture.Bounds().Min, draw.Src)
	var out bytes.Buffer
	encoder := png.Encoder{CompressionLevel: png.BestCompression}
	if err := encoder.Encode(&out, fit(pixels, side)); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
