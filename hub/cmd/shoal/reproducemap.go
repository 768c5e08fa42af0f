package main

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"time"

	"github.com/shoal-compute/shoal/hub/client"
	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/hub/job/local"
	"github.com/shoal-compute/shoal/hub/job/mapping"
	"github.com/shoal-compute/shoal/wasm/sandbox/wazerobox"
)

// reproducedMap is the outcome of `shoal reproduce` of a map job, and its
// --json line.
type reproducedMap struct {
	OutputsSHA256 string  `json:"outputs_sha256"`
	Inputs        int     `json:"inputs"`
	Failed        int     `json:"failed"`
	Fuel          uint64  `json:"fuel"`
	Seconds       float64 `json:"seconds"`
	Sandbox       string  `json:"sandbox"`
}

func reproduceMap(ctx context.Context, s streams, in *jobInput, dir, expect string, asJSON bool) error {
	start := time.Now()
	host, err := wazerobox.New(ctx, wazerobox.Options{})
	if err != nil {
		return err
	}
	defer host.Close()
	res, err := local.Run(ctx, in.kind, in.spec, local.Config{
		Sandbox: host, Threads: runtime.GOMAXPROCS(0), Data: in.read, Progress: progress(s.err),
	})
	if err != nil {
		return err
	}
	raw, err := res.Artifact(mapping.FileReport)
	if err != nil {
		return err
	}
	var sum mapping.Summary
	if err := json.Unmarshal(raw, &sum); err != nil {
		return err
	}
	if dir != "" {
		if err := saveArtifacts(dir, res.Artifacts); err != nil {
			return err
		}
	}
	for _, f := range sum.Failures {
		fmt.Fprintf(s.err, "input %d %s\n", f.Index, f.Reason)
	}
	if asJSON {
		err = writeJSON(s.out, reproducedMap{
			OutputsSHA256: sum.OutputsSHA256, Inputs: sum.Inputs, Failed: sum.Failed, Fuel: sum.Fuel,
			Seconds: time.Since(start).Seconds(), Sandbox: host.Name(),
		})
	} else {
		_, err = fmt.Fprintf(s.out, "outputs_sha256 %s\n", sum.OutputsSHA256)
	}
	if err == nil && expect != "" && expect != sum.OutputsSHA256 {
		err = &verificationError{fmt.Sprintf("outputs_sha256 is %s, expected %s", sum.OutputsSHA256, expect)}
	}
	return err
}

// maxNamed is how many inputs are named in a submitted job one by one. More
// travel as one archive, or the job file would become too long.
const maxNamed = 100

// uploadMap puts every file that m names on the hub and returns m with blobs
// instead. What the job is does not change: names do not matter.
func (in *jobInput) uploadMap(ctx context.Context, cl *client.Client, m job.Map) (job.Map, error) {
	for _, name := range []*string{&m.Module, &m.Inputs.Lines, &m.Inputs.Tar} {
		if *name == "" {
			continue
		}
		var err error
		if *name, err = in.put(ctx, cl, *name); err != nil {
			return m, err
		}
	}
	files := m.Inputs.Files
	if m.Inputs.Files = nil; len(files) > maxNamed {
		archive, err := in.pack(ctx, cl, files)
		if err != nil {
			return m, err
		}
		h, err := cl.PutBlob(ctx, archive)
		m.Inputs.Tar = "sha256:" + h.String()
		return m, err
	}
	for _, name := range files {
		blob, err := in.put(ctx, cl, name)
		if err != nil {
			return m, err
		}
		m.Inputs.Blobs = append(m.Inputs.Blobs, blob)
	}
	return m, nil
}

// pack makes an archive of files and blobs.
func (in *jobInput) pack(ctx context.Context, cl *client.Client, names []string) ([]byte, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	blobs := &remoteBlobs{Blobs: local.NewBlobs(), client: cl}
	for i, name := range names {
		var data []byte
		var err error
		if strings.HasPrefix(name, "sha256:") {
			var h job.Hash
			if h, err = job.ParseHash(name); err == nil {
				data, err = blobs.Get(ctx, h)
			}
		} else {
			data, err = in.read(ctx, name)
		}
		if err != nil {
			return nil, &inputError{err}
		}
		head := tar.Header{Typeflag: tar.TypeReg, Name: fmt.Sprintf("input-%06d", i), Mode: 0o644, Size: int64(len(data)), Format: tar.FormatUSTAR}
		if err := w.WriteHeader(&head); err != nil {
			return nil, err
		}
		if _, err := w.Write(data); err != nil {
			return nil, err
		}
	}
	return b.Bytes(), w.Close()
}
