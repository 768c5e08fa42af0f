package main

import (
	"context"
	"errors"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

// heapBase reads the value of the module's __heap_base.
func heapBase(module []byte) (uint32, error) {
	ctx := context.Background()
	r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigInterpreter().WithCoreFeatures(api.CoreFeaturesV2))
	defer r.Close(ctx)
	m, err := r.Instantiate(ctx, module)
	if err != nil {
		return 0, err
	}
	g := m.ExportedGlobal("__heap_base")
	if g == nil {
		return 0, errors.New("the module exports no __heap_base")
	}
	return api.DecodeU32(g.Get()), nil
}
