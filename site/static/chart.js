// The loss curve, drawn as SVG by hand: training loss as a line, held-out loss
// as a line with points. Pure in its input: draw(svg, reports, steps) replaces
// the picture and returns the sentence that says the same in words.

import { nats, whole } from "./format.js";

const SVG = "http://www.w3.org/2000/svg";
const MAX_POINTS = 400; // more than one per pixel shows nothing more

/**
 * draw shows reports, a list of {step, loss?, val?} in any order, over an axis
 * of `steps` optimiser steps.
 */
export function draw(svg, reports, steps) {
  const box = layout(svg);
  const train = thin(series(reports, "loss"));
  const val = thin(series(reports, "val"));
  const all = [...train, ...val];
  const last = all.reduce((m, p) => Math.max(m, p.step), 0);
  const xmax = Math.max(steps || 0, last, 1);
  const [ymin, ymax, ystep] = bounds(all.map((p) => p.y));
  const x = (step) => box.left + (step / xmax) * (box.right - box.left);
  const y = (v) => box.bottom - ((v - ymin) / (ymax - ymin)) * (box.bottom - box.top);

  const parts = [];
  for (let v = ymin; v <= ymax + ystep / 2; v += ystep) {
    parts.push(element("line", { class: "grid", x1: box.left, x2: box.right, y1: y(v), y2: y(v) }));
    parts.push(element("text", { x: box.left - 8, y: y(v) + 4, "text-anchor": "end" }, v.toFixed(ystep < 0.1 ? 2 : ystep < 1 ? 1 : 0)));
  }
  for (const step of ticks(xmax, box.right - box.left < 420 ? 3 : 6)) {
    parts.push(element("text", { x: x(step), y: box.bottom + 20, "text-anchor": step === 0 ? "start" : step === xmax ? "end" : "middle" }, whole(step)));
  }
  parts.push(element("text", { x: box.left - 8, y: box.top - 12, "text-anchor": "end" }, "nats"));
  parts.push(element("text", { x: box.right, y: box.bottom + 38, "text-anchor": "end" }, "step"));
  if (train.length > 1) parts.push(element("polyline", { class: "train", points: train.map((p) => `${x(p.step)},${y(p.y)}`).join(" ") }));
  if (val.length > 1) parts.push(element("polyline", { class: "val", points: val.map((p) => `${x(p.step)},${y(p.y)}`).join(" ") }));
  if (val.length <= 60) for (const p of val) parts.push(element("circle", { class: "point", cx: x(p.step), cy: y(p.y), r: 3.5 }));
  if (train.length === 1) parts.push(element("circle", { class: "point", cx: x(train[0].step), cy: y(train[0].y), r: 2.5 }));
  svg.replaceChildren(...parts);
  return sentence(train, val);
}

// layout fits the drawing to the width it is shown at, so that text keeps its size.
function layout(svg) {
  const width = Math.max(280, Math.round(svg.clientWidth || 640));
  const height = Math.round(Math.min(340, Math.max(220, width * 0.5)));
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  return { left: 44, right: width - 6, top: 26, bottom: height - 44 };
}

function series(reports, key) {
  return reports
    .filter((r) => Number.isFinite(r[key]) && Number.isFinite(r.step))
    .map((r) => ({ step: r.step, y: r[key] }))
    .sort((a, b) => a.step - b.step);
}

// thin averages neighbours until few enough points are left; the last point stays itself.
function thin(points) {
  if (points.length <= MAX_POINTS) return points;
  const size = Math.ceil(points.length / MAX_POINTS);
  const out = [];
  for (let i = 0; i < points.length; i += size) {
    const group = points.slice(i, i + size);
    out.push({
      step: group[group.length - 1].step,
      y: group.reduce((sum, p) => sum + p.y, 0) / group.length,
    });
  }
  out[out.length - 1] = points[points.length - 1];
  return out;
}

// bounds returns a lower and upper end on round numbers, and the distance of grid lines.
function bounds(values) {
  if (values.length === 0) return [0, 5, 1];
  let low = Math.min(...values);
  let high = Math.max(...values);
  if (high - low < 0.05) { high += 0.05; low = Math.max(0, low - 0.05); }
  const step = round((high - low) / 4);
  return [Math.max(0, Math.floor(low / step) * step), Math.ceil(high / step) * step, step];
}

function ticks(max, about) {
  const step = Math.max(1, round(max / about));
  const out = [];
  for (let v = 0; v <= max; v += step) out.push(v);
  if (max - out[out.length - 1] < step * 0.6 && out.length > 1) out.pop();
  out.push(max);
  return out;
}

// round goes up to the next of 1, 2, 5 times a power of ten.
function round(v) {
  const power = 10 ** Math.floor(Math.log10(v));
  const f = v / power;
  return (f <= 1 ? 1 : f <= 2 ? 2 : f <= 5 ? 5 : 10) * power;
}

function element(name, attributes, text) {
  const e = document.createElementNS(SVG, name);
  for (const [k, v] of Object.entries(attributes)) e.setAttribute(k, typeof v === "number" ? Math.round(v * 100) / 100 : v);
  if (text !== undefined) e.textContent = text;
  return e;
}

function sentence(train, val) {
  if (train.length + val.length === 0) return "No step has finished yet.";
  const parts = [];
  if (train.length) {
    const last = train[train.length - 1];
    parts.push(`After ${whole(last.step)} step${last.step === 1 ? "" : "s"} the training loss is ${nats(last.y)} nats, from ${nats(train[0].y)}.`);
  }
  if (val.length) {
    const last = val[val.length - 1];
    parts.push(`On data held out of training it is ${nats(last.y)} nats.`);
  }
  return parts.join(" ");
}
