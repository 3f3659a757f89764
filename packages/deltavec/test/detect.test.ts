// What detect() says of this engine, of engines that lack things, and of browsers.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { detect, type Features } from "../src/detect.ts";
import { missingFeatures } from "../src/platform.ts";
import { Browser, bundle, page, type Site, serve } from "./support/chromium.ts";
import { HELPERS, inFreshProcess } from "./support/process.ts";

test("on this engine nothing is missing, and the shared build runs", () => {
  const features = detect();
  assert.equal(features.supported, true);
  assert.deepEqual(features.missing, []);
  assert.equal(features.build, "shared");
  assert.equal(features.relaxed, features.relaxedSimd);
  for (const name of [
    ...(["webAssembly", "wasmGC", "simd", "exceptions", "threads", "sharedMemory"] as const),
    ...(["workers", "moduleWorkers", "streams", "broadcastChannel", "webSocket"] as const),
  ]) {
    assert.equal(features[name], true, name);
  }
  assert.equal(features.opfs, false);
  assert.equal(features.syncAccessHandles, false);
});

/** Features with the bytes that only their module has, and what deltavec lacks without them. */
const features: [keyof Features, readonly number[], string | undefined][] = [
  ["wasmGC", [95, 1, 120, 0], "garbage collection (WasmGC)"],
  ["simd", [253, 98], "SIMD"],
  ["exceptions", [6, 64, 25], "exceptions (try)"],
  ["relaxedSimd", [253, 146, 2], undefined],
  ["exnref", [31, 64, 0], undefined],
  ["threads", [254, 16, 2, 0], undefined],
];
for (const [name, code, lacks] of features) {
  test(`an engine without ${name} is told so, and nothing else is missing`, (t) => {
    const usual = detect();
    const validate = WebAssembly.validate;
    t.mock.method(
      WebAssembly,
      "validate",
      (bytes: BufferSource) =>
        !Buffer.from(bytes as Uint8Array).includes(Buffer.from(code)) && validate(bytes),
    );
    const supported = lacks === undefined;
    const build = supported ? (name === "threads" ? "plain" : "shared") : null;
    assert.deepEqual(detect(), {
      ...usual,
      [name]: false,
      supported,
      missing: supported ? [] : [lacks],
      build,
      relaxed: supported && name !== "relaxedSimd",
      moduleWorkers: name !== "wasmGC",
    });
    assert.deepEqual(missingFeatures(), detect().missing);
  });
}

test("an engine without WebAssembly lacks that, and detect still answers", (t) => {
  const { WebAssembly: original } = globalThis;
  t.after(() => {
    globalThis.WebAssembly = original;
  });
  Reflect.deleteProperty(globalThis, "WebAssembly");
  const { supported, missing, build, webAssembly, simd } = detect();
  assert.deepEqual(
    { supported, missing, build, webAssembly, simd },
    { supported: false, missing: ["WebAssembly"], build: null, webAssembly: false, simd: false },
  );
});

test("without a SharedArrayBuffer the plain build is the best", (t) => {
  const { SharedArrayBuffer: original } = globalThis;
  t.after(() => {
    globalThis.SharedArrayBuffer = original;
  });
  Reflect.deleteProperty(globalThis, "SharedArrayBuffer");
  const { threads, sharedMemory, build } = detect();
  assert.deepEqual(
    { threads, sharedMemory, build },
    { threads: true, sharedMemory: false, build: "plain" },
  );
});

test("detect needs nothing of the platform, and nothing loaded", async () => {
  const result = await inFreshProcess(`
    const { detect } = await import("deltavec");
      const needed = ["WebAssembly", "Worker", "SharedArrayBuffer", "Atomics", "navigator", "ReadableStream",
        "WritableStream", "TransformStream", "BroadcastChannel", "WebSocket", "CompressionStream"];
      const { process } = globalThis;
      for (const name of [...needed, "process"]) {
        Reflect.deleteProperty(globalThis, name);
      }
    const { missing, build, workers, streams } = detect();
      globalThis.process = process;
    report({ missing, build, workers, streams });`);
  assert.deepEqual(result, {
    missing: ["WebAssembly"],
    build: null,
    workers: false,
    streams: false,
  });
});

test("init on an engine without WasmGC says so in one error, and detect agrees", async () => {
  const result = await inFreshProcess(`${HELPERS}
    import { detect, init } from "deltavec";
    const { validate } = WebAssembly;
    WebAssembly.validate = (bytes) => !Buffer.from(bytes).includes(Buffer.of(95, 1, 120, 0)) && validate(bytes);
    report([await codeOf(() => init()), detect().missing])`);
  assert.deepEqual(result, [
    [
      "UNSUPPORTED_PLATFORM",
      "this engine lacks garbage collection (WasmGC), which deltavec needs; see its README for the engines that do",
    ],
    ["garbage collection (WasmGC)"],
  ]);
});

let browser: Browser;
let site: Site;

before(async () => {
  const script = { type: "text/javascript", body: await bundle("detect.ts") };
  const document = { type: "text/html", body: page("/detect.js") };
  const isolated = {
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-embedder-policy": "require-corp",
  };
  site = await serve({
    "/": document,
    "/isolated": { ...document, headers: isolated },
    "/detect.js": { ...script, headers: isolated },
  });
  browser = await Browser.launch();
});

after(async () => {
  await browser[Symbol.asyncDispose]();
  await site[Symbol.asyncDispose]();
});

async function inPage(path: string): Promise<{ here: Features; worker: Features }> {
  const tab = await browser.context.newPage();
  await tab.goto(`${site.origin}${path}`);
  await tab.waitForFunction(() => "detected" in globalThis);
  return tab.evaluate(() => detected);
}

test("in Chromium a page that is not isolated gets the plain build", async () => {
  const { here } = await inPage("/");
  assert.deepEqual(here.missing, []);
  assert.equal(here.sharedMemory, false);
  assert.equal(here.build, "plain");
});

test("in Chromium an isolated page gets the shared build, and has what browsers have", async () => {
  const { here, worker } = await inPage("/isolated");
  const everywhere = [
    ...(["opfs", "indexedDB", "webLocks", "eventSource", "compressionStreams", "relaxed"] as const),
    ...(["sharedMemory", "atomicsWaitAsync", "moduleWorkers", "exnref"] as const),
  ];
  for (const features of [here, worker]) {
    assert.equal(features.build, "shared");
    for (const name of everywhere) {
      assert.equal(features[name], true, name);
    }
  }
  assert.equal(here.syncAccessHandles, false);
  assert.equal(worker.syncAccessHandles, true);
});
