package httpapi

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/shoal-compute/shoal/hub/protocol"
)

func networks(t *testing.T, list string) []netip.Prefix {
	t.Helper()
	var all []netip.Prefix
	for _, text := range strings.Fields(list) {
		p, err := ParseProxy(text)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	return all
}

func TestClientAddress(t *testing.T) {
	for name, c := range map[string]struct {
		trusted, peer string
		header        []string
		want          string
	}{
		"no proxy":                     {"", "203.0.113.7:99", nil, "203.0.113.7"},
		"claims of a stranger":         {"10.0.0.0/8", "203.0.113.7:99", []string{"198.51.100.1"}, "203.0.113.7"},
		"nobody is trusted":            {"", "127.0.0.1:99", []string{"198.51.100.1"}, "127.0.0.1"},
		"one proxy":                    {"127.0.0.1", "127.0.0.1:99", []string{"198.51.100.1"}, "198.51.100.1"},
		"what the volunteer put there": {"127.0.0.1", "127.0.0.1:99", []string{"192.0.2.66, 198.51.100.1"}, "198.51.100.1"},
		"or put there as nonsense":     {"127.0.0.1", "127.0.0.1:99", []string{"<script>,,198.51.100.1"}, "198.51.100.1"},
		"two proxies":                  {"127.0.0.1 10.0.0.0/8", "127.0.0.1:99", []string{"192.0.2.66, 198.51.100.1, 10.1.2.3"}, "198.51.100.1"},
		"two headers":                  {"127.0.0.1 10.0.0.0/8", "127.0.0.1:99", []string{"198.51.100.1", "10.1.2.3"}, "198.51.100.1"},
		"a proxy too many":             {"127.0.0.1", "127.0.0.1:99", []string{"198.51.100.1, 10.1.2.3"}, "10.1.2.3"},
		"with a port":                  {"127.0.0.1", "127.0.0.1:99", []string{"198.51.100.1:4711"}, "198.51.100.1"},
		"IPv6":                         {"fd00::/8", "[fd00::1]:99", []string{"2001:db8::5"}, "2001:db8::5"},
		"IPv6 in brackets":             {"::1", "[::1]:99", []string{"[2001:db8::5]"}, "2001:db8::5"},
		"IPv6 with a port":             {"::1", "[::1]:99", []string{"[2001:db8::5]:4711"}, "2001:db8::5"},
		"IPv6 with a zone":             {"fe80::/10", "[fe80::1%eth0]:99", []string{"2001:db8::5"}, "2001:db8::5"},
		"IPv6 proxy, IPv4 volunteer":   {"::1", "[::1]:99", []string{"198.51.100.1"}, "198.51.100.1"},
		"mapped peer":                  {"10.0.0.0/8", "[::ffff:10.0.0.1]:99", []string{"198.51.100.1"}, "198.51.100.1"},
		"mapped network":               {"::ffff:10.0.0.0/104", "10.200.0.1:99", []string{"198.51.100.1"}, "198.51.100.1"},
		"mapped volunteer":             {"10.0.0.0/8", "10.0.0.1:99", []string{"::ffff:198.51.100.1"}, "198.51.100.1"},
		"mapped second proxy":          {"10.0.0.0/8", "10.0.0.1:99", []string{"198.51.100.1, ::ffff:10.0.0.2"}, "198.51.100.1"},
		"no header":                    {"10.0.0.0/8", "10.0.0.1:99", nil, "10.0.0.1"},
		"empty header":                 {"10.0.0.0/8", "10.0.0.1:99", []string{""}, "10.0.0.1"},
		"proxies only":                 {"10.0.0.0/8", "10.0.0.1:99", []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.1"},
		"a name":                       {"10.0.0.0/8", "10.0.0.1:99", []string{"unknown"}, "10.0.0.1"},
		"nonsense after the address":   {"10.0.0.0/8", "10.0.0.1:99", []string{"198.51.100.1, "}, "10.0.0.1"},
		"half a bracket":               {"10.0.0.0/8", "10.0.0.1:99", []string{"198.51.100.1]"}, "10.0.0.1"},
		"a peer without address":       {"10.0.0.0/8", "@", []string{"198.51.100.1"}, "invalid IP"},
	} {
		t.Run(name, func(t *testing.T) {
			p := proxies{trusted: networks(t, c.trusted), log: slog.New(slog.DiscardHandler)}
			r := &http.Request{RemoteAddr: c.peer, Header: http.Header{forwardedFor: c.header}}
			if got := p.client(r); got.String() != c.want {
				t.Errorf("it is at %v, want %v", got, c.want)
			}
		})
	}
}

func TestParseProxy(t *testing.T) {
	for text, want := range map[string]string{
		"10.0.0.0/8":          "10.0.0.0/8",
		"10.1.2.3/8":          "10.0.0.0/8",
		"127.0.0.1":           "127.0.0.1/32",
		"2001:db8::/32":       "2001:db8::/32",
		"::1":                 "::1/128",
		"::ffff:10.0.0.1":     "10.0.0.1/32",
		"::ffff:10.0.0.0/104": "10.0.0.0/8",
		"":                    "",
		"localhost":           "",
		"10.0.0.0/33":         "",
		"10.0.0.0/8,::1":      "",
		"fe80::1%eth0":        "",
		"::ffff:0.0.0.0/95":   "",
	} {
		got, err := ParseProxy(text)
		if want == "" {
			if err == nil {
				t.Errorf("%q is %v, want an error", text, got)
			}
			continue
		}
		if err != nil || got.String() != want {
			t.Errorf("%q is %v, %v, want %v", text, got, err, want)
		}
	}
}

// A volunteer's connection says where the volunteer is, not where its proxy is.
func TestVolunteerBehindProxy(t *testing.T) {
	conns := make(chan protocol.Conn, 1)
	hub := httptest.NewServer(New(t.Context(), Config{
		Connect: func(_ context.Context, conn protocol.Conn) { conns <- conn },
		Site:    http.NotFoundHandler(), Proxies: networks(t, "127.0.0.1 ::1"), Log: slog.New(slog.DiscardHandler), Ping: time.Minute,
	}))
	defer hub.Close()
	d := websocket.Dialer{Subprotocols: []string{protocol.Subprotocol}}
	ws, resp, err := d.DialContext(t.Context(), "ws"+strings.TrimPrefix(hub.URL, "http")+"/v1/volunteer",
		http.Header{forwardedFor: {"192.0.2.66, 2001:db8::5"}})
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	defer ws.Close()
	conn := <-conns
	defer conn.Close()
	at, ok := conn.(interface{ RemoteAddr() string })
	if !ok || at.RemoteAddr() != "[2001:db8::5]:0" {
		t.Errorf("the connection %T says %v, want [2001:db8::5]:0", conn, at)
	}
}

// The operator hears of a proxy that is not named, once: volunteers can say so
// as well, and as often as they like.
func TestWarnsOfProxies(t *testing.T) {
	var log bytes.Buffer
	p := proxies{trusted: networks(t, "127.0.0.1"), log: slog.New(slog.NewTextHandler(&log, nil))}
	from := func(peer string, header ...string) {
		p.client(&http.Request{RemoteAddr: peer, Header: http.Header{forwardedFor: header}})
	}
	from("203.0.113.7:1")
	from("127.0.0.1:1", "198.51.100.1")
	if log.Len() > 0 {
		t.Errorf("it warns without need: %s", &log)
	}
	for range 2 {
		from("203.0.113.7:1", "198.51.100.1")
		from("127.0.0.1:1", "nonsense")
	}
	if text := log.String(); strings.Count(text, "\n") != 2 || !strings.Contains(text, "--trust-proxy") || !strings.Contains(text, "nonsense") {
		t.Errorf("it says %q, want one warning of each kind", text)
	}
}

// A header is anybody's words: whatever it is, there is an address, and never
// one of a trusted proxy unless it is the peer's.
func FuzzClientAddress(f *testing.F) {
	f.Add("198.51.100.1, 10.0.0.2")
	f.Add("[::1]:4, ::ffff:10.0.0.1,,")
	f.Fuzz(func(t *testing.T, header string) {
		p := proxies{trusted: networks(t, "10.0.0.0/8"), log: slog.New(slog.DiscardHandler)}
		got := p.client(&http.Request{RemoteAddr: "10.0.0.1:99", Header: http.Header{forwardedFor: {header}}})
		if !got.IsValid() || got.Zone() != "" || got.Is4In6() || p.trusts(got) && got.String() != "10.0.0.1" {
			t.Errorf("%q is %v", header, got)
		}
	})
}
