import { crc32c } from "../../../deltavec/src/crc32c.ts";
import { Damage, type FileSource, viewOf } from "./source.ts";
import { replicaText } from "./text.ts";

/** What a cursor says of one replica. */
export interface SeenReplica {
  /** 12 hexadecimal digits. */
  readonly replica: string;
  /** First and last sequence numbers that were seen, ascending. */
  readonly intervals: readonly (readonly [first: number, last: number])[];
}

/** Larger ones are not read: a cursor of a database that has seen everything has ten bytes a replica. */
export const MAX_CURSOR_BYTES = 4 << 20;

/**
 * Reads a cursor (docs/format.md).
 *
 * @throws Damage
 */
export function readCursor(source: FileSource): SeenReplica[] {
  const { size } = source;
  if (size > MAX_CURSOR_BYTES) {
    throw new Damage(0, `${size} bytes are too many for a cursor`);
  }
  const bytes = source.read(0, size);
  if (size < 9) {
    throw new Damage(0, "the cursor is cut off");
  }
  if (bytes[3] !== 1) {
    throw new Damage(3, `a cursor of version ${bytes[3]}; this release reads 1`);
  }
  const end = size - 4;
  if (viewOf(bytes).getUint32(end, true) !== crc32c(bytes, 0, end)) {
    throw new Damage(end, "the checksum does not fit");
  }
  let at = 4;
  const take = (count: number): number => {
    if (count > end - at) {
      throw new Damage(at, `${count} bytes do not fit`);
    }
    at += count;
    return at - count;
  };
  const varint = (): number => {
    let value = 0;
    for (let factor = 1; factor <= 2 ** 28; factor *= 128) {
      const byte = bytes[take(1)]!;
      value += (byte & 127) * factor;
      if (byte < 128) {
        if ((factor > 1 && byte === 0) || value > 0xffff_ffff) {
          break;
        }
        return value;
      }
    }
    throw new Damage(at - 1, "a number is not in its one form");
  };
  const replicas: SeenReplica[] = [];
  const known = new Set<number>();
  for (let left = varint(); left > 0; left--) {
    const view = viewOf(bytes);
    const from = take(6);
    const replica = view.getUint32(from, true) + view.getUint16(from + 4, true) * 2 ** 32;
    if (known.has(replica)) {
      throw new Damage(from, `replica ${replicaText(replica)} comes twice`);
    }
    known.add(replica);
    const intervals: [number, number][] = [];
    let last = 0;
    for (let i = varint(); i > 0; i--) {
      const first = last + varint();
      if (intervals.length > 0 && first < last + 2) {
        throw new Damage(at, "intervals are not apart");
      }
      last = first + varint();
      if (last > 0xffff_ffff) {
        throw new Damage(at, "a sequence number is over 32 bits");
      }
      intervals.push([first, last]);
    }
    replicas.push({ replica: replicaText(replica), intervals });
  }
  if (at !== end) {
    throw new Damage(at, `${end - at} bytes are left over`);
  }
  return replicas;
}
