// Kernels in relaxed SIMD: used where the engine has it, not missed where it does not.
import assert from "node:assert/strict";
import { test } from "node:test";
import { HELPERS, inFreshProcess } from "./support/process.ts";

/** An engine without relaxed SIMD: it refuses modules that use `i32x4.relaxed_dot_i8x16_i7x16_add_s` (0xfd 0x113). */
const WITHOUT = `
  const { validate } = WebAssembly;
  WebAssembly.validate = (bytes) =>
    !Buffer.from(bytes).includes(Buffer.of(0xfd, 0x93, 0x02)) && validate(bytes);`;

/** Keeps the exports of all instances that are made, and counts the modules that are compiled beside the main one. */
const WATCHED = `
  const made = [];
  let compiled = 0;
  const { Instance, Module } = WebAssembly;
  WebAssembly.Instance = class extends Instance {
    constructor(...given) {
      super(...given);
      made.push(this.exports);
    }
  };
  WebAssembly.Module = class extends Module {
    constructor(...given) {
      super(...given);
      compiled++;
    }
  };`;

/** Runs a script on an engine as it is, or without relaxed SIMD, after `init` of an entry of the package. */
const run = (script: string, before = "", entry = "deltavec"): Promise<unknown> =>
  inFreshProcess(`${HELPERS}
    ${before}
    ${WATCHED}
    const { DeltaVectorDB, init } = await import("${entry}");
    await init();
    ${script}`);

for (const entry of ["deltavec", "deltavec/slim"]) {
  test(`${entry} gives each database the kernels in relaxed SIMD, compiled once`, async () => {
    const script = `
      const all = [works(DeltaVectorDB), works(DeltaVectorDB)];
      const [main, kernels, secondMain, secondKernels] = made;
      report([
        ...all,
        made.length,
        compiled,
        main.kernels.get(0) === kernels.codeDotBatch,
        main.kernels.get(1) === kernels.codeDotBatch4,
        secondMain.kernels.get(0) === secondKernels.codeDotBatch,
      ])`;
    assert.deepEqual(await run(script, "", entry), [true, true, 4, 1, true, true, true]);
  });

  test(`${entry} works on an engine without relaxed SIMD`, async () => {
    const script = "report([works(DeltaVectorDB), made.length, compiled])";
    assert.deepEqual(await run(script, WITHOUT, entry), [true, 1, 0]);
  });
}

test("searches find the same with and without relaxed SIMD", async () => {
  const script = `
    const db = new DeltaVectorDB({ dimensions: 20 });
    let state = 1;
    const vector = () => Float32Array.from({ length: 20 }, () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return state / 2 ** 32 - 0.5;
    });
    db.applyDeltas(Array.from({ length: 3000 }, (_, i) => (
      { vectorId: String(i), operation: { type: "create", vector: vector() } })));
    report(Array.from({ length: 50 }, () => db.search(vector(), 10)))`;
  const [relaxed, plain] = (await Promise.all([run(script), run(script, WITHOUT)])) as unknown[][];
  assert.equal(relaxed?.length, 50);
  assert.deepEqual(plain, relaxed);
});
