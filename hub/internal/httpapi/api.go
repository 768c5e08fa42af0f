// Package httpapi is the hub over HTTP: the site, blobs, jobs and their
// events, health and metrics, and the door volunteers come in by.
//
// It owns paths, status codes, JSON shapes, limits on request bodies and
// deadlines on connections. It refuses to decide anything about jobs and
// volunteers: engine and session do. openapi.json describes it; a test holds
// the two together.
package httpapi

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	_ "embed" // openapi.json
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/shoal-compute/shoal/hub/internal/archive"
	"github.com/shoal-compute/shoal/hub/internal/blobs"
	"github.com/shoal-compute/shoal/hub/internal/engine"
	"github.com/shoal-compute/shoal/hub/protocol"
	"github.com/shoal-compute/shoal/hub/protocol/wsconn"
)

// Config is what the API stands on. Every field is required, unless said
// otherwise.
type Config struct {
	Engine  *engine.Engine
	Blobs   *blobs.Store
	Archive *archive.Archive                              // the records of ended jobs
	Connect func(ctx context.Context, conn protocol.Conn) // takes over a volunteer's connection
	Site    http.Handler                                  // answers what no other path does
	Name    string                                        // the hub's name, for people
	KeyHash [sha256.Size]byte                             // SHA-256 of the admin key
	Proxies []netip.Prefix                                // who is believed to say where a volunteer is; may be empty

	Ping      time.Duration // between pings to a volunteer; one silent for two of them is gone
	MaxUpload int64         // bytes of an uploaded blob

	Log *slog.Logger
}

// maxJobFile bounds a submitted job file, in bytes.
const maxJobFile = 1 << 20

// Times a request may take. Events have none: every write has its own.
const (
	quick  = 30 * time.Second // requests and answers that are small
	bulk   = 15 * time.Minute // blobs and artifacts
	upload = 15 * time.Minute

	// unwanted is how long a body is still read that nobody wants, so that a peer
	// that is sending it sees the answer before the end.
	unwanted = time.Second
)

//go:embed openapi.json
var openAPI []byte

type api struct {
	Config
	upgrader websocket.Upgrader
	metrics  *metrics
	proxies  proxies
	// conns is the life of the volunteers' connections: their requests end
	// when they are upgraded.
	conns context.Context
}

// New returns the handler. Connections of volunteers live until conns ends.
func New(conns context.Context, c Config) http.Handler {
	a := &api{
		Config:  c,
		conns:   conns,
		proxies: proxies{trusted: c.Proxies, log: c.Log},
		upgrader: websocket.Upgrader{
			Subprotocols:     []string{protocol.Subprotocol},
			HandshakeTimeout: 10 * time.Second,
			// Small buffers, and one for writing only while something is
			// written: most connections are idle most of the time.
			ReadBufferSize:  1 << 10,
			WriteBufferSize: 1 << 10,
			WriteBufferPool: &sync.Pool{},
			// Any page may offer its visitors' computing: there are no cookies
			// to steal, and the origin is part of the consent.
			CheckOrigin: func(*http.Request) bool { return true },
			Error: func(w http.ResponseWriter, _ *http.Request, status int, reason error) {
				writeProblem(w, problem{Status: status, Detail: reason.Error()})
			},
		},
	}
	a.metrics = newMetrics(c.Engine)
	return a.middleware(a.routes())
}

// route is one line of the API.
type route struct {
	pattern string // method and path, as http.ServeMux reads it
	handler http.HandlerFunc
	limit   time.Duration // for reading the request and writing the answer; 0 none
	admin   bool
}

func (a *api) table() []route {
	return []route{
		{"GET /healthz", a.healthz, quick, false},
		{"GET /readyz", a.readyz, quick, false},
		{"GET /metrics", promhttp.HandlerFor(a.metrics.registry, promhttp.HandlerOpts{}).ServeHTTP, quick, false},
		{"GET /api/openapi.json", a.openapi, quick, false},

		{"GET /blob/{sha256}", a.getBlob, bulk, false},
		{"PUT /blob/{sha256}", a.putBlob, upload, true},
		{"POST /blob", a.putBlob, upload, true},

		{"GET /v1/volunteer", a.volunteer, 0, false},

		{"POST /api/v1/jobs", a.submit, 5 * time.Minute, true}, // checking a job reads its data
		{"GET /api/v1/jobs", a.jobs, quick, false},
		{"GET /api/v1/jobs/{id}", a.job, quick, false},
		{"DELETE /api/v1/jobs/{id}", a.cancel, quick, true},
		{"GET /api/v1/jobs/{id}/events", a.events, 0, false},
		{"GET /api/v1/jobs/{id}/artifacts", a.artifacts, quick, false},
		{"GET /api/v1/jobs/{id}/artifacts/{name}", a.artifact, bulk, false},
		{"GET /api/v1/jobs/{id}/receipts", a.receipts, bulk, false},
		{"GET /api/v1/jobs/{id}/receipts/{n}/proof", a.proof, quick, false},
		{"GET /api/v1/jobs/{id}/log", a.log, quick, false},
		{"GET /api/v1/jobs/{id}/log/{edition}", a.superseded, quick, false},
		{"GET /api/v1/jobs/{id}/disputes", a.disputes, quick, false},

		{"GET /api/v1/stats", a.stats, quick, false},
		{"GET /api/v1/volunteers", a.volunteers, quick, false},
		{"GET /api/v1/volunteers/{id}/transactions", a.transactions, quick, false},
		{"GET /api/v1/volunteers/{id}/ledger", a.ledger, quick, false},
		{"GET /api/v1/leaderboard", a.leaderboard, quick, false},
	}
}

func (a *api) routes() *http.ServeMux {
	mux := http.NewServeMux()
	methods := map[string][]string{} // by path
	for _, r := range a.table() {
		method, path, _ := strings.Cut(r.pattern, " ")
		methods[path] = append(methods[path], method)
		if method == http.MethodGet {
			methods[path] = append(methods[path], http.MethodHead)
		}
		mux.Handle(r.pattern, a.metrics.count(r.pattern, a.limited(r)))
	}
	other := func(h http.HandlerFunc) http.Handler {
		return a.metrics.count("other", a.limited(route{handler: h, limit: quick}))
	}
	for path, allowed := range methods {
		mux.Handle(path, other(methodNotAllowed(allowed)))
	}
	for _, prefix := range []string{"/api/", "/v1/", "/blob/"} {
		mux.Handle(prefix, other(func(w http.ResponseWriter, r *http.Request) {
			writeProblem(w, problem{Status: http.StatusNotFound, Detail: "there is nothing at " + r.URL.Path})
		}))
	}
	mux.Handle("/", a.metrics.count("site", a.limited(route{handler: a.Site.ServeHTTP, limit: bulk})))
	return mux
}

func methodNotAllowed(allowed []string) http.HandlerFunc {
	list := strings.Join(allowed, ", ")
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Allow", list)
		writeProblem(w, problem{Status: http.StatusMethodNotAllowed, Detail: r.Method + " is not allowed here, only " + list})
	}
}

// limited puts a route's deadlines and key check in front of its handler.
func (a *api) limited(r route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		// The connection's own deadlines: a handler that waits for a slow peer
		// ends with it. Not every ResponseWriter has them.
		c, welcome := http.NewResponseController(w), !r.admin || a.authorized(req)
		if r.limit > 0 {
			end := time.Now().Add(r.limit)
			_ = c.SetReadDeadline(end)
			_ = c.SetWriteDeadline(end)
		}
		if req.ContentLength != 0 && !(welcome && r.takesBody()) {
			// Without close the server would wait for a body that nobody wants
			// before it answers, and after the answer it still reads a part of it.
			w.Header().Set("Connection", "close")
			_ = c.SetReadDeadline(time.Now().Add(unwanted))
		}
		if !welcome {
			w.Header().Set("WWW-Authenticate", `Bearer realm="shoal"`)
			writeProblem(w, problem{Status: http.StatusUnauthorized, Detail: "this needs the hub's admin key: Authorization: Bearer KEY"})
			return
		}
		r.handler(w, req)
	})
}

// takesBody reports whether the route's handler reads the request's body.
func (r route) takesBody() bool {
	return strings.HasPrefix(r.pattern, http.MethodPost+" ") || strings.HasPrefix(r.pattern, http.MethodPut+" ")
}

func (a *api) authorized(r *http.Request) bool {
	scheme, key, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	sum := sha256.Sum256([]byte(strings.TrimSpace(key)))
	return strings.EqualFold(scheme, "bearer") && subtle.ConstantTimeCompare(sum[:], a.KeyHash[:]) == 1
}

// middleware sets what every answer has. Pages are cross-origin isolated, so
// that they may share memory between their threads.
func (a *api) middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Embedder-Policy", "require-corp")
		h.Set("X-Content-Type-Options", "nosniff")
		next.ServeHTTP(w, r)
	})
}

func (a *api) healthz(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]string{"status": "ok"})
}

func (a *api) readyz(w http.ResponseWriter, _ *http.Request) {
	if err := a.Engine.Ready(); err != nil {
		writeProblem(w, problem{Status: http.StatusServiceUnavailable, Detail: err.Error()})
		return
	}
	writeJSON(w, http.StatusOK, map[string]string{"status": "ready"})
}

func (a *api) openapi(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(openAPI) // the peer has gone: nobody to tell
}

// volunteer upgrades to a WebSocket and hands the connection on. The handler
// returns at once, which frees what net/http keeps for a request.
func (a *api) volunteer(w http.ResponseWriter, r *http.Request) {
	if !websocket.IsWebSocketUpgrade(r) {
		w.Header().Set("Upgrade", "websocket")
		writeProblem(w, problem{Status: http.StatusUpgradeRequired, Detail: "this is a WebSocket, subprotocol " + protocol.Subprotocol})
		return
	}
	offered := websocket.Subprotocols(r)
	ok := false
	for _, p := range offered {
		ok = ok || p == protocol.Subprotocol
	}
	if !ok {
		writeProblem(w, problem{Status: http.StatusBadRequest, Detail: "Sec-WebSocket-Protocol: must offer " + protocol.Subprotocol})
		return
	}
	ws, err := a.upgrader.Upgrade(w, r, nil)
	if err != nil {
		a.Log.Debug("websocket refused", "err", err)
		return
	}
	conn := wsconn.New(ws, wsconn.Options{Ping: a.Ping, Closed: "the hub closes"})
	if at := a.proxies.client(r); at.IsValid() {
		conn = located{conn, at}
	}
	a.Connect(a.conns, conn)
}
