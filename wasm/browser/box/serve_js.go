package box

import (
	"context"
	"errors"
	"fmt"
	"syscall/js"

	"github.com/shoal-compute/shoal/wasm/sandbox"
)

// Serve runs modules for the Box that started this thread, on the host that
// open opens, one call after the other, until ctx ends. The Box sends
//
//	{cmd: "load", module, code, fuel, memory, output}
//	{cmd: "run", module, input}
//	{cmd: "close", module}
//
// module being a number of its choice. Each but the last has one answer, and
// so has the start of the thread: {} or, of a run, {outcome}, the encoding of a
// job.Outcome. {unfit} is a module that no host runs, {error} what went wrong
// here; both are words.
func Serve(ctx context.Context, open func(context.Context) (sandbox.Host, error)) {
	calls := make(chan js.Value, 1+maxCloses)
	listen := js.FuncOf(func(_ js.Value, args []js.Value) any {
		calls <- args[0].Get("data")
		return nil
	})
	defer listen.Release()
	js.Global().Set("onmessage", listen)
	defer js.Global().Set("onmessage", js.Null())

	say := func(m map[string]any) { js.Global().Call("postMessage", m) }
	host, err := open(ctx)
	if err != nil {
		say(failure(err))
		return
	}
	defer host.Close()
	s := server{host: host, modules: map[int]sandbox.Module{}}
	say(map[string]any{})
	for {
		select {
		case c := <-calls:
			if answer := s.obey(ctx, c); answer != nil {
				say(answer)
			}
		case <-ctx.Done():
			return
		}
	}
}

// maxCloses is how many modules may be closed while another one runs, and more:
// a lane keeps a few.
const maxCloses = 64

type server struct {
	host    sandbox.Host
	modules map[int]sandbox.Module
}

// obey returns the answer to a call; closing a module has none.
func (s *server) obey(ctx context.Context, c js.Value) map[string]any {
	id := c.Get("module").Int()
	switch cmd := text(c, "cmd"); cmd {
	case "load":
		m, err := s.host.Load(ctx, bytes(c, "code"), sandbox.Limits{
			Fuel:   uint64(c.Get("fuel").Float()),
			Memory: uint32(c.Get("memory").Float()),
			Output: uint32(c.Get("output").Float()),
		})
		if err != nil {
			return failure(err)
		}
		s.modules[id] = m
		return map[string]any{}
	case "run":
		m, ok := s.modules[id]
		if !ok {
			return failure(fmt.Errorf("box: the sandbox has no module %d", id))
		}
		out, err := m.Run(ctx, bytes(c, "input"))
		if err != nil {
			return failure(err)
		}
		return map[string]any{"outcome": array(out.Encode())}
	case "close":
		if m, ok := s.modules[id]; ok {
			m.Close()
			delete(s.modules, id)
		}
		return nil
	default:
		return failure(fmt.Errorf("box: the sandbox knows no %q", cmd))
	}
}

func failure(err error) map[string]any {
	var unfit *sandbox.ModuleError
	if errors.As(err, &unfit) {
		return map[string]any{"unfit": unfit.Reason}
	}
	return map[string]any{"error": err.Error()}
}
