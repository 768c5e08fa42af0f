// The background thread as the page sees it: started only by start(), which
// needs a consent. The one place that knows the messages between page and
// worker; package wasm/browser documents them.

const GRACE = 500; // ms between asking the thread to stop and ending it
const BETWEEN = 1500; // ms after a shard before the thread counts as waiting for work

/** LANES are the devices a browser may have, in words. */
export const LANES = {
  webgpu: { name: "graphics card", by: "WebGPU" },
  webgl: { name: "graphics card", by: "WebGL" },
  wasm: { name: "processor", by: "WebAssembly" },
  sandbox: { name: "sandbox", by: "modules" },
};

export class Compute {
  /** changed is called after any news; read the fields then. */
  constructor(hub, changed) {
    this.hub = hub; // address of the hub
    this.changed = changed;
    this.thread = null;
    this.reset();
    this.shards = 0; // computed during this visit
    this.verified = 0; // of those, accepted
    this.credit = 0; // the key's balance with its stake, as far as the hub has said
    this.paid = null; // the last accepted shard: {job, shard, ops, credit}
    this.speed = null; // integer operations per second of the last shard
    this.errors = []; // plain sentences, newest last
    this.asksAgain = false; // the hub wants a new consent
    this.lanes = []; // what became of each lane: {lane, detail, fit, absent, gops, chosen, why, used, speed}
    this.notice = ""; // what happened to a device, in a plain sentence
    this.volunteer = ""; // the key's public half, once the thread has said it
    this.keep = () => {}; // called with (key, data) to be given back to start
  }

  reset() {
    this.ready = null; // what to say once the thread listens
    this.gone = ""; // what was computed with before, while the thread looks for something else
    this.told = "stopped"; // testing, running, paused, finishing, stopped: the thread's own word
    this.connected = false;
    this.shard = null; // {job, shard} under way
    this.ops = new Map(); // of shards computed and not yet judged, by "job/shard"
    clearTimeout(this.between);
  }

  /** state is one word for people and programs; app.js has a text for each. */
  get state() {
    if (!this.thread) return "stopped";
    if (this.told !== "running") return this.told === "stopped" ? "starting" : this.told;
    if (this.shard) return "computing";
    return this.connected ? "waiting" : "connecting";
  }

  get active() { return this.thread !== null; }

  /**
   * start begins computing, or goes on after a pause. lanes names the devices
   * to use; without it the thread picks. sandbox says whether it also runs
   * people's modules. binding is for tests. kept is what
   * keep was called with.
   */
  start({ seed, consent, lanes, sandbox, binding, kept }) {
    if (this.thread) {
      this.send({ cmd: "start" });
      return;
    }
    const thread = new Worker("/worker.js", { name: "shoal" });
    this.thread = thread;
    this.asksAgain = false;
    this.errors = [];
    this.lanes = [];
    this.notice = "";
    this.ready = {
      cmd: "start", hub: this.hub, key: hex(seed), lanes, sandbox, binding, kept,
      consent: { ...consent, issued: Date.parse(consent.issued), expires: Date.parse(consent.expires) },
    };
    thread.onmessage = (e) => { if (this.thread === thread) this.take(e.data); };
    thread.onerror = (e) => {
      e.preventDefault();
      if (this.thread === thread) this.fail("program", e.message || "it could not be started");
    };
    this.changed();
  }

  pause() { this.send({ cmd: "pause" }); }

  /** finish completes the shard under way and then stops. */
  finish() { this.send({ cmd: "finish" }); }

  /**
   * stop hands every lease back and ends the thread. A thread deep in a shard
   * hears nothing, so it is given a moment and then ended from here: the hub
   * sees its connection close, which hands the leases back as well.
   */
  stop() {
    const thread = this.thread;
    if (!thread) return;
    this.send({ cmd: "stop" });
    setTimeout(() => {
      if (this.thread !== thread) return;
      this.end();
      this.changed();
    }, GRACE);
  }

  /** goodbye is stop when the page may be gone before any answer. */
  goodbye() { this.send({ cmd: "stop" }); }

  // send speaks to the thread. Before it listens only the newest word counts.
  send(message) {
    if (!this.thread) return;
    if (!this.ready) this.thread.postMessage(message);
    else if (message.cmd !== "start") { this.end(); this.changed(); }
  }

  take(m) {
    switch (m?.type) {
      case "ready":
        if (this.ready) this.thread.postMessage(this.ready);
        this.ready = null;
        break;
      case "state":
        if (m.state === "stopped") { this.end(); break; }
        this.told = m.state;
        this.connected = Boolean(m.connected);
        if (m.state === "paused") this.rest();
        break;
      case "event": this.event(m); break;
      case "lanes": this.picked(m.lanes ?? []); break;
      case "keep": this.keep(m.key, m.data); break;
      case "status":
        if (Number.isFinite(m.status?.credit)) this.credit = m.status.credit;
        break;
      case "stats":
        if (/^[0-9a-f]{64}$/.test(m.stats?.volunteer)) this.volunteer = m.stats.volunteer;
        break;
      case "error": this.fail(m.code, m.message); return;
    }
    this.changed();
  }

  event(m) {
    const name = `${m.job}/${m.shard ?? 0}`;
    switch (m.kind) {
      case "computing":
        clearTimeout(this.between);
        this.shard = { job: m.job, shard: m.shard ?? 0 };
        break;
      case "computed":
        this.shards++;
        if (m.ops > 0 && m.millis > 0) {
          this.speed = m.ops / (m.millis / 1000);
          const lane = this.lanes.find((l) => l.lane === m.lane);
          if (lane) lane.speed = this.speed;
        }
        this.ops.set(name, m.ops ?? 0);
        clearTimeout(this.between);
        this.between = setTimeout(() => { this.rest(); this.changed(); }, BETWEEN);
        break;
      case "judged":
        if (m.status === "accepted") {
          this.verified++;
          this.credit += m.credit ?? 0;
          this.paid = { job: m.job, shard: m.shard ?? 0, ops: this.ops.get(name) ?? 0, credit: m.credit ?? 0 };
        }
        if (m.status !== "pending") this.ops.delete(name);
        break;
      case "returned": case "revoked":
        if (this.shard && name === `${this.shard.job}/${this.shard.shard}`) this.rest();
        break;
      case "lost":
        this.notice = `The ${called(m.lane)} stopped answering. Trying it again…`;
        break;
      case "reopened":
        this.notice = `The ${called(m.lane)} stopped answering for a moment; computing goes on with it.`;
        break;
      case "dropped":
        for (const l of this.lanes) if (l.lane === m.lane) { l.used = false; l.why = "it stopped answering"; }
        this.gone = called(m.lane);
        this.goesOn(false);
        break;
    }
  }

  // picked takes what became of each lane when the thread picked.
  picked(lanes) {
    const before = this.lanes;
    this.lanes = lanes.map((l) => ({ ...l, used: l.chosen === true }));
    for (const l of before) if (!this.lanes.some((n) => n.lane === l.lane)) this.lanes.push({ ...l, used: false });
    const failed = this.lanes.filter((l) => l.fit === false && l.absent === false).map((l) => called(l.lane));
    if (this.gone) this.goesOn(true);
    else if (failed.length > 0) this.notice = `The ${both(failed)} of this device gave a wrong answer in a test, or none, and is not used.`;
  }

  // goesOn says with what computing goes on after a device is gone. looked says
  // that the thread has looked for others.
  goesOn(looked) {
    const left = this.lanes.filter((l) => l.used && l.lane !== "sandbox").map((l) => called(l.lane));
    if (left.length === 0) {
      this.notice = looked && this.lanes.some((l) => l.used) ? `The ${this.gone} stopped answering; only modules are run now.`
        : `The ${this.gone} stopped answering. Looking for another way to compute…`;
      return;
    }
    const others = left.filter((name) => name !== this.gone);
    const by = this.lanes.find((l) => l.used && called(l.lane) === this.gone);
    this.notice = others.length > 0 ? `The ${this.gone} stopped answering; computing goes on with the ${both(others)}.`
      : `The ${this.gone} stopped answering; computing goes on with it through ${LANES[by.lane]?.by ?? by.lane}.`;
    this.gone = "";
  }

  rest() {
    clearTimeout(this.between);
    this.shard = null;
  }

  // fail says in plain words what went wrong. It ends the thread, unless that
  // runs and merely misunderstood a command.
  fail(code, message) {
    this.errors.push(plain(code, message));
    if (this.errors.length > 20) this.errors.shift();
    if (code === "consent") this.asksAgain = true;
    if (code !== "command" || this.told === "stopped") this.end();
    this.changed();
  }

  end() {
    this.thread?.terminate();
    this.thread = null;
    this.reset();
  }
}

/** called is a lane in words. */
export function called(lane) { return LANES[lane]?.name ?? lane; }

function both(names) { return [...new Set(names)].join(" and the "); }

function plain(code, message) {
  const because = message ? ` (${message})` : "";
  switch (code) {
    case "program": return `The program could not run in this browser${because}. Reloading the page may help.`;
    case "device": return `There is nothing in this browser to compute with${because}.`;
    case "consent": return `The hub asks for your agreement again${because}.`;
    case "refused": return `The hub gives this browser no more work${because}.`;
    case "command": return `The page and its background thread misunderstood each other${because}. Reloading the page may help.`;
    default: return `Computing stopped because something went wrong${because}. You can start it again.`;
  }
}

function hex(bytes) {
  return Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
}
