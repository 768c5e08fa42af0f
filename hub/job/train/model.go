package train

import (
	"context"
	"fmt"

	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/webgpu/device"
)

// model is the trained state after a step: master weights and the optimiser's
// state, on the folding device. Weights are also kept as bytes. It does not
// change once made.
type model struct {
	names   []string
	weights []device.Buffer
	state   []device.Buffer
	masters [][]byte   // weights, read back
	stored  []job.Hash // weights, once stored
}

// newModel has the network's initial weights, and state of zeros.
func (s *setup) newModel(d device.Device) (*model, error) {
	var masters, state [][]byte
	for _, w := range s.net.initial() {
		masters = append(masters, encode(w, 4))
	}
	for _, in := range s.net.updateState {
		state = append(state, make([]byte, s.net.update.Inputs()[in].Type.Bytes()))
	}
	return s.loadModel(d, masters, state)
}

// loadModel uploads weights and state.
func (s *setup) loadModel(d device.Device, masters, state [][]byte) (*model, error) {
	m := &model{names: s.net.names, masters: masters}
	var err error
	if m.weights, err = uploadAll(d, masters); err != nil {
		return nil, err
	}
	if m.state, err = uploadAll(d, state); err != nil {
		m.release()
		return nil, err
	}
	return m, nil
}

// read copies the weights from the device.
func (m *model) read() error {
	m.masters = make([][]byte, len(m.weights))
	for i, b := range m.weights {
		m.masters[i] = make([]byte, b.Size())
		if err := b.Read(m.masters[i]); err != nil {
			return fmt.Errorf("train: read weights %s: %w", m.names[i], err)
		}
	}
	return nil
}

// readState copies the optimiser's state from the device.
func (m *model) readState() ([][]byte, error) {
	state := make([][]byte, len(m.state))
	for i, b := range m.state {
		state[i] = make([]byte, b.Size())
		if err := b.Read(state[i]); err != nil {
			return nil, fmt.Errorf("train: read the optimiser's state: %w", err)
		}
	}
	return state, nil
}

// store makes the weights blobs, once.
func (m *model) store(ctx context.Context, blobs job.Blobs) ([]job.Hash, error) {
	if m.stored != nil {
		return m.stored, nil
	}
	names, err := putAll(ctx, blobs, m.masters)
	if err != nil {
		return nil, fmt.Errorf("train: store weights: %w", err)
	}
	m.stored = names
	return names, nil
}

// release frees the device's memory. The bytes stay.
func (m *model) release() {
	releaseAll(m.weights)
	releaseAll(m.state)
	m.weights, m.state = nil, nil
}

func uploadAll(d device.Device, tensors [][]byte) ([]device.Buffer, error) {
	buffers := make([]device.Buffer, 0, len(tensors))
	for _, t := range tensors {
		b, err := d.Upload(t)
		if err != nil {
			releaseAll(buffers)
			return nil, fmt.Errorf("train: upload: %w", err)
		}
		buffers = append(buffers, b)
	}
	return buffers, nil
}

func releaseAll(buffers []device.Buffer) {
	for _, b := range buffers {
		b.Release()
	}
}

func putAll(ctx context.Context, blobs job.Blobs, tensors [][]byte) ([]job.Hash, error) {
	names := make([]job.Hash, len(tensors))
	for i, t := range tensors {
		var err error
		if names[i], err = blobs.Put(ctx, t); err != nil {
			return nil, err
		}
	}
	return names, nil
}
