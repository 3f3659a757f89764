// The text form of delta ids.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { DeltaIdFormatter } from "../src/delta-id.ts";

const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/** The text of 128 bits, digit by digit. */
function reference(time: number, sequence: number, replicaId: string): string {
  let bits = (BigInt(time) << 80n) | (BigInt(sequence) << 48n) | BigInt(`0x${replicaId}`);
  let text = "";
  for (let i = 0; i < 26; i++) {
    text = ALPHABET[Number(bits & 31n)] + text;
    bits >>= 5n;
  }
  return text;
}

function format(ids: DeltaIdFormatter, time: number, sequence: number): string {
  return ids.format(time % 2 ** 32, Math.floor(time / 2 ** 32), sequence);
}

test("known ids", () => {
  const zero = new DeltaIdFormatter("000000000000");
  assert.equal(format(zero, 0, 0), "00000000000000000000000000");
  const full = new DeltaIdFormatter("ffffffffffff");
  assert.equal(format(full, 2 ** 48 - 1, 2 ** 32 - 1), "7ZZZZZZZZZZZZZZZZZZZZZZZZZ");
  // The time of the example in the ULID specification.
  const other = new DeltaIdFormatter("000000000001");
  assert.equal(format(other, 1_469_918_176_385, 1), "01ARYZ6S410000008000000001");
});

test("ids are the base32 of time, sequence and replica", () => {
  const replica = fc.nat(2 ** 48 - 1).map((bits) => bits.toString(16).padStart(12, "0"));
  const stamps = fc.array(
    fc.tuple(
      fc.oneof(fc.constant(1_700_000_000_000), fc.nat(2 ** 48 - 1)),
      fc.oneof(fc.nat(2 ** 14), fc.nat(2 ** 32 - 1)),
    ),
    { minLength: 1, maxLength: 20 },
  );
  fc.assert(
    fc.property(replica, stamps, (replicaId, list) => {
      const ids = new DeltaIdFormatter(replicaId);
      for (const [time, sequence] of list) {
        assert.equal(format(ids, time, sequence), reference(time, sequence, replicaId));
      }
    }),
  );
});

test("ids sort by time, then by sequence", () => {
  const ids = new DeltaIdFormatter("fedcba987654");
  const sorted = [
    [1, 5],
    [2, 0],
    [2, 1],
    [2, 3],
    [2, 4],
    [2, 4095],
    [2, 4096],
    [2, 2 ** 31],
    [2, 2 ** 32 - 1],
    [2 ** 32 - 1, 0],
    [2 ** 32, 0],
  ].map(([time, sequence]) => format(ids, time, sequence));
  assert.deepEqual([...sorted].sort(), sorted);
});
