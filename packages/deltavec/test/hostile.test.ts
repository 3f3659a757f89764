// The raw interface against bytes of any kind: never a trap, always a documented error, nothing changed by it.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { before, test } from "node:test";
import { codeOf } from "../src/errors.ts";
import { FrameWriter } from "../src/frame.ts";
import type { Exports } from "../src/instance.ts";
import type { VectorDelta } from "../src/types.ts";
import { PlainBlock } from "./support/frames.ts";
import { PACKAGE } from "./support/process.ts";
import { Random } from "./support/random.ts";

const DIMENSIONS = 5;
const ROUNDS = 20_000;

/** A database at the raw interface. */
class Raw {
  readonly exports: Exports;
  readonly handle: number;

  constructor(module: WebAssembly.Module) {
    this.exports = new WebAssembly.Instance(module).exports as unknown as Exports;
    const words = [DIMENSIONS, 1000, 100, 4, 20, 10, 0, 1, 7, 0, 1, 2];
    const at = this.exports.dv_input(48);
    new Uint32Array(this.exports.memory.buffer, at, 12).set(words);
    this.handle = this.exports.dv_open(at);
    assert.ok(this.handle > 0);
  }

  /** Puts bytes into the input buffer; returns their address. */
  put(bytes: Uint8Array): number {
    const address = this.exports.dv_input(Math.max(bytes.length, 64)) >>> 0;
    assert.ok(address > 0 && address % 64 === 0);
    new Uint8Array(this.exports.memory.buffer).set(bytes, address);
    return address;
  }

  apply(bytes: Uint8Array, count: number, now = Date.now()): number {
    const address = this.put(bytes);
    return this.exports.dv_apply(this.handle, address, bytes.length, count, now, now / 2 ** 32);
  }

  digest(): string {
    assert.equal(this.exports.dv_digest(this.handle), 0);
    const control = new Uint32Array(this.exports.memory.buffer, this.exports.dv_control(), 16);
    return new BigUint64Array(this.exports.memory.buffer, control[0], 1)[0].toString(16);
  }

  /** Checks that a result is a success or a documented error with a message in UTF-8. */
  check(result: number, what: string): void {
    if (result >= 0) {
      return;
    }
    assert.ok(codeOf(-result) !== undefined, `${what}: error ${result} is not documented`);
    const { buffer } = this.exports.memory;
    const control = new Uint32Array(buffer, this.exports.dv_control(), 16);
    const message = new Uint8Array(buffer, control[2], control[3]);
    assert.ok(message.length > 0, `${what}: no message`);
    new TextDecoder("utf-8", { fatal: true }).decode(message);
  }
}

let module: WebAssembly.Module;

before(async () => {
  module = await WebAssembly.compile(await readFile(join(PACKAGE, "dist/deltavec.wasm")));
});

/** The seed of this run: DELTAVEC_SEED, or another one each time. */
const { DELTAVEC_SEED = Date.now() % 2 ** 32 } = process.env;
const SEED = Number(DELTAVEC_SEED);

function frames(deltas: readonly VectorDelta[]): Uint8Array {
  const block = new PlainBlock(64);
  const writer = new FrameWriter(block, { compression: true, grid: 0 });
  writer.begin();
  deltas.forEach((delta, i) => {
    writer.append(delta, i, undefined);
  });
  return block.bytes.slice(writer.start, writer.start + writer.length);
}

function delta(random: Random): VectorDelta {
  const vectorId = ["a", "b", "größe", "x".repeat(200)][random.below(4)];
  const vector = random.vector(DIMENSIONS);
  const operations: VectorDelta["operation"][] = [
    { type: "create", vector },
    { type: "dense", vector },
    { type: "sparse", indices: Uint32Array.of(0, 2, 4), values: random.vector(3) },
    { type: "scale", factor: random.normal() },
    { type: "offset", amount: random.normal() },
    { type: "delete" },
  ];
  const operation = operations[random.below(6)];
  const metadata = { k: ["é", { d: null }, random.below(99)] };
  return {
    vectorId,
    operation,
    ...(random.below(3) === 0 && operation.type !== "delete" ? { metadata } : {}),
    ...(random.below(3) === 0 ? { timestamp: new Date(random.bits()) } : {}),
  };
}

/** Bytes that are more or less frames. */
function hostile(random: Random): { bytes: Uint8Array; count: number } {
  const count = random.below(4);
  let bytes =
    random.below(4) === 0
      ? Uint8Array.from({ length: random.below(80) }, () => random.bits())
      : frames(Array.from({ length: Math.max(1, count) }, () => delta(random)));
  switch (random.below(5)) {
    case 0:
      bytes = bytes.slice(0, random.below(bytes.length + 1));
      break;
    case 1:
      for (let i = random.below(4); i >= 0 && bytes.length > 0; i--) {
        bytes[random.below(bytes.length)] ^= 1 << random.below(8);
      }
      break;
    case 2:
      for (let i = random.below(3); i >= 0 && bytes.length > 0; i--) {
        bytes[random.below(bytes.length)] = [0, 127, 128, 255][random.below(4)];
      }
      break;
    case 3:
      bytes = Uint8Array.of(
        ...bytes,
        ...Array.from({ length: random.below(9) }, () => random.bits()),
      );
      break;
  }
  if (bytes.length >= 4 && random.below(2) === 0) {
    // With the right length and version, so that the rest is looked at.
    bytes.set([bytes.length & 255, bytes.length >> 8, 0, 1]);
    return { bytes, count: 1 };
  }
  return { bytes, count };
}

test("dv_apply refuses what is not deltas, whatever it is", (t) => {
  t.diagnostic(`seed ${SEED}`);
  const random = new Random(SEED);
  const raw = new Raw(module);
  let digest = raw.digest();
  let refused = 0;
  for (let i = 0; i < ROUNDS; i++) {
    const { bytes, count } = hostile(random);
    const what = `seed ${SEED}, round ${i}, count ${count}, bytes [${bytes}]`;
    let result: number;
    try {
      result = raw.apply(bytes, count);
    } catch (error) {
      assert.fail(`${what}: ${error}`);
    }
    raw.check(result, what);
    const after = raw.digest();
    if (result < 0) {
      refused++;
      assert.equal(after, digest, `${what}: the state has changed`);
    } else {
      assert.equal(result, count, what);
    }
    digest = after;
  }
  assert.ok(refused > ROUNDS / 10 && refused < ROUNDS, `${refused} of ${ROUNDS} were refused`);
});

test("dv_apply refuses counts and clocks that cannot be", (t) => {
  t.diagnostic(`seed ${SEED}`);
  const random = new Random(SEED);
  const raw = new Raw(module);
  const bytes = frames([
    { vectorId: "a", operation: { type: "create", vector: new Float32Array(DIMENSIONS) } },
  ]);
  const digest = raw.digest();
  for (const count of [0, 2, 3, -1, 2 ** 31 - 1, -(2 ** 31), random.bits() | 2]) {
    const result = raw.apply(bytes, count);
    raw.check(result, `count ${count}`);
    assert.ok(result < 0, `count ${count}`);
  }
  for (const now of [-1, -(2 ** 40), 2 ** 48, 2 ** 53]) {
    const address = raw.put(bytes);
    const high = Math.floor(now / 2 ** 32);
    const result = raw.exports.dv_apply(raw.handle, address, bytes.length, 1, now, high);
    raw.check(result, `clock ${now}`);
  }
  raw.apply(frames([{ vectorId: "a", operation: { type: "delete" } }]), 1);
  assert.equal(raw.digest(), digest);
});

test("reading takes any ids, numbers and handles", (t) => {
  t.diagnostic(`seed ${SEED}`);
  const random = new Random(SEED);
  const raw = new Raw(module);
  const { exports } = raw;
  const vectors = Array.from({ length: 20 }, (_, i) => ({
    vectorId: `v${i}`,
    operation: { type: "create" as const, vector: random.vector(DIMENSIONS) },
  }));
  assert.equal(raw.apply(frames(vectors), 20), 20);
  const digest = raw.digest();
  const any = (): number =>
    [0, 1, -1, random.below(40), 2 ** 31 - 1, -(2 ** 31), random.bits() | 0][random.below(7)];
  for (let i = 0; i < ROUNDS / 4; i++) {
    const what = `seed ${SEED}, round ${i}`;
    const bytes = Uint8Array.from({ length: random.below(60) }, () => random.bits());
    const address = raw.put(bytes);
    const handle = random.below(4) === 0 ? any() : raw.handle;
    try {
      exports.dv_find(handle, address, random.below(2) === 0 ? bytes.length : random.below(60));
      raw.check(exports.dv_metadata(handle, address, bytes.length), `${what}: dv_metadata`);
      raw.check(exports.dv_ids(handle, any(), any()), `${what}: dv_ids`);
      const floats = random.below(2) === 0 ? DIMENSIONS : any();
      raw.check(exports.dv_search(handle, address, floats, any(), any()), `${what}: dv_search`);
      raw.check(exports.dv_stats(handle), `${what}: dv_stats`);
      raw.check(exports.dv_digest(handle), `${what}: dv_digest`);
      if (handle !== raw.handle) {
        raw.check(exports.dv_close(handle), `${what}: dv_close`);
      }
    } catch (error) {
      assert.fail(`${what}: ${error}`);
    }
  }
  assert.equal(raw.digest(), digest);
});

test("dv_open takes any options, or refuses them", (t) => {
  t.diagnostic(`seed ${SEED}`);
  const random = new Random(SEED);
  const usual = [DIMENSIONS, 1000, 100, 4, 20, 10, 0, 1, 7, 0, 1, 2];
  const raw = new Raw(module);
  for (let i = 0; i < 300; i++) {
    const words = usual.map((word) =>
      random.below(4) === 0 ? [0, 1, 2, 65_536, -1, random.bits()][random.below(6)] : word,
    );
    const what = `seed ${SEED}, round ${i}, options ${words}`;
    const bytes = new Uint8Array(Uint32Array.from(words).buffer);
    try {
      const handle = raw.exports.dv_open(raw.put(bytes));
      raw.check(handle, what);
      if (handle > 0) {
        assert.equal(raw.exports.dv_close(handle), 0, what);
      }
    } catch (error) {
      assert.fail(`${what}: ${error}`);
    }
  }
});

test("a memory that cannot be had is refused, and all goes on", () => {
  const raw = new Raw(module);
  const bytes = frames([
    { vectorId: "a", operation: { type: "create", vector: new Float32Array(DIMENSIONS) } },
  ]);
  assert.equal(raw.apply(bytes, 1), 1);
  const digest = raw.digest();
  for (const size of [-1, -64, -65_536]) {
    assert.equal(raw.exports.dv_input(size), 0, `size ${size >>> 0}`);
  }
  assert.equal(raw.digest(), digest);
  assert.equal(raw.apply(frames([{ vectorId: "a", operation: { type: "delete" } }]), 1), 1);
});
