package main

import (
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/shoal-compute/shoal/webgpu/witness"
)

// row is what was measured of a lane and a width.
type row struct {
	Lane          string
	Width, Layers int
	Tokens        int
	Parameters    int64
	Outputs       int64 // bytes of the shard's result

	Rerun    time.Duration // running the shard again and comparing
	Contract time.Duration // of it, kernels that contract
	Other    time.Duration // of it, all other kernels

	All, Chosen way // a witness of every product, and of those worth it
}

// way is one way to verify by witness.
type way struct {
	Products int64
	Price    witness.Price

	Verify time.Duration // verification
	Check  time.Duration // of it, the checks of products
	Prover time.Duration // running the prover's program
}

// share is the time of verification by witness, 1 being a run.
func (r row) share(w way) float64 { return float64(w.Verify) / float64(r.Rerun) }

// opsShare is the same in operations.
func opsShare(w way) float64 { return float64(w.Price.Verify()) / float64(w.Price.Run) }

// wire is the speed in bytes a second at which receiving the witness takes as
// long as verification by it saves; 0 if it saves nothing.
func (r row) wire(w way) float64 {
	if w.Verify >= r.Rerun || w.Products == 0 {
		return 0
	}
	return float64(w.Price.Witness) / (r.Rerun - w.Verify).Seconds()
}

// rates are the speeds that the witness of every product shows. What no kernel
// and no check accounts for, more than in running the shard again, is the price
// of the witness's bytes: it is copied, its ranges are looked at, and the
// epilogues pass over it.
func (r row) rates() witness.Rates {
	w := r.All
	perOp := func(t time.Duration, ops int64) float64 { return float64(t) / float64(ops) }
	moved := (w.Verify - w.Check) - (r.Rerun - r.Contract)
	return witness.Rates{
		Contract: perOp(r.Contract, w.Price.Products),
		Check:    perOp(w.Check, w.Price.Check),
		Other:    perOp(r.Other, w.Price.Run-w.Price.Products),
		Byte:     max(0, float64(moved)/float64(w.Price.Witness)),
	}
}

func (r row) line() string {
	line := fmt.Sprintf("%s width %d: run %v (contractions %v, other kernels %v), rates %.3g", r.Lane, r.Width, r.Rerun, r.Contract, r.Other, r.rates())
	for _, w := range []way{r.All, r.Chosen} {
		line += fmt.Sprintf("\n  %d products by witness: %v = %.0f %% (checks %v), %.1f %% of the operations; witness %d MB, prover %v",
			w.Products, w.Verify, 100*r.share(w), w.Check, 100*opsShare(w), w.Price.Witness>>20, w.Prover)
	}
	return line
}

type table []row

// with is the table with r in place of the row of its lane and width.
func (t table) with(r row) table {
	t = slices.DeleteFunc(slices.Clone(t), func(o row) bool { return o.Lane == r.Lane && o.Width == r.Width })
	t = append(t, r)
	slices.SortFunc(t, func(a, b row) int {
		return cmp.Or(cmp.Compare(slices.Index(order, a.Lane), slices.Index(order, b.Lane)), cmp.Compare(a.Width, b.Width))
	})
	return t
}

// order is the order of lanes: the features of package cpu, best first.
var order = []string{"avx512", "avx2", "dotprod", "neon", "go"}

// lane is the rows of one lane.
func (t table) lane(name string) table {
	return slices.DeleteFunc(slices.Clone(t), func(r row) bool { return r.Lane != name })
}

// lanes are the names of all lanes, in order.
func (t table) lanes() []string {
	var names []string
	for _, r := range t {
		if !slices.Contains(names, r.Lane) {
			names = append(names, r.Lane)
		}
	}
	return names
}

// column is a number of a row, by its name in the file.
type column struct {
	name  string
	value *int64
}

// columns are the numbers of a row after its lane.
func (r *row) columns(width, layers, tokens *int64) []column {
	list := []column{
		{"width", width}, {"layers", layers}, {"tokens", tokens}, {"parameters", &r.Parameters}, {"output_bytes", &r.Outputs},
		{"run_ns", (*int64)(&r.Rerun)}, {"contract_ns", (*int64)(&r.Contract)}, {"other_ns", (*int64)(&r.Other)},
	}
	for _, w := range []struct {
		name string
		*way
	}{{"all", &r.All}, {"chosen", &r.Chosen}} {
		for _, c := range []column{
			{"products", &w.Products},
			{"run_ops", &w.Price.Run}, {"product_ops", &w.Price.Products}, {"prover_ops", &w.Price.Prover},
			{"compute_ops", &w.Price.Compute}, {"check_ops", &w.Price.Check}, {"witness_bytes", &w.Price.Witness},
			{"verify_ns", (*int64)(&w.Verify)}, {"check_ns", (*int64)(&w.Check)}, {"prover_ns", (*int64)(&w.Prover)},
		} {
			list = append(list, column{w.name + "_" + c.name, c.value})
		}
	}
	return list
}

func (t table) save(name string) error {
	header := []string{"lane"}
	var unused int64
	for _, c := range new(row).columns(&unused, &unused, &unused) {
		header = append(header, c.name)
	}
	records := [][]string{header}
	for _, r := range t {
		record := []string{r.Lane}
		width, layers, tokens := int64(r.Width), int64(r.Layers), int64(r.Tokens)
		for _, c := range r.columns(&width, &layers, &tokens) {
			record = append(record, strconv.FormatInt(*c.value, 10))
		}
		records = append(records, record)
	}
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	return errors.Join(csv.NewWriter(f).WriteAll(records), f.Close())
}

func load(name string) (table, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	records, err := csv.NewReader(f).ReadAll()
	if err != nil {
		return nil, err
	}
	var t table
	for i, record := range records[min(1, len(records)):] {
		r := row{Lane: record[0]}
		var width, layers, tokens int64
		columns := r.columns(&width, &layers, &tokens)
		if len(record) != 1+len(columns) {
			return nil, fmt.Errorf("%s: row %d has %d fields, want %d", name, i+2, len(record), 1+len(columns))
		}
		for j, c := range columns {
			if *c.value, err = strconv.ParseInt(record[1+j], 10, 64); err != nil {
				return nil, fmt.Errorf("%s: row %d: %s: %w", name, i+2, c.name, err)
			}
		}
		r.Width, r.Layers, r.Tokens = int(width), int(layers), int(tokens)
		t = append(t, r)
	}
	return t, nil
}
