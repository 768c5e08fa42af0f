package httpapi

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/shoal-compute/shoal/hub/internal/engine"
)

// metrics has a registry of its own: nothing that some package registers by
// being imported shows up here.
type metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
}

func newMetrics(e *engine.Engine) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "shoal_http_requests_total", Help: "HTTP requests by route and status.",
		}, []string{"route", "status"}),
	}
	m.registry.MustRegister(m.requests, &totals{engine: e},
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// count counts a route's requests.
func (m *metrics) count(route string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := &counted{ResponseWriter: w, status: http.StatusOK}
		defer func() { m.requests.WithLabelValues(route, strconv.Itoa(c.status)).Inc() }()
		next.ServeHTTP(c, r)
	})
}

// counted remembers the status. Unwrap lets http.ResponseController find what
// the real writer can do; Hijack and ReadFrom are for those who look for the
// methods themselves.
type counted struct {
	http.ResponseWriter
	status int
}

func (c *counted) WriteHeader(status int) {
	c.status = status
	c.ResponseWriter.WriteHeader(status)
}

// Hijack implements http.Hijacker.
func (c *counted) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	c.status = http.StatusSwitchingProtocols
	return http.NewResponseController(c.ResponseWriter).Hijack()
}

// ReadFrom implements io.ReaderFrom, by which files are sent without copying.
func (c *counted) ReadFrom(r io.Reader) (int64, error) { return io.Copy(c.ResponseWriter, r) }

// Unwrap returns the real writer.
func (c *counted) Unwrap() http.ResponseWriter { return c.ResponseWriter }

// totals collects the engine's numbers when they are asked for.
type totals struct{ engine *engine.Engine }

var (
	connected = prometheus.NewDesc("shoal_volunteers_connected", "Volunteers connected now.", nil, nil)
	leases    = prometheus.NewDesc("shoal_leases_live", "Leases being computed now.", nil, nil)
	running   = prometheus.NewDesc("shoal_jobs_running", "Jobs running now.", nil, nil)
	queued    = prometheus.NewDesc("shoal_jobs_queued", "Jobs waiting for their turn.", nil, nil)
	shards    = prometheus.NewDesc("shoal_shards_accepted_total", "Shards settled.", nil, nil)
	results   = prometheus.NewDesc("shoal_results_total", "Results committed.", nil, nil)
	refuted   = prometheus.NewDesc("shoal_results_refuted_total", "Results proved wrong.", nil, nil)
	operation = prometheus.NewDesc("shoal_ops_total", "Integer operations of settled shards, each shard counted once.", nil, nil)
	credit    = prometheus.NewDesc("shoal_credit_total", "Credit paid.", nil, nil)
)

// Describe implements prometheus.Collector.
func (t *totals) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{connected, leases, running, queued, shards, results, refuted, operation, credit} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (t *totals) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	now, err := t.engine.Totals(ctx)
	if err != nil {
		ch <- prometheus.NewInvalidMetric(connected, err)
		return
	}
	for d, v := range map[*prometheus.Desc]int{connected: now.Connected, leases: now.Leases, running: now.Running, queued: now.Queued} {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(v))
	}
	for d, v := range map[*prometheus.Desc]int64{shards: now.Shards, results: now.Results, refuted: now.Refuted, operation: now.Ops, credit: now.Credit} {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v))
	}
}
