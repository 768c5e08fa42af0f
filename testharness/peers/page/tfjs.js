// TensorFlow.js: floats only.
import { floats, operands } from "./data.js";

tf.wasm.setWasmPaths("/npm/@tensorflow/tfjs-backend-wasm/dist/");
tf.wasm.setThreadsCount(1);

function lane(backend) {
	let a, b, output;
	return {
		async open(n) {
			if (!await tf.setBackend(backend)) throw new Error(`tfjs has no backend ${backend} here`);
			const data = await operands(n);
			a = tf.tensor2d(floats(data.a), [n, n]);
			b = tf.tensor2d(floats(data.b), [n, n]);
		},
		async run() {
			if (tf.getBackend() !== backend) await tf.setBackend(backend);
			const c = tf.matMul(a, b);
			output = await c.data();
			c.dispose();
		},
		async result() { return Int32Array.from(output); },
		async close() { tf.dispose([a, b]); a = b = output = undefined; },
	};
}

export const tfjs = {
	"tfjs wasm f32": lane("wasm"),
	"tfjs webgl f32": lane("webgl"),
	"tfjs webgpu f32": lane("webgpu"),
};
