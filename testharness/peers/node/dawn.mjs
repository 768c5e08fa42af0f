// Dawn, driven line by line: a JSON request on standard input, an answer on
// standard output. What cannot be done is answered with an error.
import { createInterface } from "node:readline";
import { create, globals } from "webgpu";

Object.assign(globalThis, globals);
const gpu = create([`backend=${process.argv[2] ?? process.argv[1]}`]);
const adapter = await gpu.requestAdapter();
const device = await adapter?.requestDevice({
	requiredLimits: Object.fromEntries(["maxStorageBufferBindingSize", "maxBufferSize", "maxStorageBuffersPerShaderStage",
		"maxComputeWorkgroupStorageSize", "maxComputeInvocationsPerWorkgroup", "maxComputeWorkgroupSizeX"].map((name) => [name, adapter.limits[name]])),
});

const paddedTo = (n, unit) => Math.ceil(n / unit) * unit;

// layout is what a code is bound with: group 0 its memories, group 1 its
// parameters.
function layout(code) {
	const entry = (binding, type) => ({ binding, visibility: GPUShaderStage.COMPUTE, buffer: { type } });
	const memories = code.bindings.map((b, i) => entry(i, b.write ? "storage" : "read-only-storage"));
	return [device.createBindGroupLayout({ entries: memories }), device.createBindGroupLayout({ entries: code.params > 0 ? [entry(0, "uniform")] : [] })];
}

// pipeline compiles code, and fails with all that the compiler says.
async function pipeline(code) {
	device.pushErrorScope("validation");
	const module = device.createShaderModule({ code: code.text });
	const { messages } = await module.getCompilationInfo();
	const wrong = await device.popErrorScope();
	if (wrong) throw new Error(messages.map((m) => `${m.lineNum}:${m.linePos} ${m.message}`).join("\n") || wrong.message);
	return device.createComputePipelineAsync({
		layout: device.createPipelineLayout({ bindGroupLayouts: layout(code) }),
		compute: { module, entryPoint: code.entry },
	});
}

let passes = [], memories = [];

function buffer(size, usage, data) {
	const b = device.createBuffer({ size: paddedTo(size, 256), usage });
	if (data) device.queue.writeBuffer(b, 0, data);
	return b;
}

const answers = {
	async info() {
		if (!device) throw new Error("no adapter");
		const { vendor, architecture, device: name, description } = adapter.info;
		return [vendor, architecture, name, description].filter(Boolean).join(" ");
	},

	// compile tries a code.
	async compile({ code }) {
		await pipeline(code);
		return true;
	},

	// open makes memories and passes ready to run.
	async open({ step }) {
		const storage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC;
		memories = step.memories.map((m) => buffer(m.size, storage, m.data && Buffer.from(m.data, "base64")));
		passes = [];
		for (const p of step.passes) {
			const groups = layout(p.code);
			const bound = p.refs.map((memory, binding) => ({ binding, resource: { buffer: memories[memory] } }));
			const words = new Int32Array(paddedTo(p.params.length, 4));
			words.set(p.params);
			const params = p.params.length > 0 ? [{ binding: 0, resource: { buffer: buffer(words.byteLength, GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST, words) } }] : [];
			passes.push({
				pipeline: await pipeline(p.code),
				groups: [device.createBindGroup({ layout: groups[0], entries: bound }), device.createBindGroup({ layout: groups[1], entries: params })],
				clear: p.clear,
				grid: p.grid,
			});
		}
		return true;
	},

	// run runs all passes again and again, for some milliseconds, and tells
	// what each run took.
	async run({ ms }) {
		const times = [], start = performance.now();
		let now = start;
		do {
			const encoder = device.createCommandEncoder();
			for (const p of passes) {
				for (const memory of p.clear) encoder.clearBuffer(memories[memory]);
				const pass = encoder.beginComputePass();
				pass.setPipeline(p.pipeline);
				p.groups.forEach((g, i) => pass.setBindGroup(i, g));
				pass.dispatchWorkgroups(...p.grid);
				pass.end();
			}
			device.queue.submit([encoder.finish()]);
			await device.queue.onSubmittedWorkDone();
			const then = now;
			now = performance.now();
			times.push(now - then);
		} while (now - start < ms);
		return times;
	},

	// read gives the contents of a memory.
	async read({ memory, size }) {
		const copy = buffer(size, GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST);
		const encoder = device.createCommandEncoder();
		encoder.copyBufferToBuffer(memories[memory], 0, copy, 0, paddedTo(size, 4));
		device.queue.submit([encoder.finish()]);
		await copy.mapAsync(GPUMapMode.READ);
		const text = Buffer.from(copy.getMappedRange().slice(0, size)).toString("base64");
		copy.destroy();
		return text;
	},

	async close() {
		for (const m of memories) m.destroy();
		passes = memories = [];
		return true;
	},
};

for await (const line of createInterface({ input: process.stdin })) {
	const request = JSON.parse(line);
	let answer;
	try {
		answer = { value: await answers[request.do](request) };
	} catch (e) {
		answer = { error: String(e.message ?? e) };
	}
	process.stdout.write(JSON.stringify(answer) + "\n");
}
process.exit(0); // some drivers do not survive an orderly end
