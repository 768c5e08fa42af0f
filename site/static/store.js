// What this browser remembers between visits: the volunteer's key, the consent
// given, and the limits chosen. It stays in IndexedDB; where a browser forbids
// that (some private windows), it lasts as long as the page.

const NAME = "shoal";
const TABLE = "kept";

let opened;
const memory = new Map();

function open() {
  opened ??= new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(TABLE);
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
    request.onblocked = () => reject(new Error("storage is blocked by another tab"));
  });
  return opened;
}

async function transact(mode, act) {
  const db = await open();
  return new Promise((resolve, reject) => {
    const tx = db.transaction(TABLE, mode);
    const request = act(tx.objectStore(TABLE));
    tx.oncomplete = () => resolve(request.result);
    tx.onabort = tx.onerror = () => reject(tx.error);
  });
}

/** load returns what was kept under name, or undefined. */
export async function load(name) {
  try {
    return await transact("readonly", (t) => t.get(name));
  } catch {
    return memory.get(name);
  }
}

/** keep remembers value under name. */
export async function keep(name, value) {
  memory.set(name, value);
  try {
    await transact("readwrite", (t) => t.put(value, name));
  } catch {
    // memory has it for this visit
  }
}

/** forget drops what was kept under name. */
export async function forget(name) {
  memory.delete(name);
  try {
    await transact("readwrite", (t) => t.delete(name));
  } catch {
    // nothing was kept
  }
}

/**
 * seed returns the 32-byte ed25519 seed of this browser, made on first use. It
 * is written only if none is there, in one transaction, so that two tabs that
 * open together agree on one.
 */
export async function seed() {
  const fresh = crypto.getRandomValues(new Uint8Array(32));
  try {
    const db = await open();
    return await new Promise((resolve, reject) => {
      const tx = db.transaction(TABLE, "readwrite");
      const table = tx.objectStore(TABLE);
      let chosen = fresh;
      const request = table.get("seed");
      request.onsuccess = () => {
        if (request.result instanceof Uint8Array && request.result.length === 32) chosen = request.result;
        else table.put(fresh, "seed");
      };
      tx.oncomplete = () => resolve(chosen);
      tx.onabort = tx.onerror = () => reject(tx.error);
    });
  } catch {
    if (!memory.has("seed")) memory.set("seed", fresh);
    return memory.get("seed");
  }
}
