// Package browser is what the volunteer loop needs of a browser: a WebSocket
// to the hub, fetch for blobs, and a bridge to the page. It runs inside a
// dedicated Web Worker, never on the page's own thread. People's modules run in
// another one, which package box starts and ends.
//
// It owns every use of syscall/js outside the devices. It refuses to know
// what is computed, and it draws nothing: the page does.
//
// # The page's side
//
// The page starts a Worker whose script loads wasm_exec.js and runs the
// program of wasm/cmd/worker:
//
//	importScripts("/wasm_exec.js");
//	const go = new Go();
//	WebAssembly.instantiateStreaming(fetch("/worker.wasm"), go.importObject)
//		.then(({instance}) => go.run(instance));
//
// From then on both sides talk by postMessage, in plain objects. The page
// waits for {type: "ready"} before it says anything; what it says earlier is
// lost.
//
// # Page to worker
//
//	{cmd: "start", ...}  begin to volunteer, or go on after a pause. Fields, read
//	                     only when it begins:
//	    consent  required: {runs, expires, issued?, origin?, limits?}
//	             runs     the words the person agreed to
//	             expires  milliseconds since 1970; issued too, default now
//	             origin   default: the worker's own
//	             limits   what the person set: any object, which goes to the hub as
//	                      it is. cpu_usage_limit in it, 1 to 100, is the share
//	                      of the time that each lane computes, in percent; the
//	                      lanes that the processor plays share one, and take turns
//	    hub      hub's address, default: the worker's origin
//	    key      the identity, 64 hexadecimal digits that the page keeps
//	             (localStorage is out of a worker's reach). Absent: a new one
//	             is made and sent to the page as {type: "key"}
//	    lanes    devices to use and no others, in order of preference; one that
//	             a processor plays will do as well. Of webgpu and webgl, which
//	             drive the same hardware, the second is kept as a spare.
//	             Absent: the worker tests what the browser has and picks
//	    sandbox  true: run people's modules as well, as the lane sandbox. Where
//	             lanes are named it is used if it is among them
//	    binding  bytes of one binding of a GPU at most, for tests
//	    kept     {key: data, ...}: everything that {type: "keep"} asked for
//	    inHand   shards held per device, default 2
//	    memory   bytes that one program may need, default 256 MiB; a GPU may
//	             use more unless this says otherwise
//	{cmd: "pause"}       hand back what is not computed; keep the connection
//	{cmd: "finish"}      deliver the shards that have begun, then stop
//	{cmd: "stop"}        say goodbye at once. The page may terminate the worker
//	                     after {type: "state", state: "stopped"}, and may also
//	                     just terminate it: the hub notices
//	{cmd: "stats"}       ask for {type: "stats"}
//
// # Worker to page
//
//	{type: "ready", version, lanes}  the program runs; lanes it can offer here
//	{type: "key", key}               a new identity: keep it
//	{type: "keep", key, data}        keep data, a string, and give it back in kept
//	{type: "lanes", lanes: [{lane, detail, fit, absent, gops, millis, chosen, why}]}
//	    what became of each lane when the worker picked: after start, and again
//	    when the lanes it had are gone and it goes on with others. gops is the
//	    speed on a training shard, why says in words why it is chosen or not.
//	    The sandbox is among them if the page asked for it.
//	{type: "state", state, connected, hub}
//	    state: "testing" | "running" | "paused" | "finishing" | "stopped". Sent at every
//	    change. After "stopped", start begins anew.
//	{type: "event", kind, job, shard, device, lane, millis, ops, status, credit, code, reason}
//	    something happened; kinds and their fields are those of worker.Event:
//	    "connecting" "connected" "disconnected" "leased" "computing" "computed"
//	    "sealed" "delivered" "judged" "returned" "revoked" "refused", and of a
//	    lane, with device, lane and reason: "lost" (its shard went back),
//	    "reopened", "dropped" (it is used no more; the others go on, and where
//	    there is none a {type: "lanes"} follows, or the error "device").
//	    ops of the sandbox are instructions.
//	    status (of "judged"): "pending" "accepted" "rejected" "surplus".
//	    Absent fields were empty.
//	{type: "status", status}
//	    what the hub says about its work, as it sent it: an object with job,
//	    name, step, steps, loss, val, volunteers, credit, ...
//	{type: "stats", stats}
//	    {volunteer, state, connected, hub, credit, computed, accepted, rejected,
//	    waiting, devices: [{lane, detail, threads, computed, busyMillis, ops, job,
//	    shard, dropped}]}: totals since start. Sent after each computed or judged shard and
//	    when asked for.
//	{type: "error", code, message}
//	    code: "command"  a message from the page made no sense; nothing changed
//	          "device"   nothing is left to compute with; state is "stopped"
//	          "consent"  the person must be asked again; state is "stopped"
//	          "refused"  the hub does not serve this volunteer; "stopped"
//	          "failed"   anything else; "stopped"
//	    A hub that cannot be reached is no error: the worker keeps trying, and
//	    says so by "connecting" events.
//
// Credit is counted in the smallest unit. Numbers are exact to 2^53.
package browser
