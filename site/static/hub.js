// What the hub tells everybody: its jobs, their reports, how many volunteers
// there are. Reading only, over the public HTTP API. The one place that knows
// the API's field names; the rest of the page sees the shapes below.
//
//   Job:     {id, name, kind, about, state, step, steps, failed, failures, first_failure, fraction, waiting, replicas, repairs, trust?}
//   Trust:   {assurance, weighed, accepted, audited, instead?, bound, overhead}
//   Report:  {step, loss?, val?, accuracy?, failed?, failures?, first_failure?}
//   Dispute: {shard, op, name, evidence, parties: [{id, lost, absent, refuted, reason}]}
//   Account: {credit, stake, whole, moves: [{at, job, shard, why, credit, stake}]}

const EVERY = 4000; // ms between looks while the page is seen
const HIDDEN = 30000; // and while it is not
const LISTED = 20; // jobs asked for
const SLOWEST = 30000; // longest wait between tries when the hub does not answer

export class Hub {
  /** changed is called after any news; read the fields then. */
  constructor(base, changed) {
    this.base = base;
    this.changed = changed;
    this.reachable = null; // null until the first answer
    this.jobs = [];
    this.older = false; // there are more jobs than these
    this.volunteers = null;
    this.name = "";
    this.selected = null; // id of the job whose reports are followed
    this.reports = [];
    this.failures = 0;
    this.timer = 0;
    this.events = null;
    this.ended = false; // the followed job has sent its last event
    this.disputes = []; // of the followed job
    this.volunteer = ""; // whose account is of interest
    this.moves = 1; // how many of its transactions
    this.account = null;
    document.addEventListener("visibilitychange", () => { if (!document.hidden) this.look(); });
    addEventListener("online", () => this.look());
  }

  /** look asks the hub now, and again from time to time. */
  async look() {
    clearTimeout(this.timer);
    if (this.looking) return;
    this.looking = true;
    try {
      const [newest, stats] = await Promise.all([this.get(`/api/v1/jobs?limit=${LISTED}`), this.get("/api/v1/stats")]);
      this.jobs = await this.withOlder((newest.jobs ?? []).map(readJob), stats);
      this.older = newest.next !== undefined;
      this.volunteers = stats.volunteers ?? null;
      this.name = stats.hub ?? "";
      this.failures = 0;
      this.reachable = true;
    } catch {
      this.failures++;
      this.reachable = false;
    } finally {
      this.looking = false;
    }
    if (this.reachable && !this.jobs.some((j) => j.id === this.selected)) this.select(this.favourite());
    if (this.reachable) await Promise.all([this.lookAtDisputes(), this.lookAtAccount()]);
    if (this.events?.readyState === EventSource.CLOSED && !this.ended) this.follow(this.selected);
    const wait = this.reachable ? (document.hidden ? HIDDEN : EVERY) : Math.min(SLOWEST, 1000 * 2 ** Math.min(this.failures - 1, 5));
    this.timer = setTimeout(() => this.look(), wait);
    this.changed();
  }

  // withOlder adds to the newest jobs those that matter although they are older:
  // the ones that run, and the one that is shown.
  async withOlder(jobs, stats) {
    const add = (more) => jobs.push(...more.filter((m) => !jobs.some((j) => j.id === m.id)));
    if ((stats.jobs_running ?? 0) > jobs.filter((j) => j.state === "running").length) {
      const running = await this.get(`/api/v1/jobs?state=running&limit=${LISTED}`);
      add((running.jobs ?? []).map(readJob));
    }
    if (this.selected !== null && !jobs.some((j) => j.id === this.selected)) {
      try {
        add([readJob(await this.get(`/api/v1/jobs/${encodeURIComponent(this.selected)}`))]);
      } catch {
        // there is none: another is shown
      }
    }
    return jobs;
  }

  // lookAtDisputes asks again until the job has ended: then there are no more.
  async lookAtDisputes() {
    const job = this.job();
    if (!job || this.judged === job.id) return;
    try {
      const { disputes } = await this.get(`/api/v1/jobs/${encodeURIComponent(job.id)}/disputes`);
      if (this.selected !== job.id) return;
      this.disputes = (disputes ?? []).map(readDispute);
      if (ENDED.includes(job.state)) this.judged = job.id;
    } catch {
      // the next look asks again
    }
  }

  async lookAtAccount() {
    if (!this.volunteer) return;
    try {
      this.account = readAccount(await this.get(`/api/v1/volunteers/${this.volunteer}/ledger?limit=${this.moves}`), this.moves);
    } catch {
      // the next look asks again
    }
  }

  /** favourite is the job to show when nobody chose one: the newest that runs. */
  favourite() {
    return (this.jobs.find((j) => j.state === "running") ?? this.jobs[0])?.id ?? null;
  }

  /** job returns the selected job, or undefined. */
  job() {
    return this.jobs.find((j) => j.id === this.selected);
  }

  /** select follows the reports of another job. */
  select(id) {
    if (id === this.selected) return;
    this.selected = id;
    this.reports = [];
    this.disputes = [];
    this.judged = undefined;
    this.events?.close();
    this.events = null;
    if (id !== null) {
      this.follow(id);
      this.lookAtDisputes().then(this.changed);
    }
    this.changed();
  }

  // follow listens to a job's events. The hub sends every report from the
  // first one on each connection, so a reconnect starts the list again. The
  // browser reconnects by itself, but not after an answer that is an error:
  // look does that.
  follow(id) {
    this.ended = false;
    const events = new EventSource(`${this.base}/api/v1/jobs/${encodeURIComponent(id)}/events`);
    this.events = events;
    const seen = new Map();
    let back = false; // the job was taken back: rounds after the next report are still to be done again
    events.onopen = () => { seen.clear(); back = false; };
    events.addEventListener("state", (e) => { back ||= seen.size > 0 && e.data.includes('"running"'); });
    const take = (e) => {
      const report = readReport(e.data);
      if (!report || this.events !== events) return;
      if (back) for (const round of seen.keys()) if (round > report.round) seen.delete(round);
      back = false;
      seen.set(report.round, report);
      this.reports = [...seen.values()];
      this.soon();
    };
    events.addEventListener("report", take);
    events.addEventListener("end", () => {
      if (this.events === events) this.ended = true;
      events.close();
      this.look();
    });
  }

  // soon gathers a burst of events into one change.
  soon() {
    this.pending ??= setTimeout(() => { this.pending = undefined; this.changed(); }, 100);
  }

  async get(path) {
    const answer = await fetch(this.base + path, { headers: { Accept: "application/json" }, signal: AbortSignal.timeout(10000) });
    if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
    return answer.json();
  }
}

const ENDED = ["done", "failed", "cancelled"];
const KINDS = { train: "training", infer: "inference", map: "computation" };
const ARCHS = { decoder: "a language model", mlp: "an image classifier", cnn: "a convolutional image classifier" };

function readJob(j) {
  const steps = j.steps ?? 0;
  const step = j.step ?? 0;
  const arch = ARCHS[j.spec?.model?.arch];
  const size = j.parameters ? ` of ${j.parameters.toLocaleString("en")} parameters` : "";
  return {
    id: j.id, name: j.name || j.id, kind: j.kind, state: j.state, step, steps,
    about: arch ? `${KINDS[j.kind] ?? j.kind} ${arch}${size}` : KINDS[j.kind] ?? j.kind ?? "",
    fraction: j.state === "done" ? 1 : steps > 0 ? step / steps : 0,
    failed: j.failed ?? 0, failures: j.failures ?? "", first_failure: j.first_failure ?? "", error: j.error ?? "",
    waiting: j.waiting ?? "",
    replicas: j.spec?.trust?.replicas || 1, repairs: j.repairs ?? 0, trust: j.trust,
  };
}

function readDispute(d) {
  return {
    shard: d.shard, op: d.op, name: d.op_name, evidence: d.evidence,
    parties: d.parties.map((p) => ({ id: p.volunteer, lost: p.at_fault, absent: p.absent, refuted: p.refuted, reason: p.reason ?? "" })),
  };
}

// readAccount sorts what each transaction moved by the volunteer's two accounts.
function readAccount(l, asked) {
  const sum = (t, account) => t.entries.reduce((n, e) => n + (e.account === `${account}/${l.volunteer}` ? e.amount : 0), 0);
  return {
    credit: l.credit, stake: l.stake, whole: l.transactions.length < asked,
    moves: l.transactions.map((t) => ({
      at: new Date(t.at), job: t.reference.job, shard: t.reference.shard, why: t.reference.reason, credit: sum(t, "volunteer"), stake: sum(t, "stake"),
    })),
  };
}

function readReport(text) {
  try {
    const r = JSON.parse(text);
    return Number.isFinite(r.step) ? r : null;
  } catch {
    return null;
  }
}
