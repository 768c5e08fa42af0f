// The page: it joins what the hub says, what the background thread does and
// what the person decided, and shows it. It computes nothing itself.
//
// Nothing starts without a consent that this person gave on this page: start()
// is reached only from a click, or from an earlier click that asked to resume.

import { called, Compute, LANES } from "./compute.js";
import { draw } from "./chart.js";
import { amount, change, percent, plural, whole, when } from "./format.js";
import { Hub } from "./hub.js";
import { forget, keep, load, seed } from "./store.js";
import { place, reason, ruling, verification } from "./trust.js";

const $ = (id) => document.getElementById(id);

const MOVES = 50; // lines of the ledger that are shown
const DISPUTES = 20; // and disputes of a job

const hub = new Hub(location.origin, show);
const compute = new Compute(location.origin, show);

let consent = null; // {origin, runs, lanes, limits, issued, expires}: what the worker signs and the hub checks
let interrupted = false; // computing when the browser froze the page
let kept = {}; // what the thread found out about devices at earlier visits

// The address may say what computes: ?device=webgl, or ?device=webgpu,wasm.
const asked = new URLSearchParams(location.search);
const devices = asked.get("device")?.split(",").map((d) => d.trim()).filter(Boolean);
const binding = asked.has("binding") ? Number(asked.get("binding")) : undefined;
const mistake = wrongAddress();

compute.keep = (key, data) => {
  if (Object.keys(kept).length >= 50) kept = {}; // drivers and builds come and go
  kept[key] = data;
  keep("devices", kept);
};

// ---- decisions of the person ----

$("consent").addEventListener("submit", async (e) => {
  e.preventDefault();
  const form = new FormData($("consent"));
  const issued = new Date();
  consent = {
    origin: location.origin,
    runs: agreedWords(),
    lanes: agreedLanes(),
    modules: $("modules").checked,
    limits: { cpu_usage_limit: Number(form.get("share")) },
    issued: issued.toISOString(),
    expires: new Date(issued.getTime() + Number(form.get("days")) * 86400e3).toISOString(),
  };
  await keep("consent", consent);
  await keep("resume", $("resume").checked);
  await start();
  $("state").scrollIntoView({ block: "nearest" });
});

$("modules").addEventListener("change", () => show());
$("start").addEventListener("click", start);
$("pause").addEventListener("click", () => compute.pause());
$("finish").addEventListener("click", () => compute.finish());
$("stop").addEventListener("click", () => compute.stop());
$("account").addEventListener("toggle", () => {
  hub.moves = $("account").open ? MOVES : 1;
  hub.lookAtAccount().then(show);
});

// wrongAddress says what the address asks for that cannot be.
function wrongAddress() {
  const unknown = devices?.find((d) => !Object.hasOwn(LANES, d));
  if (unknown !== undefined || devices?.length === 0) {
    return `The address of this page asks for the device “${unknown ?? ""}”. It may name ${Object.keys(LANES).join(", ")}, as in ?device=wasm.`;
  }
  if (binding !== undefined && !(Number.isInteger(binding) && binding > 0)) {
    return `The address of this page asks for a binding of “${asked.get("binding")}”. It may be a number of bytes, as in ?binding=134217728.`;
  }
  return "";
}

async function start() {
  if (mistake || !valid()) { show(); return; }
  compute.start({ seed: await seed(), consent, lanes: devices, sandbox: consent.modules, binding, kept });
}

// agreedWords are the words above the button, but for those about modules where
// the person refuses them.
function agreedWords() {
  return [...$("runs").children].filter((line) => !line.hidden).map(text).join(" ");
}

// agreedLanes are the devices that those words speak of.
function agreedLanes() {
  return Object.keys(LANES).filter((lane) => lane !== "sandbox" || $("modules").checked);
}

async function withdraw() {
  compute.stop();
  consent = null;
  await forget("consent");
  await forget("resume");
  show();
  $("device").focus();
}

// valid reports whether the consent still holds. An expired one is dropped, and
// so is one that does not cover what the address asks for, or that was given
// before there were words about modules: the person is asked again.
function valid() {
  const covers = consent?.modules !== undefined && (mistake || !devices?.some((d) => !consent.lanes.includes(d)));
  if (consent && (!covers || new Date(consent.expires) <= new Date())) {
    consent = null;
    compute.stop();
    forget("consent");
  }
  return consent !== null;
}

// ---- the life of the page ----

addEventListener("pagehide", () => compute.goodbye());
document.addEventListener("freeze", () => { interrupted = compute.active; compute.goodbye(); });
document.addEventListener("resume", () => { if (interrupted) { interrupted = false; start(); } });
setInterval(() => { if (consent && !valid()) show(); }, 15000);
addEventListener("resize", () => show());

// ---- showing ----

const STATES = {
  starting: "Starting…",
  testing: "Testing what this device can do…",
  connecting: "Connecting to the hub…",
  waiting: "Waiting for work",
  computing: "Computing",
  paused: "Paused",
  finishing: "Finishing the current shard",
  stopped: "Stopped",
};

function show() {
  if (compute.asksAgain && consent) {
    consent = null;
    forget("consent");
  }
  const news = snapshot();
  showHub();
  showDevice(news);
  showJob();
  showJobs();
}

function showHub() {
  const state = hub.reachable === null ? "unknown" : hub.reachable ? "ok" : "unreachable";
  $("hubline").dataset.hub = state;
  const crowd = hub.volunteers === null ? "" : ` · ${plural(hub.volunteers, "volunteer")} now`;
  set("hubtext", state === "ok" ? `Hub connected${crowd}` : state === "unknown" ? "Looking for the hub…" : "Hub unreachable, trying again…");
}

function showDevice(news) {
  const agreed = consent !== null;
  $("consent").hidden = agreed;
  $("running").hidden = !agreed;
  const problem = mistake || (compute.errors.at(-1) ?? "");
  $("problem").hidden = problem === "";
  set("problem", problem);
  set("runs-now", runsNow());
  $("modules-words").hidden = !$("modules").checked;
  if (!agreed) return;

  set("state", STATES[news.state] ?? news.state);
  set("doing", doing(news));
  $("news").hidden = compute.notice === "";
  set("news", compute.notice);
  showLanes();
  $("shardbar").hidden = news.state !== "computing" && news.state !== "finishing";
  set("shards", whole(compute.shards));
  set("verified", whole(compute.verified));
  set("speed", compute.speed === null ? "–" : (compute.speed / 1e9).toFixed(2));
  set("credit", amount(hub.account?.credit ?? compute.credit));
  set("credit-why", why(compute.paid));
  const idle = news.state === "stopped" || news.state === "paused";
  set("start", news.state === "paused" ? "Go on" : "Start");
  offer("start", idle, "pause");
  offer("pause", !idle && news.state !== "finishing", "stop");
  offer("finish", news.state === "computing", "stop");
  offer("stop", news.state !== "stopped", "start");
  showAccount();
  showConsent();
}

// showAccount says what the hub's ledger holds for this browser's key, and why.
function showAccount() {
  if (compute.volunteer && compute.volunteer !== hub.volunteer) {
    hub.volunteer = compute.volunteer;
    keep("volunteer", hub.volunteer);
    hub.lookAtAccount().then(show);
  }
  const account = hub.account;
  $("stakefigure").hidden = $("account").hidden = account === null;
  if (account === null) return;
  set("stake", amount(account.stake));
  $("ledger").href = `/api/v1/volunteers/${hub.volunteer}/ledger`;
  if (!$("account").open) return;
  fill($("moves"), account.moves, newMove, (row, move) => {
    const [why, credit, stake] = row.children;
    write(why.firstElementChild, reason(move));
    write(why.lastElementChild, [jobName(move.job), when(move.at)].filter(Boolean).join(" · "));
    write(credit, change(move.credit));
    write(stake, change(move.stake));
    credit.className = move.credit < 0 ? "lost" : "";
    stake.className = move.stake < 0 ? "lost" : "";
  });
  set("moves-end", account.moves.length === 0 ? "Nothing has been paid yet." : account.whole ? "That is all of it." : `These are the newest ${whole(account.moves.length)}.`);
}

function newMove() {
  const row = document.createElement("tr");
  for (let i = 0; i < 3; i++) row.appendChild(document.createElement("td"));
  row.firstElementChild.append(document.createElement("span"), document.createElement("small"));
  return row;
}

// showLanes says what computes, and of everything else why it does not.
function showLanes() {
  const used = compute.lanes.filter((l) => l.used);
  set("uses", used.length ? `Computes on the ${used.map((l) => `${called(l.lane)} (${LANES[l.lane]?.by ?? l.lane})`).join(" and the ")}.` : "");
  $("lanes").hidden = compute.lanes.length === 0;
  fill($("lanelist"), compute.lanes, () => document.createElement("li"), (row, lane) => {
    row.dataset.lane = lane.lane;
    row.dataset.used = String(lane.used);
    write(row, laneLine(lane));
  });
}

function laneLine(lane) {
  const speed = lane.speed ? lane.speed / 1e9 : lane.gops;
  return [`${LANES[lane.lane]?.by ?? lane.lane}: ${lane.used ? "used" : `not used, ${lane.why || "not needed"}`}`,
    lane.detail, speed ? `${speed.toFixed(2)} G ops/s` : ""].filter(Boolean).join(" · ");
}

function runsNow() {
  if (hub.reachable !== true) return "";
  const running = hub.jobs.filter((j) => j.state === "running").map((j) => j.name);
  return running.length ? `Now: ${running.join(", ")}.` : "Just now there is none.";
}

// offer shows a control only while it would do something. Whoever had it in
// focus when it goes is taken to the next one.
function offer(id, useful, next) {
  const control = $(id);
  if (control.hidden === !useful) return;
  const focused = document.activeElement === control;
  control.hidden = !useful;
  if (focused && !useful) queueMicrotask(() => $($(next).hidden ? "start" : next).focus());
}

function showConsent() {
  const share = consent.limits.cpu_usage_limit;
  const line = `You agreed to at most ${share} % of the time until ${when(new Date(consent.expires))}. `;
  if ($("agreed").firstChild?.data === line) return;
  const button = document.createElement("button");
  button.type = "button";
  button.id = "withdraw";
  button.className = "linkish";
  button.textContent = "Withdraw";
  button.addEventListener("click", withdraw);
  $("agreed").replaceChildren(line, button);
}

function doing(news) {
  if (hub.reachable === false && news.state !== "stopped") return "The hub does not answer. What is under way is kept; it goes on when the hub is back.";
  switch (news.state) {
    case "computing": case "finishing":
      return compute.shard ? `${jobName(compute.shard.job)}, ${place(compute.shard.shard)}` : "";
    case "waiting": return "There is no shard to compute just now. This tab asks again by itself.";
    case "testing": return "Each device computes programs whose results are known. The first time this takes some seconds.";
    case "paused": return "Nothing is computed. The connection stays open.";
    case "stopped": return "Nothing runs.";
  }
  return "";
}

function why(paid) {
  if (!paid) return "";
  return `Your last verified shard was ${place(paid.shard)} of ${jobName(paid.job)}` +
    (paid.ops ? `: ${amount(paid.ops)} operations, ${plural(paid.credit, "credit")}.` : `: ${plural(paid.credit, "credit")}.`);
}

function jobName(id) {
  return hub.jobs.find((j) => j.id === id)?.name ?? id;
}

const JOB_STATES = { queued: "queued", running: "running", done: "done", failed: "failed", cancelled: "cancelled" };

function showJob() {
  const job = hub.job();
  $("nojobs").hidden = job !== undefined || hub.reachable !== true;
  $("nohub").hidden = job !== undefined || hub.reachable !== false;
  $("job").hidden = job === undefined;
  if (!job) return;
  const step = hub.reports.reduce((latest, r) => Math.max(latest, r.step), job.step);
  set("jobname", job.name);
  set("jobstate", JOB_STATES[job.state] ?? job.state);
  $("jobstate").dataset.state = job.state;
  const accuracy = hub.reports.findLast((r) => Number.isFinite(r.accuracy))?.accuracy;
  set("jobabout", [job.about, ...progress(job, step), job.waiting && `waits for ${job.waiting}`,
    accuracy === undefined ? "" : `accuracy ${(100 * accuracy).toFixed(1)} %`, job.error].filter(Boolean).join(" · "));
  set("training-title", job.kind === "map" ? "Computation" : "Training");
  $("curve").hidden = job.kind === "map";
  if (!$("curve").hidden) set("chart-caption", draw($("chart"), hub.reports, job.steps));
  showTrust(job);
}

function progress(job, step) {
  if (!job.steps) return [];
  if (job.kind !== "map") return [`step ${whole(step)} of ${whole(job.steps)}`];
  const failed = hub.reports.reduce((most, r) => Math.max(most, r.failed ?? 0), job.failed);
  const told = hub.reports.findLast((r) => r.failures) ?? job;
  const why = told.failures ? `: ${told.failures}; ${told.first_failure}` : "";
  return [`${whole(step)} of ${plural(job.steps, "input")} done`, failed > 0 ? `${whole(failed)} failed${why}` : ""];
}

// showTrust says how the job's results are verified, and where the proof is.
function showTrust(job) {
  $("trust").hidden = !job.trust;
  if (!job.trust) return;
  set("verified-how", verification(job));
  $("records").hidden = job.trust.accepted === 0;
  $("receipts").href = `/api/v1/jobs/${encodeURIComponent(job.id)}/receipts`;
  $("disputes").hidden = hub.disputes.length === 0;
  set("disputed", `${plural(hub.disputes.length, "dispute")} between results that differed`);
  const newest = hub.disputes.slice(-DISPUTES).reverse();
  fill($("disputelist"), newest, newDispute, (row, dispute) => {
    write(row.firstElementChild, ruling(dispute, hub.volunteer));
    row.lastElementChild.href = dispute.evidence;
    row.lastElementChild.download = `dispute-${dispute.shard}.evidence`;
  });
}

function newDispute() {
  const row = document.createElement("li");
  row.append(document.createElement("span"), " ", document.createElement("a"));
  row.lastElementChild.textContent = "Evidence";
  return row;
}

function showJobs() {
  $("list").hidden = hub.jobs.length === 0;
  $("older").hidden = !hub.older;
  fill($("jobs"), hub.jobs, newRow, (row, job) => {
    const button = row.firstElementChild;
    button.dataset.id = job.id;
    button.setAttribute("aria-pressed", String(job.id === hub.selected));
    const [name, what, bar, pct] = button.children;
    write(name, job.name);
    write(what, `${job.about} · ${JOB_STATES[job.state] ?? job.state}`);
    bar.firstElementChild.style.width = `${100 * job.fraction}%`;
    write(pct, percent(job.fraction));
  });
}

function newRow() {
  const row = document.createElement("li");
  const button = row.appendChild(document.createElement("button"));
  button.type = "button";
  for (const part of ["name", "what", "bar", "pct"]) button.appendChild(document.createElement("span")).className = part;
  button.children[2].appendChild(document.createElement("i"));
  button.addEventListener("click", () => {
    hub.select(button.dataset.id);
    asked.set("job", button.dataset.id);
    history.replaceState(null, "", `?${asked}`);
  });
  return row;
}

// fill makes a list's rows those of items, and leaves rows that stay in place.
function fill(list, items, make, show) {
  while (list.children.length > items.length) list.lastElementChild.remove();
  items.forEach((item, i) => show(list.children[i] ?? list.appendChild(make()), item));
}

// set and write leave unchanged text alone, so that a screen reader speaks only news.
function set(id, words) { write($(id), words); }
function write(e, words) { if (e.textContent !== words) e.textContent = words; }
function text(e) { return e.textContent.replace(/\s+/g, " ").trim(); }

// ---- what a program may read ----

function snapshot() {
  return {
    state: consent === null ? "new" : compute.state,
    hub: hub.reachable === null ? "unknown" : hub.reachable ? "ok" : "unreachable",
    consent: consent && { ...consent },
    shards: compute.shards, verified: compute.verified, credit: compute.credit, speed: compute.speed, shard: compute.shard && { ...compute.shard },
    job: hub.selected, jobs: hub.jobs.map((j) => ({ ...j })), reports: hub.reports.length, volunteers: hub.volunteers,
    account: hub.account && { ...hub.account }, disputes: hub.disputes.length,
    errors: [...compute.errors], lanes: compute.lanes.map((l) => ({ ...l })), notice: compute.notice,
  };
}
Object.defineProperty(window, "shoal", { get: snapshot });

// ---- begin ----

consent = (await load("consent")) ?? null;
kept = (await load("devices")) ?? {};
hub.volunteer = (await load("volunteer")) ?? "";
const wanted = asked.get("job");
if (wanted) hub.select(wanted);
show();
hub.look();
if (valid() && (await load("resume"))) start();
