// Numbers and times as people read them. Pure functions.

const UNITS = ["", " k", " M", " G", " T", " P", " E"];

/** amount writes a count with three significant digits: 1234567 -> "1.23 M". */
export function amount(n) {
  if (!Number.isFinite(n)) return "–";
  let i = 0;
  let v = Math.abs(n);
  while (v >= 999.5 && i < UNITS.length - 1) { v /= 1000; i++; }
  const digits = i === 0 ? (Number.isInteger(v) ? 0 : 2) : v >= 99.95 ? 0 : v >= 9.995 ? 1 : 2;
  return (n < 0 ? "−" : "") + v.toFixed(digits) + UNITS[i];
}

/** whole writes an integer with separators: 827392 -> "827,392". */
export function whole(n) {
  return Number.isFinite(n) ? Math.round(n).toLocaleString("en") : "–";
}

/** nats writes a loss. */
export function nats(n) {
  return Number.isFinite(n) ? n.toFixed(n < 10 ? 3 : 2) : "–";
}

/** percent writes a fraction of one, or of more where most says so. */
export function percent(f, most = 1) {
  return Number.isFinite(f) ? `${Math.floor(100 * Math.min(most, Math.max(0, f)))} %` : "–";
}

/** bound writes a small probability, never as less than it is: 8.41e-7 -> "8.5e-7". */
export function bound(p) {
  if (!Number.isFinite(p)) return "–";
  if (p <= 0) return "0";
  const unit = 10 ** (Math.floor(Math.log10(p)) - 1);
  return Number((Math.ceil(p / unit - 1e-9) * unit).toPrecision(2)).toExponential();
}

/** change writes what was added to an account, or taken. */
export function change(n) {
  return n === 0 ? "" : n > 0 ? `+${whole(n)}` : `−${whole(-n)}`;
}

/** plural writes a count and its noun: plural(1, "shard") -> "1 shard". */
export function plural(n, noun) {
  return `${whole(n)} ${noun}${n === 1 ? "" : "s"}`;
}

/** when writes a moment as a day and a time in the reader's own zone. */
export function when(date, now = new Date()) {
  const time = date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  if (date.toDateString() === now.toDateString()) return `today, ${time}`;
  const tomorrow = new Date(now);
  tomorrow.setDate(now.getDate() + 1);
  if (date.toDateString() === tomorrow.toDateString()) return `tomorrow, ${time}`;
  return `${date.toLocaleDateString([], { weekday: "long", day: "numeric", month: "long" })}, ${time}`;
}
