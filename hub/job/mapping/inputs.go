package mapping

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/wasm/sandbox"
)

const (
	maxInputs = 1 << 20   // of a job
	maxData   = 256 << 20 // bytes of a text or an archive

	// MaxInput bounds one input, in bytes.
	MaxInput = 32 << 20
)

// inputs are what the module is run on.
type inputs struct {
	field string // where the job file names them
	count int
	files bool // they are files, so the outputs are too

	// at returns input i, whole: it may be large, and is read when it is wanted.
	at func(ctx context.Context, i int) ([]byte, error)
	// blob, where there is one, names input i without reading it.
	blob func(i int) job.Hash
}

// check reads what has not been read yet.
func (in *inputs) check(ctx context.Context) error {
	if in.field == "map.inputs.range" {
		return nil
	}
	for i := range in.count {
		data, err := in.at(ctx, i)
		if err != nil {
			return err
		}
		if len(data) > MaxInput {
			return job.Fieldf(in.field, "input %d has %d bytes, at most %d are possible", i, len(data), MaxInput)
		}
	}
	return nil
}

// openInputs finds the inputs and counts them.
func openInputs(ctx context.Context, spec job.Inputs, env job.Env) (*inputs, error) {
	set := 0
	for _, is := range []bool{spec.Lines != "", spec.Files != nil, spec.Blobs != nil, spec.Tar != "", spec.Range != job.Range{}} {
		if is {
			set++
		}
	}
	if set != 1 {
		return nil, job.Fieldf("map.inputs", "set exactly one of lines, files, blobs, tar and range")
	}
	var in *inputs
	var err error
	switch {
	case spec.Range != job.Range{}:
		in, err = openRange(spec.Range)
	case spec.Lines != "":
		in, err = openLines(ctx, spec.Lines, env)
	case spec.Tar != "":
		in, err = openTar(ctx, spec.Tar, env)
	case spec.Blobs != nil:
		in, err = openBlobs(spec.Blobs, env)
	default:
		in, err = openFiles(spec.Files, env)
	}
	switch {
	case err != nil:
		return nil, err
	case in.count == 0:
		return nil, job.Fieldf(in.field, "has no inputs")
	case in.count > maxInputs:
		return nil, job.Fieldf(in.field, "has %d inputs, at most %d are possible", in.count, maxInputs)
	}
	return in, nil
}

func openRange(r job.Range) (*inputs, error) {
	const field = "map.inputs.range"
	if r.Step < 1 {
		return nil, job.Fieldf(field+".step", "must be at least 1, got %d", r.Step)
	}
	if r.To <= r.From {
		return nil, job.Fieldf(field+".to", "must be larger than from, %d, got %d", r.From, r.To)
	}
	// As unsigned numbers, the width of any range is right.
	width, step := uint64(r.To)-uint64(r.From), uint64(r.Step)
	count := (width-1)/step + 1
	if count > maxInputs {
		return nil, job.Fieldf(field+".step", "makes %d inputs, at most %d are possible", count, maxInputs)
	}
	at := func(_ context.Context, i int) ([]byte, error) {
		from := r.From + int64(uint64(i)*step)
		to := r.To
		if uint64(i) < count-1 {
			to = from + r.Step
		}
		return fmt.Appendf(nil, "%d %d", from, to), nil
	}
	return &inputs{field: field, count: int(count), at: at}, nil
}

func openLines(ctx context.Context, name string, env job.Env) (*inputs, error) {
	const field = "map.inputs.lines"
	text, err := open(ctx, field, name, env)
	if err != nil {
		return nil, err
	}
	return held(field, splitLines(text)), nil
}

// splitLines returns the lines of text without their ends.
func splitLines(text []byte) [][]byte {
	text = bytes.TrimSuffix(text, []byte("\n"))
	if len(text) == 0 {
		return nil
	}
	lines := bytes.Split(text, []byte("\n"))
	for i, line := range lines {
		lines[i] = bytes.TrimSuffix(line, []byte("\r"))
	}
	return lines
}

func openTar(ctx context.Context, name string, env job.Env) (*inputs, error) {
	const field = "map.inputs.tar"
	archive, err := open(ctx, field, name, env)
	if err != nil {
		return nil, err
	}
	files, err := untar(archive)
	if err != nil {
		return nil, job.Fieldf(field, "%v", err)
	}
	in := held(field, files)
	in.files = true
	return in, nil
}

// untar returns the regular files of an archive.
func untar(archive []byte) ([][]byte, error) {
	var files [][]byte
	total := int64(0)
	r := tar.NewReader(bytes.NewReader(archive))
	for {
		head, err := r.Next()
		switch {
		case errors.Is(err, io.EOF):
			return files, nil
		case err != nil:
			return nil, fmt.Errorf("damaged archive: %w", err)
		case head.Typeflag != tar.TypeReg:
			continue
		case len(files) == maxInputs:
			return nil, fmt.Errorf("more than %d files", maxInputs)
		}
		// What an archive says of its sizes need not be true of its bytes: a
		// sparse file can be much larger than what it is stored in.
		if total += head.Size; head.Size > MaxInput || total > maxData {
			return nil, fmt.Errorf("%q makes it too large: a file may have %d bytes, all together %d", head.Name, MaxInput, maxData)
		}
		data, err := io.ReadAll(r)
		if err != nil {
			return nil, fmt.Errorf("damaged archive: %w", err)
		}
		files = append(files, data)
	}
}

// held are inputs in memory.
func held(field string, list [][]byte) *inputs {
	at := func(_ context.Context, i int) ([]byte, error) { return list[i], nil }
	return &inputs{field: field, count: len(list), at: at}
}

func openBlobs(names []string, env job.Env) (*inputs, error) {
	const field = "map.inputs.blobs"
	hashes := make([]job.Hash, len(names))
	for i, name := range names {
		var err error
		if hashes[i], err = parseBlob(name); err != nil {
			return nil, job.Fieldf(fmt.Sprintf("%s[%d]", field, i), "%v", err)
		}
	}
	return &inputs{
		field: field, count: len(hashes), files: true,
		at: func(ctx context.Context, i int) ([]byte, error) {
			return getBlob(ctx, fmt.Sprintf("%s[%d]", field, i), hashes[i], env)
		},
		blob: func(i int) job.Hash { return hashes[i] },
	}, nil
}

func openFiles(names []string, env job.Env) (*inputs, error) {
	const field = "map.inputs.files"
	for i, name := range names {
		if name == "" {
			return nil, job.Fieldf(fmt.Sprintf("%s[%d]", field, i), "is empty")
		}
	}
	return &inputs{
		field: field, count: len(names), files: true,
		at: func(ctx context.Context, i int) ([]byte, error) {
			return open(ctx, fmt.Sprintf("%s[%d]", field, i), names[i], env)
		},
	}, nil
}

// openModule reads the module.
func openModule(ctx context.Context, name string, env job.Env) ([]byte, error) {
	const field = "map.module"
	if name == "" {
		return nil, job.Fieldf(field, "is missing")
	}
	module, err := open(ctx, field, name, env)
	if err == nil && len(module) > sandbox.MaxModule {
		err = job.Fieldf(field, "has %d bytes, at most %d are possible", len(module), sandbox.MaxModule)
	}
	return module, err
}

// open reads a file or, where the name is one, a blob.
func open(ctx context.Context, field, name string, env job.Env) ([]byte, error) {
	if strings.HasPrefix(name, "sha256:") {
		h, err := parseBlob(name)
		if err != nil {
			return nil, job.Fieldf(field, "%v", err)
		}
		return getBlob(ctx, field, h, env)
	}
	data, err := env.Data(ctx, name)
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.Is(err, fs.ErrNotExist):
		return nil, job.Fieldf(field, "there is no %s", name)
	case err != nil:
		return nil, job.Fieldf(field, "%v", err)
	}
	return data, limit(field, data)
}

func getBlob(ctx context.Context, field string, h job.Hash, env job.Env) ([]byte, error) {
	data, err := env.Blobs.Get(ctx, h)
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.Is(err, fs.ErrNotExist):
		return nil, job.Fieldf(field, "there is no blob %v", h)
	case err != nil:
		return nil, fmt.Errorf("map: %s: %w", field, err)
	}
	return data, limit(field, data)
}

func limit(field string, data []byte) error {
	if len(data) > maxData {
		return job.Fieldf(field, "has %d bytes, at most %d are possible", len(data), maxData)
	}
	return nil
}

// parseBlob reads a blob's name, which needs its prefix here: without it, it
// could be a file.
func parseBlob(name string) (job.Hash, error) {
	if !strings.HasPrefix(name, "sha256:") {
		return job.Hash{}, fmt.Errorf("want sha256: and 64 hexadecimal digits, got %q", name)
	}
	return job.ParseHash(name)
}
