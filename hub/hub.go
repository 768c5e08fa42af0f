package hub

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/shoal-compute/shoal/hub/internal/archive"
	"github.com/shoal-compute/shoal/hub/internal/blobs"
	"github.com/shoal-compute/shoal/hub/internal/engine"
	"github.com/shoal-compute/shoal/hub/internal/httpapi"
	"github.com/shoal-compute/shoal/hub/internal/lease"
	"github.com/shoal-compute/shoal/hub/internal/scheduler"
	"github.com/shoal-compute/shoal/hub/internal/session"
	"github.com/shoal-compute/shoal/hub/internal/sqlite"
	"github.com/shoal-compute/shoal/hub/internal/volunteer"
	"github.com/shoal-compute/shoal/hub/protocol"
)

// Hub is a coordinator over one data directory. It listens from New on and
// serves from Run on.
type Hub struct {
	config   Config
	lock     *os.File
	store    *sqlite.Store
	engine   *engine.Engine
	auditor  *auditor
	sessions *session.Hub
	listener net.Listener
	server   *http.Server

	conns    context.Context // the volunteers' connections live as long
	endConns context.CancelFunc
	receipts string // public key
	closed   sync.Once
	closeErr error
}

// New opens the data directory and takes the address. The caller must call
// Run or Close.
func New(c Config) (_ *Hub, err error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return nil, fmt.Errorf("hub: data directory: %w", err)
	}
	h := &Hub{config: c}
	h.conns, h.endConns = context.WithCancel(context.Background())
	defer func() {
		if err != nil {
			err = errors.Join(err, h.Close())
		}
	}()
	if h.lock, err = lock(c.Data); err != nil {
		return nil, err
	}
	ctx := context.Background() // opening ends by itself, or with an error
	if h.store, err = openStore(ctx, c.Data); err != nil {
		return nil, err
	}
	key, err := leaseKey(c.Data, c.Rand)
	if err != nil {
		return nil, err
	}
	signer, err := lease.NewSigner(key)
	if err != nil {
		return nil, err
	}
	receipts, err := receiptSigner(c.Data, c.Rand)
	if err != nil {
		return nil, err
	}
	h.receipts = receipts.Key()
	records, err := archive.Open(filepath.Join(c.Data, dirReceipts), receipts)
	if err != nil {
		return nil, err
	}
	files, err := blobs.Open(filepath.Join(c.Data, dirBlobs))
	if err != nil {
		return nil, err
	}
	if h.auditor = newAuditor(c, files); c.Execute == nil {
		c.Execute = h.auditor.execute
	}
	certified := map[volunteer.ID]bool{}
	for _, key := range c.Certified {
		certified[key] = true
	}
	schedule := scheduler.Default()
	schedule.LeaseTime, schedule.BackupAfter = c.LeaseTime, c.BackupAfter
	h.engine, err = engine.Open(ctx, engine.Config{
		Store: h.store, Blobs: files, Signer: signer,
		Kinds: c.Kinds, Device: c.Device, Data: c.Files, Parse: c.Parse, Inspect: c.Inspect,
		Execute: c.Execute, Confirm: h.auditor.confirm, Certified: certified, Related: c.Related, Secret: key, Retain: c.Retain, Mend: c.Mend,
		Seal:      func(ctx context.Context, e engine.Ending) error { return records.Seal(ctx, h.engine, e) },
		Scheduler: schedule, CheckpointEvery: c.CheckpointEvery, MaxRunning: c.MaxRunning, MaxLeases: c.MaxLeases,
		Log: c.Log, Now: c.Now, Rand: c.Rand,
	})
	if err != nil {
		return nil, err
	}
	h.sessions = session.NewHub(session.Config{
		Engine: h.engine, Signer: signer, Blobs: files, Name: c.Name,
		MaxConsent: c.MaxConsent, HelloTimeout: helloTimeout, SendTimeout: time.Minute, StatusEvery: c.StatusEvery,
		Log: c.Log, Now: c.Now, Rand: c.Rand,
	})
	// The last thing that can go wrong is told before a key is announced that
	// nobody could use.
	if h.listener, err = net.Listen("tcp", c.Listen); err != nil {
		return nil, fmt.Errorf("hub: %w", err)
	}
	keyHash, err := adminKeyHash(c.Data, c.Rand, c.Announce)
	if err != nil {
		return nil, err
	}
	h.server = &http.Server{
		Handler: httpapi.New(h.conns, httpapi.Config{
			Engine: h.engine, Blobs: files, Archive: records, Connect: h.sessions.Handle, Site: c.Site, Name: c.Name,
			KeyHash: keyHash, Proxies: c.TrustProxy, Ping: c.Ping, MaxUpload: c.MaxUpload, Log: c.Log,
		}),
		ReadHeaderTimeout: 10 * time.Second, // the rest of a request has a deadline by its route
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
		ErrorLog:          slog.NewLogLogger(c.Log.Handler(), slog.LevelDebug),
	}
	return h, nil
}

// ReceiptsKey is the public key of the hub's receipts, as package receipt
// reads it.
func (h *Hub) ReceiptsKey() string { return h.receipts }

// Addr is where the hub listens, its port never 0.
func (h *Hub) Addr() net.Addr { return h.listener.Addr() }

// Connect takes a volunteer that is connected by other means than the
// network: a protocol.Pipe. Run must be running, or about to.
func (h *Hub) Connect(conn protocol.Conn) { h.sessions.Handle(h.conns, conn) }

// helloTimeout is how long a volunteer may take to say hello, and again to show
// its consent: as long as a worker waits for the answers.
const helloTimeout = 30 * time.Second

// drain is how long requests under way may take when the hub stops.
const drain = 5 * time.Second

// Run serves until ctx ends, then stops in order and returns nil; or until
// something fails that it cannot go on without, then it stops and returns that.
func (h *Hub) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var (
		running  sync.WaitGroup
		failures [2]error
	)
	engineCtx, endEngine := context.WithCancel(context.WithoutCancel(ctx))
	defer endEngine()
	sessionsCtx, endSessions := context.WithCancel(context.WithoutCancel(ctx))
	defer endSessions()
	engineDone := make(chan struct{})
	running.Go(func() {
		defer close(engineDone)
		failures[0] = h.engine.Run(engineCtx)
		cancel()
	})
	running.Go(func() { h.sessions.Run(sessionsCtx) })
	running.Go(func() {
		if err := h.server.Serve(h.listener); !errors.Is(err, http.ErrServerClosed) {
			failures[1] = fmt.Errorf("hub: serve: %w", err)
		}
		cancel()
	})
	h.config.Log.Info("hub runs", "address", h.Addr().String(), "data", h.config.Data)
	<-ctx.Done()

	// In reverse: no new volunteers and leases, then no new events, which ends
	// the streams, then the remaining requests, then the store.
	h.endConns()
	endEngine()
	<-engineDone
	stopCtx, endStop := context.WithTimeout(context.Background(), drain)
	defer endStop()
	if err := h.server.Shutdown(stopCtx); err != nil {
		h.server.Close()
	}
	endSessions()
	running.Wait()
	h.config.Log.Info("hub stopped")
	return errors.Join(failures[0], failures[1], h.Close())
}

// Close gives back what New took. It must not be called while Run is running;
// after Run it does nothing.
func (h *Hub) Close() error {
	h.closed.Do(func() {
		h.endConns()
		var errs []error
		if h.listener != nil {
			if err := h.listener.Close(); !errors.Is(err, net.ErrClosed) {
				errs = append(errs, err)
			}
		}
		if h.auditor != nil {
			errs = append(errs, h.auditor.close())
		}
		if h.store != nil {
			errs = append(errs, h.store.Close())
		}
		if h.lock != nil {
			errs = append(errs, h.lock.Close())
		}
		h.closeErr = errors.Join(errs...)
	})
	return h.closeErr
}
