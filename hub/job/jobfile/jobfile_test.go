package jobfile

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/shoal-compute/shoal/hub/job"
)

const kjv = `# a byte language model
kind: train
name: kjv-nano
model: {arch: decoder, vocab: 128, dim: 128, layers: 4, heads: 4, context: 64}
data:  {file: kjv.txt}
train: {steps: 600, batch: 16, optimizer: adam, lr: 0.003, warmup: 50, schedule: cosine, seed: 1, method: sync}
trust: {replicas: 2}
limits: {credits: 100000, deadline: 2h}
`

func kjvSpec() *job.Spec {
	return &job.Spec{
		Kind:  "train",
		Name:  "kjv-nano",
		Model: job.Model{Arch: "decoder", Vocab: 128, Dim: 128, Layers: job.Layers{Blocks: 4}, Heads: 4, Context: 64},
		Data:  job.Data{File: "kjv.txt"},
		Train: job.Train{
			Steps: 600, Batch: 16, Optimizer: "adam", LR: "0.003", Warmup: 50,
			Schedule: "cosine", Seed: 1, Method: "sync",
		},
		Trust:  job.Trust{Replicas: 2},
		Limits: job.Limits{Credits: 100000, Deadline: "2h"},
	}
}

func TestParse(t *testing.T) {
	mlp := `{
	"kind": "train",
	"name": "fashion",
	"model": {"arch": "mlp", "layers": [784, 256, 128, 10]},
	"data": {"idx": ["a.gz", "b.gz"]},
	"train": {"epochs": 6, "batch": 128, "optimizer": "sgd", "lr": 5e-2}
}`
	tests := []struct {
		name string
		text string
		set  []string
		want *job.Spec
	}{
		{"yaml", kjv, nil, kjvSpec()},
		{"windows line ends", strings.ReplaceAll(kjv, "\n", "\r\n"), nil, kjvSpec()},
		{"json with tabs", mlp, nil, &job.Spec{
			Kind: "train", Name: "fashion",
			Model: job.Model{Arch: "mlp", Layers: job.Layers{Widths: []int{784, 256, 128, 10}}},
			Data:  job.Data{IDX: []string{"a.gz", "b.gz"}},
			Train: job.Train{Epochs: 6, Batch: 128, Optimizer: "sgd", LR: "0.05"},
		}},
		{"one field", "kind: train", []string{"name=x"}, &job.Spec{Kind: "train", Name: "x"}},
		{"set", "kind: train\nname: x\ntrain:\n  steps: 1\n", []string{
			"train.steps=500", "model.layers=[1, 2]", "train.lr=1e-3", "data.file=a b=c.txt", "limits.credits=9000000000",
		}, &job.Spec{
			Kind: "train", Name: "x",
			Model:  job.Model{Layers: job.Layers{Widths: []int{1, 2}}},
			Data:   job.Data{File: "a b=c.txt"},
			Train:  job.Train{Steps: 500, LR: "0.001"},
			Limits: job.Limits{Credits: 9000000000},
		}},
		{"set a section", "kind: train\nname: x", []string{"model={arch: cnn, input: [28, 28, 1]}"}, &job.Spec{
			Kind: "train", Name: "x", Model: job.Model{Arch: "cnn", Input: []int{28, 28, 1}},
		}},
		{"set replaces a section", "kind: train\nname: x\ndata: {blob: b}", []string{"data={file: a}"}, &job.Spec{
			Kind: "train", Name: "x", Data: job.Data{File: "a"},
		}},
		{"map", "kind: map\nname: x\nmap: {module: a.wasm, inputs: {range: {from: -5, to: 10, step: 5}}, batch: 2, fuel: 1000000000000, " +
			"memory: 64MiB, output: 4096, on_error: fail}", []string{`map.output="8KiB"`}, &job.Spec{
			Kind: "map", Name: "x",
			Map: job.Map{
				Module: "a.wasm", Inputs: job.Inputs{Range: job.Range{From: -5, To: 10, Step: 5}},
				Batch: 2, Fuel: 1000000000000, Memory: 64 << 20, Output: 8 << 10, OnError: "fail",
			},
		}},
		{"a later set wins", "kind: train\nname: x", []string{"train.steps=1", "train.steps=2"}, &job.Spec{
			Kind: "train", Name: "x", Train: job.Train{Steps: 2},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Parse([]byte(tt.text), tt.set...)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got  %+v\nwant %+v", got, tt.want)
			}
		})
	}
}

func TestParseErrors(t *testing.T) {
	head := "kind: train\nname: x\n"
	tests := []struct {
		name string
		text string
		set  []string
		want string // the whole message
	}{
		{"empty", "", nil, "jobfile: the file is empty"},
		{"only a comment", "# nothing\n", nil, "jobfile: the file is empty"},
		{"a list", "- a\n", nil, "jobfile: line 1: want fields at the top of the file, got a list"},
		{"unknown at the top", head + "modle: {}\n", nil,
			"jobfile: line 3: modle: unknown field (known here: kind, name, model, data, train, map, trust, limits)"},
		{"unknown inside", head + "trust:\n  replicas: 2\n  replica: 1\n", nil,
			"jobfile: line 5: trust.replica: unknown field (known here: epsilon, assurance, replicas)"},
		{"not yet", head + "train: {workers: 4}\n", nil,
			"jobfile: line 3: train.workers: is not supported yet: train.method must be sync"},
		{"assurance", head + "trust: {assurance: surely}\n", nil,
			"jobfile: line 3: trust.assurance: want audited, replicated or full, got \"surely\""},
		{"epsilon", head + "trust: {epsilon: 0.5}\n", nil,
			"jobfile: line 3: trust.epsilon: must be between 0.000000001 and 0.1, got 0.5"},
		{"replicas of no assurance", head + "trust: {epsilon: 1e-6, replicas: 2}\n", nil,
			"jobfile: line 3: trust.replicas: has no meaning with assurance audited"},
		{"no replicas", head + "trust: {assurance: replicated}\n", nil,
			"jobfile: trust.replicas: must be between 2 and 16 with assurance replicated, got 0"},
		{"text for a number", head + "train:\n  steps: many\n", nil,
			`jobfile: line 4: train.steps: want a whole number, got the text "many"`},
		{"quoted number", head + "train:\n  steps: \"5\"\n", nil,
			`jobfile: line 4: train.steps: want a whole number, got the text "5"`},
		{"fraction", head + "train: {steps: 1.5}\n", nil,
			"jobfile: line 3: train.steps: want a whole number, got 1.5"},
		{"hexadecimal", head + "train: {steps: 0x10}\n", nil,
			"jobfile: line 3: train.steps: want a whole number, got 0x10"},
		{"too large", head + "train: {steps: 99999999999999999999}\n", nil,
			"jobfile: line 3: train.steps: 99999999999999999999 is out of range"},
		{"negative seed", head + "train: {seed: -1}\n", nil,
			"jobfile: line 3: train.seed: must be between 0 and 4294967295, got -1"},
		{"number for text", head + "data: {file: 12}\n", nil,
			"jobfile: line 3: data.file: want text, got the number 12"},
		{"no value", head + "data:\n  file:\n", nil, "jobfile: line 4: data.file: want text, got nothing"},
		{"no section", head + "data:\n", nil, "jobfile: line 3: data: want fields, got nothing"},
		{"list for a number", head + "train: {steps: [1]}\n", nil,
			"jobfile: line 3: train.steps: want a whole number, got a list"},
		{"bad element", head + "model:\n  layers:\n    - 784\n    - x\n", nil,
			`jobfile: line 6: model.layers[1]: want a whole number, got the text "x"`},
		{"bad layers", head + "model: {layers: deep}\n", nil,
			`jobfile: line 3: model.layers: want a number of blocks or a list of widths, got the text "deep"`},
		{"negative rate", head + "train: {lr: -0.1}\n", nil,
			"jobfile: line 3: train.lr: must not be negative, got -0.1"},
		{"rate not a number", head + "train: {lr: .nan}\n", nil,
			"jobfile: line 3: train.lr: want a decimal number such as 0.003, got no finite number"},
		{"repeated", head + "name: y\n", nil, `jobfile: line 3: mapping key "name" already defined at [2:1]`},
		{"alias", "kind: train\nname: &a x\n", nil,
			"jobfile: line 2: name: want text, got an alias or anchor, which job files do not have"},
		{"tag", "kind: train\nname: !!str x\n", nil,
			"jobfile: line 2: name: want text, got a tag, which job files do not have"},
		{"second document", head + "---\nkind: train\n", nil, "jobfile: line 4: a second document in the file"},
		{"not UTF-8", "kind: train\nname: \xff\n", nil, "jobfile: line 2: is not UTF-8 text"},
		{"too deep", strings.Repeat("[", 40), nil, "jobfile: line 1: brackets nested too deep"},
		{"too long", strings.Repeat("#", MaxSize+1), nil, "jobfile: larger than 16384 bytes"},
		{"no kind", "name: x", nil, "jobfile: kind: is missing"},
		{"replicas", head + "trust:\n  replicas: 17\n", nil,
			"jobfile: line 4: trust.replicas: must be between 1 and 16, got 17"},
		{"deadline", head + "limits:\n  deadline: soon\n", nil,
			`jobfile: line 4: limits.deadline: want a duration such as 90m or 2h, got "soon"`},
		{"no size", "kind: map\nname: x\nmap: {memory: 64MB}", nil,
			`jobfile: line 3: map.memory: want a size such as 65536, 512KiB or 64MiB, got the text "64MB"`},
		{"a negative size", "kind: map\nname: x\nmap: {output: -1}", nil,
			`jobfile: line 3: map.output: want a size such as 65536, 512KiB or 64MiB, got the number -1`},
		{"a large size", "kind: map\nname: x\nmap: {output: 9999999999GiB}", nil,
			`jobfile: line 3: map.output: want a size such as 65536, 512KiB or 64MiB, got the text "9999999999GiB"`},
		{"another kind's section", head + "map: {batch: 1}\n", nil, "jobfile: line 3: map: does not belong to kind train"},
		{"set without value", head, []string{"train.steps"},
			"jobfile: --set train.steps: want field=value, as in train.steps=500"},
		{"set to nothing", head, []string{"train.steps="}, "jobfile: --set train.steps=: train.steps: has no value"},
		{"set unknown", head, []string{"train.stepz=1"},
			"jobfile: --set train.stepz=1: train.stepz: unknown field (known here: steps, epochs, batch, micro_batch, optimizer, lr, warmup, schedule, seed, method, eval_every)"},
		{"set too deep", head, []string{"train.steps.x=1"},
			"jobfile: --set train.steps.x=1: train.steps.x: train.steps has no fields"},
		{"set wrong type", head, []string{"train.steps=x"},
			`jobfile: --set train.steps=x: train.steps: want a whole number, got the text "x"`},
		{"set out of range", head + "trust: {replicas: 1}", []string{"trust.replicas=99"},
			"jobfile: trust.replicas: must be between 1 and 16, got 99"},
		{"set damaged", head, []string{"model.layers=[1,"}, "jobfile: --set model.layers=[1,: model.layers: sequence end token ']' not found"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse([]byte(tt.text), tt.set...)
			if err == nil {
				t.Fatal("no error")
			}
			if err.Error() != tt.want {
				t.Errorf("got  %s\nwant %s", err, tt.want)
			}
			var e *Error
			if !errors.As(err, &e) {
				t.Errorf("%T is not an *Error", err)
			}
		})
	}
}

func TestDecimal(t *testing.T) {
	tests := []struct{ in, want string }{
		{"0.003", "0.003"}, {"3e-3", "0.003"}, {"0.0030", "0.003"}, {"00.003", "0.003"}, {".5", "0.5"},
		{"0", "0"}, {"0.0", "0"}, {"12", "12"}, {"1.5E1", "15"}, {"1e17", "100000000000000000"},
		{"1e-18", "0.000000000000000001"}, {"+2", "2"},
		{"", ""}, {".", ""}, {"5.", ""}, {"-1", ""}, {"1e", ""}, {"1e18", ""}, {"1e19", ""}, {"1e-19", ""}, {"1e+-2", ""},
		{"0.0000000000000000001", ""}, {"1_0", ""}, {"0x1", ""}, {"1.2.3", ""}, {"--1", ""},
	}
	for _, tt := range tests {
		got, err := decimal(tt.in)
		if string(got) != tt.want || (err == nil) != (tt.want != "") {
			t.Errorf("decimal(%q) = %q, %v; want %q", tt.in, got, err, tt.want)
		}
	}
}

// Equal specs have equal encodings, whatever they were written like.
func TestEncodeCanonical(t *testing.T) {
	const want = `{"kind":"train","name":"kjv-nano","model":{"arch":"decoder","layers":4,"vocab":128,"dim":128,"heads":4,"context":64},` +
		`"data":{"file":"kjv.txt"},"train":{"steps":600,"batch":16,"optimizer":"adam","lr":0.003,"warmup":50,"schedule":"cosine","seed":1,"method":"sync"},` +
		`"trust":{"replicas":2},"limits":{"credits":100000,"deadline":"2h"}}`
	spec, err := Parse([]byte(strings.Replace(kjv, "0.003", "3.0e-3", 1)))
	if err != nil {
		t.Fatal(err)
	}
	got, err := Encode(spec)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// A map section, too, reads back as it was written.
func TestEncodeMap(t *testing.T) {
	spec := &job.Spec{Kind: "map", Name: "x", Map: job.Map{
		Module: "sha256:ab", Inputs: job.Inputs{Blobs: []string{"sha256:cd"}}, Fuel: 5, Memory: 1 << 20,
	}}
	const want = `{"kind":"map","name":"x","map":{"module":"sha256:ab","inputs":{"blobs":["sha256:cd"]},"fuel":5,"memory":1048576}}`
	got, err := Encode(spec)
	if err != nil || string(got) != want {
		t.Fatalf("got  %s, %v\nwant %s", got, err, want)
	}
	if again, err := Parse(got); err != nil || !reflect.DeepEqual(again, spec) {
		t.Errorf("got %+v, %v; want %+v", again, err, spec)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(kjv), "train.steps=500")
	f.Add([]byte("kind: map\nname: x\nmap: {module: a, inputs: {files: [b], range: {from: -1}}, memory: 3MiB}"), "map.output=1GiB")
	f.Add([]byte(`{"kind":"train","name":"x","model":{"layers":[1,2]},"train":{"lr":1e-3}}`), "model={arch: mlp}")
	f.Add([]byte("kind: &a train\nname: *a\n"), "=")
	f.Add([]byte("? [a]\n: b\n"), "a")
	f.Add([]byte("kind: |\n  x\nname: >-\n y\n"), "name=\"\"")
	f.Add([]byte("<<: {kind: a}\n"), "data.idx=[a, b]")
	f.Fuzz(func(t *testing.T, text []byte, set string) {
		spec, err := Parse(text, set)
		if err != nil {
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("error %v is a %T", err, err)
			}
			return
		}
		enc, err := Encode(spec)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Parse(enc)
		if err != nil {
			t.Fatalf("canonical form %s: %v", enc, err)
		}
		enc2, err := Encode(again)
		if err != nil || !bytes.Equal(enc, enc2) {
			t.Fatalf("canonical form changes: %s, %s, %v", enc, enc2, err)
		}
	})
}
