// Package protocol is the wire between a volunteer and a hub: the messages,
// their bytes, their limits, and Conn, over which they travel.
//
// It owns what a frame looks like, which lengths are allowed, the numbers of
// types, codes and statuses (append-only), and what exactly is signed and
// sealed. It refuses to know what a shard or a program is (payloads are
// bytes), who may do what when (the hub's session does), and any concrete
// transport: package wsconn has the WebSocket, wasm/browser the browser's.
//
// The package is part of what a browser downloads, so it imports little.
// PROTOCOL.md is the specification; testdata/vectors holds frames that must
// decode, or fail, the same way forever.
package protocol
