// The raw interface against bytes of any kind: never a trap, always a documented error, nothing changed by it.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { before, test } from "node:test";
import { crc32c } from "../src/crc32c.ts";
import { codeOf } from "../src/errors.ts";
import { FrameWriter } from "../src/frame.ts";
import type { Exports } from "../src/instance.ts";
import type { VectorDelta } from "../src/types.ts";
import { PlainBlock } from "./support/frames.ts";
import { PACKAGE } from "./support/process.ts";
import { Random } from "./support/random.ts";

const DIMENSIONS = 5;
const ROUNDS = 20_000;
const DAY = 86_400_000;
const NOW = 1_700_000_000_000;
const IDS = ["a", "b", "größe", "x".repeat(200)];

/** The largest number as a varint. */
const HUGE = [255, 255, 255, 255, 15];

/** The words of the options record. */
const USUAL: readonly number[] = [
  ...[DIMENSIONS, 1000, 100, 4, 20, 10, 0, 7, 7, 0, 1, 2, 0, 0],
  // Doubles, which are set over these; then the quantization.
  ...[0, 0, 0, 0, 1, 0],
];

/** An options record. */
function options(
  words: readonly number[],
  maxBytes: number,
  ahead: number,
  sampleRate = 0,
): Uint8Array {
  const record = new Uint8Array(88);
  record.set(new Uint8Array(Uint32Array.from(words).buffer));
  new Float64Array(record.buffer, 56, 2).set([maxBytes, ahead]);
  new Float64Array(record.buffer, 80).set([sampleRate]);
  return record;
}

/** Filters as the core reads them, from which others are made by damage. */
const FILTERS: readonly string[] = [
  '{"equals":[["k"],"é"]}',
  '{"in":[["k","d"],[null,true,1.5e3,"x"]]}',
  '{"range":[["n"],{"gt":-1,"gte":0.5,"lt":1e9,"lte":7}]}',
  '{"range":[["k"],{"gte":"a"}]}',
  '{"exists":[["k"]]}',
  '{"and":[{"or":[]},{"not":{"exists":[["\\u00e9\\ud83d\\ude00"]]}}]}',
];

/** A database at the raw interface. */
class Raw {
  readonly exports: Exports;
  readonly handle: number;

  constructor(module: WebAssembly.Module, { replica = 7, grid = 0 } = {}) {
    this.exports = new WebAssembly.Instance(module).exports as unknown as Exports;
    const words = USUAL.with(2, 3).with(8, replica).with(12, grid);
    this.handle = this.exports.dv_open(this.put(options(words, 0, DAY)));
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

  merge(bytes: Uint8Array, now = NOW): number {
    const address = this.put(bytes);
    return this.exports.dv_merge(this.handle, address, bytes.length, now, now / 2 ** 32);
  }

  /** A copy of the last call's output. */
  output(): Uint8Array<ArrayBuffer> {
    const { buffer } = this.exports.memory;
    const [address, length] = new Uint32Array(buffer, this.exports.dv_control(), 2);
    return new Uint8Array(buffer as ArrayBuffer).slice(address, address + length);
  }

  /** The deltas that a cursor lacks; all without. */
  since(cursor: Uint8Array = new Uint8Array(0)): Uint8Array<ArrayBuffer> {
    const result = this.exports.dv_since(this.handle, this.put(cursor), cursor.length);
    assert.equal(result, 0);
    return this.output();
  }

  /** What must not change where a call is refused. */
  state(): string {
    return `${this.digest()} ${this.exports.dv_arrived(this.handle)}`;
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
  const vectorId = IDS[random.below(4)];
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
    metadata: { k: ["é", { d: null }, i], n: i },
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
      raw.check(
        exports.dv_search(handle, address, floats, any(), any(), any(), address, bytes.length),
        `${what}: dv_search`,
      );
      raw.check(exports.dv_rows(handle, any(), any()), `${what}: dv_rows`);
      raw.check(exports.dv_repair(handle, any()), `${what}: dv_repair`);
      raw.check(exports.dv_check(handle), `${what}: dv_check`);
      raw.check(exports.dv_stats(handle), `${what}: dv_stats`);
      const { length } = bytes;
      raw.check(
        exports.dv_vector_at(handle, address, length, any(), any()),
        `${what}: dv_vector_at`,
      );
      raw.check(
        exports.dv_metadata_at(handle, address, length, any(), any()),
        `${what}: dv_metadata_at`,
      );
      raw.check(
        exports.dv_search_at(handle, address, floats, any(), any(), any()),
        `${what}: dv_search_at`,
      );
      raw.check(exports.dv_chain(handle, address, length), `${what}: dv_chain`);
      raw.check(exports.dv_arrived(handle), `${what}: dv_arrived`);
      raw.check(exports.dv_read(handle, any(), any()), `${what}: dv_read`);
      raw.check(exports.dv_cursor(handle), `${what}: dv_cursor`);
      raw.check(exports.dv_since(handle, address, length), `${what}: dv_since`);
      raw.check(
        exports.dv_rollback_to(handle, address, length, address, any(), any()),
        `${what}: dv_rollback_to`,
      );
      const id = random.below(2) === 0 ? address : 0;
      raw.check(
        exports.dv_compact(handle, id, length, any(), any(), any(), any(), any()),
        `${what}: dv_compact`,
      );
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

test("dv_search takes any filter, or refuses it, and always tells right from wrong", (t) => {
  t.diagnostic(`seed ${SEED}`);
  const random = new Random(SEED);
  const raw = new Raw(module);
  const { exports } = raw;
  const vectors = Array.from({ length: 20 }, (_, i) => ({
    vectorId: `v${i}`,
    operation: { type: "create" as const, vector: random.vector(DIMENSIONS) },
    metadata: { k: ["é", { d: null }, i], n: i },
  }));
  assert.equal(raw.apply(frames(vectors), 20), 20);
  const search = (mode: number, filter: Uint8Array): number => {
    const input = new Uint8Array(4 * DIMENSIONS + filter.length);
    input.set(filter, 4 * DIMENSIONS);
    const at = raw.put(input);
    const behind = at + 4 * DIMENSIONS;
    return exports.dv_search(raw.handle, at, DIMENSIONS, 30, 0, mode, behind, filter.length);
  };
  const encoder = new TextEncoder();
  for (const filter of FILTERS) {
    const found = search(0, encoder.encode(filter));
    assert.ok(found >= 0 && found <= 20, `${filter}: ${found}`);
  }
  let refused = 0;
  for (let i = 0; i < ROUNDS / 4; i++) {
    const bytes = encoder.encode(FILTERS[random.below(FILTERS.length)]);
    for (let damage = 1 + random.below(3); damage > 0; damage--) {
      const at = random.below(bytes.length);
      bytes[at] =
        random.below(2) === 0 ? random.bits() : '"[]{}:,\\0-.eu'.charCodeAt(random.below(13));
    }
    const wrong = random.below(5) === 0 ? bytes.subarray(random.below(bytes.length)) : bytes;
    const what = `seed ${SEED}, round ${i}, filter ${new TextDecoder().decode(wrong)}`;
    try {
      const result = search(random.below(2), wrong);
      raw.check(result, what);
      assert.ok(result <= 20, what);
      refused += result < 0 ? 1 : 0;
      const slots = search(2, wrong);
      raw.check(slots, `${what} as slots`);
      assert.ok(slots <= 20, `${what} as slots`);
    } catch (error) {
      assert.fail(`${what}: ${error}`);
    }
  }
  assert.ok(refused > ROUNDS / 8, `only ${refused} of ${ROUNDS / 4} were refused`);
  const deep = `${'{"not":'.repeat(9000)}{"and":[]}${"}".repeat(9000)}`;
  assert.equal(search(0, encoder.encode(deep)), -1);
});

test("dv_open takes any options, or refuses them", (t) => {
  t.diagnostic(`seed ${SEED}`);
  const random = new Random(SEED);
  const raw = new Raw(module);
  const doubles = [0, 1, -1, 0.5, 1e300, -1e300, Number.NaN, Number.POSITIVE_INFINITY];
  for (let i = 0; i < 300; i++) {
    const [maxBytes, ahead] = [doubles[random.below(8)], doubles[random.below(8)]];
    const rate = random.below(3) === 0 ? doubles[random.below(8)] : 0;
    const words = USUAL.map((word) =>
      random.below(4) === 0 ? [0, 1, 2, 65_536, -1, random.bits()][random.below(6)] : word,
    );
    const what = `seed ${SEED}, round ${i}, options ${words} ${maxBytes} ${ahead} ${rate}`;
    try {
      const handle = raw.exports.dv_open(raw.put(options(words, maxBytes, ahead, rate)));
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

/** The frames of a stream. */
function framesOf(stream: Uint8Array): Uint8Array[] {
  const found: Uint8Array[] = [];
  for (let at = 0; at < stream.length; ) {
    const length = stream[at] | (stream[at + 1] << 8) | (stream[at + 2] << 16);
    found.push(stream.slice(at, at + length));
    at += length;
  }
  return found;
}

/** Sets a frame's length and checksum, so that the rest is looked at. */
function seal(frame: Uint8Array): Uint8Array {
  const view = new DataView(frame.buffer);
  view.setUint32(0, frame.length | (1 << 24), true);
  view.setUint32(4, crc32c(frame.subarray(8)), true);
  return frame;
}

/** A stream of any deltas, of some replica. */
function streamOf(random: Random, grid: number): Uint8Array {
  const raw = new Raw(module, { replica: 1 + random.below(3), grid });
  for (let i = 2 + random.below(12); i > 0; i--) {
    raw.apply(frames([delta(random)]), 1, NOW + random.below(1000) - 500);
  }
  return raw.since();
}

/** A stream with frames changed, doubled, left out, in another order; all of them sealed. */
function damaged(random: Random, stream: Uint8Array): Uint8Array {
  let list = framesOf(stream);
  for (let i = random.below(3); i >= 0; i--) {
    const which = random.below(list.length);
    let frame = list[which].slice();
    switch (random.below(7)) {
      case 0:
        frame[8 + random.below(frame.length - 8)] ^= 1 << random.below(8);
        break;
      case 1:
        frame[8 + random.below(frame.length - 8)] = [0, 127, 128, 255][random.below(4)];
        break;
      case 2:
        frame = frame.slice(0, 9 + random.below(frame.length - 8));
        break;
      case 3:
        frame = Uint8Array.of(
          ...frame,
          ...Array.from({ length: random.below(9) }, () => random.bits()),
        );
        break;
      case 4:
        list.splice(which, 1, frame, frame);
        continue;
      case 5:
        list = list.toSpliced(which, 1);
        if (list.length === 0) {
          return new Uint8Array(0);
        }
        continue;
      default:
        list.push(...list.splice(which, 1));
        continue;
    }
    list[which] = seal(frame);
  }
  return new Uint8Array(Buffer.concat(list));
}

for (const grid of [0, 100]) {
  const precision = grid === 0 ? "floats" : "a grid";
  test(`dv_merge takes any sealed frames, or refuses them, with ${precision}`, (t) => {
    t.diagnostic(`seed ${SEED}`);
    const random = new Random(SEED + grid);
    let raw = new Raw(module, { grid });
    let refused = 0;
    for (let i = 0; i < ROUNDS / 4; i++) {
      const bytes = damaged(random, streamOf(random, grid));
      const what = `seed ${SEED}, round ${i}, bytes [${bytes}]`;
      const before = raw.state();
      let result: number;
      try {
        result = raw.merge(bytes);
        raw.check(result, what);
        if (result < 0) {
          refused++;
          assert.equal(raw.state(), before, `${what}: the state has changed`);
        }
        for (const id of IDS) {
          const text = new TextEncoder().encode(id);
          raw.check(raw.exports.dv_chain(raw.handle, raw.put(text), text.length), what);
          const time = NOW + random.below(1000) - 500;
          const high = time / 2 ** 32;
          raw.check(
            raw.exports.dv_vector_at(raw.handle, raw.put(text), text.length, time, high),
            what,
          );
        }
      } catch (error) {
        assert.fail(`${what}: ${error instanceof Error ? error.stack : error}`);
      }
      if (i % 50 === 0) {
        // What was taken another takes, too, and is then in the same state.
        const copy = new Raw(module, { replica: 99, grid });
        const all = raw.since();
        copy.check(copy.merge(all), `${what}: all of it`);
        assert.equal(copy.state(), raw.state(), `${what}: the state of a copy`);
        raw = random.below(4) === 0 ? new Raw(module, { grid }) : raw;
      }
    }
    t.diagnostic(`${refused} refused`);
    assert.ok(refused > ROUNDS / 40, `${refused} were refused`);
    assert.ok(refused < ROUNDS / 4 - ROUNDS / 40, `${refused} were refused`);
  });
}

test("dv_since takes any sealed cursor, or refuses it", (t) => {
  t.diagnostic(`seed ${SEED}`);
  const random = new Random(SEED);
  const raw = new Raw(module);
  for (let i = 0; i < 20; i++) {
    raw.merge(streamOf(random, 0));
  }
  assert.equal(raw.exports.dv_cursor(raw.handle), 0);
  const cursor = raw.output();
  const state = raw.state();
  for (let i = 0; i < ROUNDS / 4; i++) {
    let bytes = cursor.slice();
    for (let n = random.below(3); n >= 0; n--) {
      bytes[4 + random.below(bytes.length - 8)] = [0, 1, 127, 128, 255, random.bits()][
        random.below(6)
      ];
    }
    if (random.below(3) === 0) {
      bytes = bytes.slice(0, 8 + random.below(bytes.length - 7));
    }
    const end = bytes.length - 4;
    new DataView(bytes.buffer).setUint32(end, crc32c(bytes.subarray(0, end)), true);
    const what = `seed ${SEED}, round ${i}, cursor [${bytes}]`;
    try {
      const result = raw.exports.dv_since(raw.handle, raw.put(bytes), bytes.length);
      raw.check(result, what);
      if (result === 0) {
        const copy = new Raw(module, { replica: 99 });
        const merged = copy.merge(raw.output());
        copy.check(merged, what);
        assert.ok(merged >= 0, what);
      }
    } catch (error) {
      assert.fail(`${what}: ${error}`);
    }
    assert.equal(raw.state(), state, what);
  }
});

test("a stream that says it is large asks for no more memory than it has bytes", () => {
  const raw = new Raw(module);
  const frame = seal(
    // sparse, identified: an id of one letter, the delta's id, 4,294,967,295 indices
    Uint8Array.of(...new Array(8).fill(0), 10, 1, 97, ...new Array(16).fill(1), ...HUGE),
  );
  const runs = seal(
    // runs: one of 4,294,967,295 indices
    Uint8Array.of(...new Array(8).fill(0), 15, 1, 97, ...new Array(16).fill(1), 1, 0, ...HUGE),
  );
  const { buffer } = raw.exports.memory;
  const before = buffer.byteLength;
  for (const bytes of [frame, runs]) {
    bytes[8] |= 64; // sealed
    assert.equal(codeOf(-raw.merge(seal(bytes))), "CORRUPT_DATA");
  }
  assert.equal(raw.exports.memory.buffer.byteLength, before);
});
