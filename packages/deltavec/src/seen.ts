import { crc32c } from "./crc32c.ts";

/** The largest sequence number. */
const MOST = 0xffff_ffff;

/** Bytes of a stream without deltas: its start. */
export const START_BYTES = 9;

/**
 * Takes a cursor of a database (docs/format.md) apart.
 *
 * @returns the last sequence number of its replica, and what makes a cursor of one that lacks only some of its deltas:
 * those behind a number, up to another. Of what this database has not seen yet it lacks only replicas that are new
 */
export function split(
  cursor: Uint8Array,
  replica: string,
): { last: number; others: (from: number, to: number) => Uint8Array<ArrayBuffer> } {
  const own = Uint8Array.from(replica.match(/../g) ?? [], (digits) => Number.parseInt(digits, 16));
  own.reverse(); // little-endian
  let at = 4;
  const varint = (): number => {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = cursor[at++]!;
      value += (byte & 127) * factor;
      if (byte < 128) {
        return value;
      }
    }
  };
  let last = 0;
  const kept: number[] = [];
  let replicas = 0;
  for (let left = varint(); left > 0; left--) {
    const start = at;
    const isOwn = own.every((byte, i) => cursor[start + i] === byte);
    at += 6;
    let number = 0;
    for (let intervals = varint(); intervals > 0; intervals--) {
      number += varint();
      number += varint();
    }
    if (isOwn) {
      last = number;
    } else {
      replicas++;
      // What comes from there meanwhile is not asked for, either.
      kept.push(...cursor.subarray(start, start + 6), 1, 1, ...toVarint(MOST - 1));
    }
  }
  return {
    last,
    others(from, to) {
      const bytes = [...cursor.subarray(0, 4), ...toVarint(replicas + 1), ...kept, ...own];
      const before = from === 0 ? [] : [1, from - 1];
      const behind = to === MOST ? [] : [to + 1 - from, MOST - to - 1];
      const numbers = [...before, ...behind];
      bytes.push(...toVarint(numbers.length / 2), ...numbers.flatMap(toVarint));
      const result = new Uint8Array(bytes.length + 4);
      result.set(bytes);
      new DataView(result.buffer).setUint32(bytes.length, crc32c(result, 0, bytes.length), true);
      return result;
    },
  };
}

function toVarint(value: number): number[] {
  const bytes: number[] = [];
  let left = value;
  for (; left >= 128; left = Math.floor(left / 128)) {
    bytes.push((left % 128) | 128);
  }
  bytes.push(left);
  return bytes;
}
