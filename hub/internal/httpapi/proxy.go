package httpapi

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"github.com/shoal-compute/shoal/hub/protocol"
)

// forwardedFor lists whom a request came from, each proxy adding at the end
// whom it had it from. Whoever is no proxy can put there what it likes.
const forwardedFor = "X-Forwarded-For"

// ParseProxy reads a network of proxies, as in "10.0.0.0/8", or the address of
// one.
func ParseProxy(text string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(text)
	if err != nil {
		a, err := netip.ParseAddr(text)
		if err != nil || a.Zone() != "" {
			return p, fmt.Errorf("%q is neither an address nor a network such as 10.0.0.0/8 or 2001:db8::/32", text)
		}
		p = netip.PrefixFrom(a, a.BitLen())
	}
	if p.Addr().Is4In6() { // no address is ever compared in this spelling
		if p.Bits() < 96 {
			return p, fmt.Errorf("%q: a network of IPv4 addresses in IPv6 spelling has at least 96 bits", text)
		}
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return p.Masked(), nil
}

// proxies finds out where a volunteer is, behind the proxies that the operator
// trusts to say so.
type proxies struct {
	trusted []netip.Prefix
	log     *slog.Logger

	strange sync.Once // somebody else claims to know
	lacking sync.Once // a trusted one does not say
}

func (p *proxies) trusts(a netip.Addr) bool {
	return slices.ContainsFunc(p.trusted, func(n netip.Prefix) bool { return n.Contains(a) })
}

// client returns where a request came from: the last address in its
// X-Forwarded-For that is no trusted proxy, if the peer is one, or else the
// peer. It is the zero Addr where the peer has no address.
func (p *proxies) client(r *http.Request) netip.Addr {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	peer := plain(at.Addr())
	claims := strings.Join(r.Header.Values(forwardedFor), ",")
	if !p.trusts(peer) {
		if claims != "" {
			p.strange.Do(func() {
				p.log.Warn("a volunteer came with "+forwardedFor+" from an address that is no trusted proxy, which is not believed: "+
					"if it is your proxy, all volunteers behind it seem to be at one address until --trust-proxy names it", "peer", peer)
			})
		}
		return peer
	}
	client, err := p.last(claims)
	if err != nil {
		p.lacking.Do(func() {
			p.log.Warn("a trusted proxy does not say where a volunteer is: its own address is taken", "peer", peer, "err", err)
		})
		return peer
	}
	return client
}

// last returns the last address of a list that is no trusted proxy's. What
// stands before it is the word of somebody who is not trusted, and not read.
func (p *proxies) last(list string) (netip.Addr, error) {
	for list != "" {
		i := strings.LastIndexByte(list, ',')
		item := strings.TrimSpace(list[i+1:])
		list = list[:max(i, 0)]
		a, err := hop(item)
		if err != nil {
			return netip.Addr{}, err
		}
		if !p.trusts(a) {
			return a, nil
		}
	}
	return netip.Addr{}, errors.New(forwardedFor + " names nobody but trusted proxies")
}

// hop reads one address of a list. Some proxies add the port, and brackets.
func hop(text string) (netip.Addr, error) {
	if at, err := netip.ParseAddrPort(text); err == nil {
		return plain(at.Addr()), nil
	}
	bare := text
	if rest, ok := strings.CutPrefix(text, "["); ok {
		bare = strings.TrimSuffix(rest, "]")
	}
	a, err := netip.ParseAddr(bare)
	if err != nil {
		return a, fmt.Errorf("%s: %.64q is no address", forwardedFor, text)
	}
	return plain(a), nil
}

// plain is the one spelling in which addresses are compared.
func plain(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }

// located is a connection whose peer is not where the transport says.
type located struct {
	protocol.Conn
	at netip.Addr
}

// RemoteAddr returns where the volunteer is. Its port is its proxy's affair.
func (l located) RemoteAddr() string { return netip.AddrPortFrom(l.at, 0).String() }
