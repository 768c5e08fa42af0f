// Stands in for the real background thread: it speaks the messages that
// package wasm/browser documents, computes nothing, and tells the test's
// server what it was told. A share of 25 % makes it fail, so that the test can
// see how that is shown.

"use strict";

const ROUND = 2 ** 24; // shards of round 1 begin here

let shard = ROUND;
let going = false;

const tell = (m) => fetch("/fake/told", { method: "POST", body: JSON.stringify(m) });
const state = (s) => postMessage({ type: "state", state: s, connected: s !== "stopped", hub: "fake" });
const event = (kind, more) => postMessage({ type: "event", kind, job: "j1", shard, device: 0, lane: "wasm", ...more });

function compute() {
  while (going) {
    shard++;
    event("computing");
    if (shard % 4 === 0) return; // stays with every fourth shard, so that the test has something to finish
    event("computed", { ops: 2_000_000_000, millis: 800 });
    event("judged", shard === ROUND + 2 ? { status: "pending" } : { status: "accepted", credit: 2000 });
  }
}

onmessage = (e) => {
  const m = e.data;
  tell(m);
  switch (m.cmd) {
    case "start":
      if (m.consent?.limits.cpu_usage_limit === 25) {
        postMessage({ type: "error", code: "refused", message: "too many wrong results" });
        return;
      }
      state("running");
      postMessage({ type: "status", status: { credit: 10000 } });
      going = true;
      compute();
      break;
    case "pause": going = false; state("paused"); break;
    case "finish": going = false; state("finishing"); break;
    case "stop": going = false; state("stopped"); break;
  }
};

postMessage({ type: "ready", version: "fake", lanes: ["wasm"] });
