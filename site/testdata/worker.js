// Stands in for the real background thread: it speaks the messages that
// package wasm/browser documents, computes nothing, and tells the test's
// server what it was told. A share of 25 % makes it fail, and one of 100 % makes
// it lose its graphics card, so that the test can see how that is shown.

"use strict";

const ROUND = 2 ** 24; // shards of round 1 begin here

let shard = ROUND;
let going = false;
let share = 0; // of the consent

// tell returns once the server has heard it: nothing follows from a message before.
const tell = (m) => {
  const request = new XMLHttpRequest();
  request.open("POST", "/fake/told", false);
  request.send(JSON.stringify(m));
};
const state = (s) => postMessage({ type: "state", state: s, connected: s !== "stopped", hub: "fake" });
const event = (kind, more) => postMessage({ type: "event", kind, job: "j1", shard, device: 0, lane: "wasm", ...more });

const lanes = [
  { lane: "webgpu", detail: "Card 1, driver 2", fit: true, absent: false, gops: 12.345, chosen: true, why: "fit, and the fastest here" },
  { lane: "wasm", detail: "simd128", fit: true, absent: false, gops: 4, chosen: true, why: "fit, and worth using beside webgpu" },
  { lane: "webgl", chosen: false, why: "not needed" },
];

// lose takes the card away step by step, each when the page asks for news.
const losses = [
  () => postMessage({ type: "event", kind: "lost", device: 0, lane: "webgpu", reason: "reset" }),
  () => postMessage({ type: "event", kind: "reopened", device: 0, lane: "webgpu" }),
  () => postMessage({ type: "event", kind: "dropped", device: 0, lane: "webgpu", reason: "reset again" }),
  () => postMessage({ type: "event", kind: "dropped", device: 1, lane: "wasm", reason: "reset too" }),
  () => postMessage({ type: "lanes", lanes: [{ lane: "webgl", detail: "Card 1", fit: true, absent: false, gops: 3, chosen: true, why: "fit" }] }),
];

function compute() {
  while (going) {
    shard++;
    event("computing");
    if (shard % 4 === 0) return; // stays with every fourth shard, so that the test has something to finish
    event("computed", { ops: 2_000_000_000, millis: 800 });
    postMessage({ type: "stats", stats: { volunteer: "ab".repeat(32) } });
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
      if (going && share === 100) {
        losses.shift()?.();
        return;
      }
      if (m.consent) {
        share = m.consent.limits.cpu_usage_limit;
        state("testing");
        postMessage({ type: "lanes", lanes });
        postMessage({ type: "keep", key: "verdict|webgpu", data: "12.345" });
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

postMessage({ type: "ready", version: "fake", lanes: ["webgpu", "webgl", "wasm"] });
