// onnxruntime-web. One thread; the sums of a float product of such operands
// are integers below 2^24, and so exact.
import * as wasm from "/npm/onnxruntime-web/dist/ort.wasm.min.mjs";
import * as webgpu from "/npm/onnxruntime-web/dist/ort.webgpu.min.mjs";
import { bytes, floats, operands } from "./data.js";

for (const library of [wasm, webgpu]) {
	library.env.wasm.numThreads = 1;
	library.env.wasm.wasmPaths = "/npm/onnxruntime-web/dist/";
	library.env.logLevel = "error";
}

const signed = (data) => new Int8Array(data.buffer);

// kinds are the element types of a and b, and how bytes become them.
const kinds = {
	u8: [["uint8", (data) => data], ["uint8", (data) => data]],
	us: [["uint8", (data) => data], ["int8", signed]],
	s8: [["int8", signed], ["int8", signed]],
	f32: [["float32", floats], ["float32", floats]],
};

// lane is a product by one provider. With constant, B belongs to the model.
function lane(library, provider, kind, constant) {
	let session, feeds, output;
	return {
		async open(n) {
			const data = await operands(n);
			session = await library.InferenceSession.create(await bytes(`/model/${kind}${constant ? "-constant" : ""}/${n}`), { executionProviders: [provider] });
			const tensor = ([type, view], x) => new library.Tensor(type, view(x), [n, n]);
			feeds = { a: tensor(kinds[kind][0], data.a) };
			if (!constant) feeds.b = tensor(kinds[kind][1], data.b);
		},
		async run() { output = (await session.run(feeds)).c; },
		async result() { return Int32Array.from(output.data); },
		async close() { await session.release(); session = feeds = output = undefined; },
	};
}

export const ort = {
	"ort wasm u8xu8": lane(wasm, "wasm", "u8", false),
	"ort wasm u8xu8, constant b": lane(wasm, "wasm", "u8", true),
	"ort wasm u8xs8": lane(wasm, "wasm", "us", false),
	"ort wasm u8xs8, constant b": lane(wasm, "wasm", "us", true),
	"ort wasm s8xs8": lane(wasm, "wasm", "s8", false),
	"ort wasm s8xs8, constant b": lane(wasm, "wasm", "s8", true),
	"ort wasm f32": lane(wasm, "wasm", "f32", false),
	"ort webgpu s8xs8": lane(webgpu, "webgpu", "s8", false),
	"ort webgpu f32": lane(webgpu, "webgpu", "f32", false),
};
