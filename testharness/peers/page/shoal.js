// Our lanes.
import { operands } from "./data.js";

// The wasm lane's module. The device's logic drives it from outside, once; the
// calls it makes are kept, and run makes them again. All of a product happens
// in them, packing its operands included.
const fromText = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));

function toText(bytes) {
	let s = "";
	for (let i = 0; i < bytes.length; i += 32768) s += String.fromCharCode(...bytes.subarray(i, i + 32768));
	return btoa(s);
}

let module, recorded;
const lanes = {};

// What simd.Instance asks for.
export const instance = {
	async load() {
		const { instance } = await WebAssembly.instantiateStreaming(fetch("/simd.wasm"));
		module = instance.exports;
	},
	size: () => module.memory.buffer.byteLength,
	grow: (pages) => module.memory.grow(pages),
	write: (at, data) => new Uint8Array(module.memory.buffer).set(fromText(data), at),
	read(at, n) {
		recorded.output = [at, n];
		return toText(new Uint8Array(module.memory.buffer, at, n));
	},
	run(steps, count) {
		module.run(steps, count);
		recorded.calls.push([steps, count]);
	},
	// record says whose calls the next ones are.
	record(name) { recorded = lanes[name] = { calls: [], output: [0, 0] }; },
};

// replay makes the recorded calls again.
const replay = (name) => ({
	async open() {},
	async run() { for (const [steps, count] of lanes[name].calls) module.run(steps, count); },
	async result() {
		const [at, n] = lanes[name].output;
		return new Int32Array(module.memory.buffer.slice(at, at + n));
	},
	async close() {},
});

// program is our other lanes, which live in a Go program: it puts an object
// shoal into the window.
let program;

async function start() {
	const go = new Go();
	const { instance } = await WebAssembly.instantiateStreaming(fetch("/lane.wasm"), go.importObject);
	go.run(instance);
	while (!window.shoal) await new Promise((go) => setTimeout(go));
}

const lane = (name) => ({
	async open(n) {
		await (program ??= start());
		const { a, b } = await operands(n);
		await window.shoal.open(name, n, a, b);
	},
	run: () => window.shoal.run(name),
	async result() { return new Int32Array(window.shoal.result(name).buffer); },
	close: () => window.shoal.close(name),
});

export const shoal = {
	"shoal wasm": replay("shoal wasm"),
	"shoal wasm, b transposed": replay("shoal wasm, b transposed"),
	"shoal webgpu": lane("webgpu"),
	"shoal webgl": lane("webgl"),
};
