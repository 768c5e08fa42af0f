// The sandbox's thread. The background thread starts it when there is a module
// to run and ends it when a run must end: package wasm/browser/box says which
// messages they exchange.

"use strict";

importScripts("/wasm_exec.js");

(async () => {
  try {
    const go = new Go();
    const { instance } = await WebAssembly.instantiateStreaming(fetch("/box.wasm"), go.importObject);
    await go.run(instance);
    throw new Error("it ended by itself");
  } catch (err) {
    postMessage({ type: "error", message: err.message });
  }
})();
