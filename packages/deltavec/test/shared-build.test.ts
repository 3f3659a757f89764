// The build of the module that works on a memory which threads share: docs/abi.md.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import fc from "fast-check";
import { sharedBuild } from "../src/shared-build.ts";
import { inFreshProcess, PACKAGE } from "./support/process.ts";

let plain: Uint8Array<ArrayBuffer>;
let relaxed: Uint8Array<ArrayBuffer>;

before(() => {
  plain = new Uint8Array(readFileSync(join(PACKAGE, "dist/deltavec.wasm")));
  relaxed = new Uint8Array(readFileSync(join(PACKAGE, "target/relaxed.wasm")));
});

function built(module: Uint8Array): WebAssembly.Module {
  const bytes = sharedBuild(module);
  assert.ok(bytes);
  return new WebAssembly.Module(bytes);
}

test("the shared build imports its memory and nothing else", () => {
  assert.deepEqual(WebAssembly.Module.imports(built(plain)), [
    { module: "deltavec", name: "memory", kind: "memory" },
  ]);
});

test("the shared build exports what the module exports", () => {
  const module = new WebAssembly.Module(plain);
  assert.deepEqual(WebAssembly.Module.exports(built(plain)), WebAssembly.Module.exports(module));
});

test("the shared build is 30 bytes larger at most", () => {
  assert.ok((sharedBuild(plain)?.length ?? 0) <= plain.length + 30);
});

test("two instances on one memory have control blocks of their own", () => {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 65_535, shared: true });
  const places = [0, 1, 2].map(() => {
    const { exports } = new WebAssembly.Instance(built(plain), { deltavec: { memory } });
    return (exports["dv_control"] as () => number)();
  });
  assert.equal(new Set(places.map((place) => place >>> 16)).size, 3);
});

test("kernels in relaxed SIMD run on the memory of the shared build", () => {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 65_535, shared: true });
  const { exports } = new WebAssembly.Instance(built(relaxed), { deltavec: { memory } });
  assert.equal(typeof exports["codeDotBatch"], "function");
});

test("a module whose memory is shared already stays as it is", () => {
  const once = sharedBuild(plain);
  assert.deepEqual(once && sharedBuild(once), once);
});

test("what is no module gives nothing, or what no engine takes", () => {
  fc.assert(
    fc.property(fc.nat(400), fc.nat(255), fc.nat(plain.length), (at, value, length) => {
      const bytes = plain.slice(0, length);
      bytes[at] = value;
      const made = sharedBuild(bytes);
      assert.ok(made === undefined || made.length <= bytes.length + 64);
    }),
  );
});

test("the shared build finds what the plain one finds", async () => {
  const script = (source: string): string => `
    import { readFileSync } from "node:fs";
    import { DeltaVectorDB, init } from "deltavec";
    import { sharedBuild } from "${PACKAGE}/src/shared-build.ts";
    await init(${source});
    const db = new DeltaVectorDB({ dimensions: 16 });
    let seed = 1;
    const next = () => (seed = (seed * 16807) % 2147483647) / 2147483647 - 0.5;
    const vector = () => Float32Array.from({ length: 16 }, next);
    for (let i = 0; i < 2000; i++) {
      db.applyDelta({ vectorId: "größe-" + i, operation: { type: "create", vector: vector() } });
    }
    report([db.stateDigest(), Array.from({ length: 50 }, () => db.search(vector(), 5))]);`;
  const shared = await inFreshProcess(script('sharedBuild(readFileSync("dist/deltavec.wasm"))'));
  assert.deepEqual(shared, await inFreshProcess(script("undefined")));
});
