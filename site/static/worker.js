// The background thread. It loads the Go runtime and the Shoal worker built
// from wasm/cmd/worker, and leaves the rest to them: package wasm/browser says
// which messages they and the page exchange.

"use strict";

importScripts("/wasm_exec.js");

(async () => {
  try {
    const go = new Go();
    const answer = await fetch("/worker.wasm");
    if (!answer.ok) throw new Error(`the hub answered ${answer.status}`);
    self.shoalBuild = answer.headers.get("etag") ?? ""; // tests of devices are kept for this build
    const { instance } = await WebAssembly.instantiateStreaming(answer, go.importObject);
    await go.run(instance);
    throw new Error("it ended by itself");
  } catch (err) {
    postMessage({ type: "error", code: "program", message: err.message });
  }
})();
