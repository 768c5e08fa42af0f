package session

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"github.com/shoal-compute/shoal/hub/internal/engine"
	"github.com/shoal-compute/shoal/hub/internal/ledger"
	"github.com/shoal-compute/shoal/hub/protocol"
)

// Hub runs the sessions of one hub. It owns one goroutine per session beside
// the session's own, and one that sends the status to all.
type Hub struct {
	config Config

	mu       sync.Mutex
	closed   bool
	sessions map[*session]bool
	running  sync.WaitGroup // Add only under mu while not closed
}

// NewHub returns a Hub without sessions.
func NewHub(c Config) *Hub {
	return &Hub{config: c, sessions: map[*session]bool{}}
}

// Handle speaks with the peer behind conn on a goroutine of its own, which
// closes conn. ctx bounds the session. After Wait it closes conn at once.
func (h *Hub) Handle(ctx context.Context, conn protocol.Conn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		conn.Close()
		return
	}
	h.running.Go(func() {
		if err := h.handle(ctx, conn); err != nil {
			h.config.Log.Debug("session ended", "err", err)
		}
	})
}

// Run sends status updates until ctx ends, and then waits for every session:
// the caller ends those by their contexts.
func (h *Hub) Run(ctx context.Context) {
	tick := time.NewTicker(h.config.StatusEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			h.broadcast()
		case <-ctx.Done():
			h.mu.Lock()
			h.closed = true
			h.mu.Unlock()
			h.running.Wait()
			return
		}
	}
}

func (h *Hub) add(s *session) {
	h.mu.Lock()
	h.sessions[s] = true
	h.mu.Unlock()
	s.offer(h.config.Engine.Status())
}

func (h *Hub) remove(s *session) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.sessions, s)
}

// broadcast offers the status to every session.
func (h *Hub) broadcast() {
	status := h.config.Engine.Status()
	h.mu.Lock()
	list := make([]*session, 0, len(h.sessions))
	for s := range h.sessions {
		list = append(list, s)
	}
	h.mu.Unlock()
	for _, s := range list {
		s.offer(status)
	}
}

// personal is a status with what concerns one volunteer.
type personal struct {
	engine.Status
	Credit ledger.Amount `json:"credit"`
}

// offer hands the newest status to the sender; an older one that it has not
// taken yet is replaced.
func (s *session) offer(status engine.Status) {
	data, err := json.Marshal(personal{status, s.member.Credit()})
	if err != nil {
		s.log.Error("status does not encode", "err", err)
		return
	}
	select {
	case <-s.status:
	default:
	}
	select {
	case s.status <- data:
	default: // another offer came in between: as new as this one
	}
}
