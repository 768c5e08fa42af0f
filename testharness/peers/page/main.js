// What the page offers to the program that drives it. A lane is an object
// with open(n), run() and result(): the last opened product is run, once a
// call, and its elements are given as an Int32Array.
import { ort } from "./ort.js";
import { tfjs } from "./tfjs.js";
import { instance, shoal } from "./shoal.js";

const lanes = { ...ort, ...tfjs, ...shoal };

async function digest(elements) {
	const hash = await crypto.subtle.digest("SHA-256", elements);
	return Array.from(new Uint8Array(hash), (b) => b.toString(16).padStart(2, "0")).join("");
}

window.peers = {
	instance,

	// open makes a lane ready and returns the digest of its first product.
	async open(name, n) {
		await lanes[name].open(n);
		await lanes[name].run();
		return digest(await lanes[name].result());
	},

	// run runs a lane's product again and again, for some milliseconds, and
	// returns what each run took.
	async run(name, ms) {
		const lane = lanes[name], times = [];
		const start = performance.now();
		let now = start;
		do {
			await lane.run();
			const then = now;
			now = performance.now();
			times.push(now - then);
		} while (now - start < ms);
		return times;
	},

	close: (name) => lanes[name].close(),
};
