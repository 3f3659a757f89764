/**
 * Measures the kernels: `npm run bench:kernels [-- dimensions]` in the root, 384 dimensions by default. Prints nanoseconds a
 * row, the lower quartile of many rounds. Batches of 16 rows are hot (32 rows), near (10,000 rows, about what a small database
 * has) or cold (rows all over 512 MiB, a miss in every cache for each line).
 */
import { alone } from "./kernels-alone.ts";
import { random } from "./support.ts";

const dimensions = Number(process.argv[2] ?? 384);
const codes = Math.ceil(dimensions / 32) * 32;
const ROUNDS = 15;
const CALLS = 2000;
const BATCH = 16;
const MIB = 1 << 20;

const memory = new WebAssembly.Memory({ initial: 513 * 16, maximum: 65535 });
const floats = alone("kernels.wat", memory);
const plain = alone("codes.wat", memory);
const mixed = alone("codes.wat", memory);
const relaxed = alone("relaxed.wat", memory);
mixed.kernels.set(0, relaxed.codeDotBatch);
mixed.kernels.set(1, relaxed.codeDotBatch4);

// The first MiB: a row of floats, a center, a query, a list of rows, results.
const ROW = 64;
const CENTER = ROW + 4 * codes;
const QUERY = CENTER + 4 * codes;
const OUT = QUERY + 4 * codes + 64;
const LIST = OUT + 4 * BATCH + 64;
const next = random(1);
/** Roughly normal, so that encoding with 4 bits has the choice of clipping. */
const normal = () => Array.from({ length: 12 }, next).reduce((a, b) => a + b) - 6;
new Float32Array(memory.buffer, ROW, dimensions).set(Array.from({ length: dimensions }, normal));
// Rows of anything are all right, as long as no float is slow: bytes of 8-bit codes, zeros for the rest.
new Uint8Array(memory.buffer, MIB).fill(65);
plain.encodeQuery(ROW, 1, CENTER, codes, QUERY, OUT);

/** Puts addresses of rows of so many bytes, taken at random from `span` rows, into the list. */
function listRows(bytes: number, span: number): void {
  const stride = Math.ceil(bytes / 16) * 16;
  const rows = Math.min(span, Math.floor((512 * MIB) / stride));
  const list = new Uint32Array(memory.buffer, LIST, BATCH * CALLS);
  for (let i = 0; i < list.length; i++) list[i] = MIB + stride * Math.floor(next() * rows);
}

/** Lower quartile of the nanoseconds that a run takes. */
function quartile(times: readonly number[]): number {
  return [...times].sort((a, b) => a - b)[times.length >> 2] as number;
}

/** Nanoseconds of one of `n` things that a run does. */
function time(n: number, run: () => void): number {
  const start = process.hrtime.bigint();
  run();
  return Number(process.hrtime.bigint() - start) / n;
}

const batches: readonly [string, number, (list: number) => void][] = [
  ["float", 4 * codes, (list) => floats.dotBatch(ROW, list, BATCH, codes, OUT)],
  ["8 bit, plain", codes, (list) => plain.codeDotBatch(QUERY, list, BATCH, codes, OUT)],
  ["8 bit, relaxed", codes, (list) => mixed.codeDotBatch(QUERY, list, BATCH, codes, OUT)],
  ["4 bit, plain", codes / 2, (list) => plain.codeDotBatch4(QUERY, list, BATCH, codes, OUT)],
  ["4 bit, relaxed", codes / 2, (list) => mixed.codeDotBatch4(QUERY, list, BATCH, codes, OUT)],
];
const PLACES: readonly [string, number][] = [
  ["hot", 32],
  ["near", 10_000],
  ["cold", Number.POSITIVE_INFINITY],
];
const table: Record<string, Record<string, string>> = {};
for (const [place, span] of PLACES) {
  const times = batches.map(() => [] as number[]);
  for (let round = 0; round < ROUNDS; round++) {
    batches.forEach(([, bytes, call], which) => {
      listRows(bytes, span);
      const run = () => {
        for (let i = 0; i < CALLS; i++) call(LIST + 4 * BATCH * i);
      };
      times[which]?.push(time(CALLS * BATCH, run));
    });
  }
  batches.forEach(([name], which) => {
    table[name] ??= {};
    table[name][place] = quartile(times[which] as number[]).toFixed(1);
  });
}
console.log(`${dimensions} dimensions, nanoseconds a row in batches of ${BATCH}`);
console.table(table);

const CODES = MIB;
const singles: readonly [string, () => void][] = [
  ["encode", () => plain.encode(ROW, 1, CENTER, codes, CODES, OUT)],
  ["encode4", () => plain.encode4(ROW, 1, CENTER, codes, dimensions, CODES, OUT)],
  ["encodeQuery", () => plain.encodeQuery(ROW, 1, CENTER, codes, QUERY, OUT)],
  ["queryOfCodes", () => plain.queryOfCodes(CODES, codes, QUERY)],
  ["queryOfCodes4", () => plain.queryOfCodes4(CODES, codes, QUERY)],
  ["table, own kernel", () => plain.codeDotBatch(QUERY, LIST, 0, codes, OUT)],
  ["table, other instance", () => mixed.codeDotBatch(QUERY, LIST, 0, codes, OUT)],
  ["other instance called directly", () => relaxed.codeDotBatch(QUERY, LIST, 0, codes, OUT)],
];
console.log("nanoseconds a call from JavaScript");
const perCall: Record<string, string> = {};
for (const [name, call] of singles) {
  const times = Array.from({ length: ROUNDS }, () =>
    time(5000, () => {
      for (let i = 0; i < 5000; i++) call();
    }),
  );
  perCall[name] = quartile(times).toFixed(1);
}
console.table(perCall);
