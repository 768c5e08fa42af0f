// What results are worth, what became of those that differed, and what a
// volunteer's account says, as people read it. Pure functions.

import { bound, percent, plural, whole } from "./format.js";

/** verification says in one line how a job's results are verified. */
export function verification(job) {
  const t = job.trust;
  if (!t.weighed && job.replicas === 1) return `Not verified: each result counts as one volunteer delivers it.${repaired(job.repairs)}`;
  const words = [how(t, job.replicas)];
  if (t.accepted > 0) {
    if (t.weighed) words.push(`bound ${bound(t.bound)} on the risk of a wrong result, ${whole(t.audited)} of ${whole(t.accepted)} audited`);
    else if (t.audited > 0) words.push(`${whole(t.audited)} of ${whole(t.accepted)} audited`);
    words.push(`overhead ${percent(t.overhead, Infinity)}`);
  }
  const instead = t.instead ? ` ${t.instead}.` : "";
  return `Verified: ${words.join(", ")}.${instead}${repaired(job.repairs)}`;
}

function repaired(n) {
  return n === 0 ? "" : ` Taken back and computed again ${n === 1 ? "once" : `${whole(n)} times`}.`;
}

function how(t, replicas) {
  switch (t.assurance) {
    case "audited": return "audited";
    case "replicated": return `weighed, by at least ${plural(replicas, "volunteer")}`;
    case "full": return "every result audited";
  }
  return `each result by ${plural(replicas, "volunteer")} that agree`;
}

/** place reads a shard's number: its round in the upper bits, its place in the
 * round in the lower 24. */
export function place(shard) {
  return `round ${whole(Math.floor(shard / 2 ** 24) + 1)}, shard ${whole((shard % 2 ** 24) + 1)}`;
}

/** ruling says where two results differed and who lost; me is this browser's own volunteer. */
export function ruling(dispute, me) {
  const where = place(dispute.shard).replace(/^r/, "R");
  const reached = dispute.op >= 0;
  const lost = dispute.parties.filter((p) => p.lost).map((p) => {
    const fault = p.absent ? `did not answer${p.refuted ? ", and an audit proved it wrong" : ""}` : reached ? "is proved wrong" : `is proved wrong: ${p.reason}`;
    return `${p.id === me ? "this browser" : p.id.slice(0, 8)} ${fault}`;
  });
  const op = reached ? `op ${whole(dispute.op)} (${dispute.name}) differs; ` : "";
  return `${where}: ${op}${lost.join(" and ") || "nobody is proved wrong"}.`;
}

/** reason is the hub's sentence about a transaction, its shard and its numbers
 * as this page writes them. */
export function reason(move) {
  return move.why.replace(/\bshard \d+\/\d+/, place(move.shard)).replace(/\d{4,}(?= integer operations)/, (n) => whole(Number(n)));
}
