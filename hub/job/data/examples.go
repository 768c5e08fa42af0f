package data

import "fmt"

// Examples is a set of labelled images in a shuffled order.
type Examples struct {
	Images Images
	Labels []byte

	seed  uint32
	epoch int   // of order; 0 before the first
	order []int // place -> example
}

// NewExamples pairs images and labels. classes bounds the labels.
func NewExamples(images Images, labels []byte, classes int, seed uint32) (*Examples, error) {
	if images.Count != len(labels) {
		return nil, fmt.Errorf("%d images but %d labels", images.Count, len(labels))
	}
	if images.Count == 0 {
		return nil, fmt.Errorf("holds no images")
	}
	for i, l := range labels {
		if int(l) >= classes {
			return nil, fmt.Errorf("label %d of example %d is outside %d classes", l, i, classes)
		}
	}
	return &Examples{Images: images, Labels: labels, seed: seed}, nil
}

// Steps is the number of steps of one epoch.
func (e *Examples) Steps(batch int) int { return len(e.Labels) / batch }

// Batch returns the example numbers of a step, from 1, across epochs. The
// slice is valid until the next call. Steps may be asked for in any order;
// going forward is cheap.
func (e *Examples) Batch(step, batch int) []int {
	perEpoch := e.Steps(batch)
	epoch, k := (step-1)/perEpoch+1, (step-1)%perEpoch
	e.shuffleTo(epoch)
	return e.order[k*batch : (k+1)*batch]
}

// shuffleTo brings the order to that of epoch, from 1.
func (e *Examples) shuffleTo(epoch int) {
	n := len(e.Labels)
	if e.order == nil || epoch < e.epoch {
		e.order, e.epoch = make([]int, n), 0
		for i := range e.order {
			e.order[i] = i
		}
	}
	for e.epoch < epoch {
		e.epoch++
		base := e.seed*1000003 + uint32(e.epoch)*uint32(n)
		for i := n - 1; i > 0; i-- {
			j := PCG(base+uint32(i)) % uint32(i+1)
			e.order[i], e.order[j] = e.order[j], e.order[i]
		}
	}
}
