package main

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/shoal-compute/shoal/hub/job/train"
)

// pair is what both sides have at a step.
type pair struct {
	step           int
	integer, float float64
}

// curve is a run of both sides.
type curve struct {
	weights    string // hash of the integer side's final weights
	train, val []pair // mean losses in nats
	accuracy   []pair // 0..1; classifiers
}

func reportedHash(report []byte) (string, error) {
	var s train.Summary
	if err := json.Unmarshal(report, &s); err != nil {
		return "", fmt.Errorf("report: %w", err)
	}
	return s.WeightsSHA256, nil
}

// thinned joins training losses to at most n means.
func thinned(p []pair, n int) []pair {
	size := max(1, (len(p)+n-1)/n)
	var out []pair
	for ; len(p) > 0; p = p[min(size, len(p)):] {
		part := p[:min(size, len(p))]
		sum := pair{step: part[len(part)-1].step}
		for _, q := range part {
			sum.integer += q.integer / float64(len(part))
			sum.float += q.float / float64(len(part))
		}
		out = append(out, sum)
	}
	return out
}

func csvPath(dir, name string) string { return filepath.Join(dir, "curves", name+".csv") }

// save writes the curve; its picture is drawn with the page.
func (c *curve) save(dir, name string) error {
	f, err := os.Create(csvPath(dir, name))
	if err != nil {
		return err
	}
	w := csv.NewWriter(f)
	rows := [][]string{{"series", "step", "integer", "float32"}, {"weights", "", c.weights, ""}}
	for _, s := range c.series() {
		points := *s.points
		if s.name == "train" {
			points = thinned(points, 100)
		}
		for _, p := range points {
			rows = append(rows, []string{s.name, strconv.Itoa(p.step), fmt.Sprintf("%.4f", p.integer), fmt.Sprintf("%.4f", p.float)})
		}
	}
	return errors.Join(w.WriteAll(rows), f.Close())
}

type series struct {
	name   string
	points *[]pair
}

func (c *curve) series() []series {
	return []series{{"train", &c.train}, {"val", &c.val}, {"accuracy", &c.accuracy}}
}

// load reads what save wrote.
func load(dir, name string) (*curve, error) {
	f, err := os.Open(csvPath(dir, name))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		return nil, err
	}
	c := &curve{}
	for i, row := range rows[min(1, len(rows)):] {
		if row[0] == "weights" {
			c.weights = row[2]
			continue
		}
		step, err1 := strconv.Atoi(row[1])
		integer, err2 := strconv.ParseFloat(row[2], 64)
		float, err3 := strconv.ParseFloat(row[3], 64)
		if err := errors.Join(err1, err2, err3); err != nil {
			return nil, fmt.Errorf("%s, row %d: %w", f.Name(), i+2, err)
		}
		for _, s := range c.series() {
			if s.name == row[0] {
				*s.points = append(*s.points, pair{step, integer, float})
			}
		}
	}
	return c, nil
}
