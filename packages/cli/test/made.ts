import type { VectorDelta } from "deltavec";
import { crc32c } from "../../deltavec/src/crc32c.ts";
import { FrameWriter } from "../../deltavec/src/frame.ts";
import {
  APPLY,
  CLOSE,
  type LogRecord,
  MARK,
  makeRecord,
  NO_MARK,
  OPEN,
  writeOpen,
  writeSegmentHeader,
  writeSnapshotHeader,
} from "../../deltavec/src/storage/log.ts";
import { FORM, PlainTarget } from "../src/bench/plain-target.ts";

/** The number of all databases that are made here. */
export const DATABASE = Uint8Array.from({ length: 16 }, (_, i) => 16 * i + i);
/** Their replica. */
export const REPLICA = "0123456789ab";
/** When all was written: 2026-01-02 03:04:05.678 UTC. */
export const CLOCK = Date.UTC(2026, 0, 2, 3, 4, 5, 678);

/** Local frames of deltas, as a log keeps them. */
export function localFrames(deltas: readonly VectorDelta[]): Uint8Array<ArrayBuffer> {
  const target = new PlainTarget();
  const writer = new FrameWriter(target, FORM);
  deltas.forEach((delta, i) => {
    writer.append(delta, i, undefined);
  });
  const from = writer.start;
  return target.bytes.slice(from, from + writer.length) as Uint8Array<ArrayBuffer>;
}

/** A record of a log that is being made. */
export type Made = Pick<LogRecord, "kind" | "count" | "payload"> & {
  /** Own deltas that it issues. */
  readonly issued: number;
};

/** A record that opens the log. */
export function opened(replica = REPLICA): Made {
  const payload = writeOpen({ replica, options: { dimensions: 4, metric: "cosine" } });
  return { kind: OPEN, count: 0, issued: 0, payload };
}

/** A record of applied deltas. */
export function applied(...deltas: VectorDelta[]): Made {
  const count = deltas.length;
  return { kind: APPLY, count, issued: count, payload: localFrames(deltas) };
}

/** A record that closes the log. */
export function closed(): Made {
  return { kind: CLOSE, count: 0, issued: 0, payload: new Uint8Array(0) };
}

/** A record of a mark. */
export function marked(mark: bigint): Made {
  const payload = new Uint8Array(8);
  new DataView(payload.buffer).setBigInt64(0, mark, true);
  return { kind: MARK, count: 0, issued: 0, payload };
}

/** A creation of a vector of four values. */
export function created(vectorId: string, metadata?: Record<string, unknown>): VectorDelta {
  const vector = Float32Array.of(0.25, -1, 2 / 3, 4);
  return { vectorId, operation: { type: "create", vector }, ...(metadata && { metadata }) };
}

/** A change of two values. */
export function changed(vectorId: string): VectorDelta {
  const operation = {
    type: "sparse",
    indices: Uint32Array.of(1, 3),
    values: Float32Array.of(0.5, 8),
  } as const;
  return { vectorId, operation };
}

/** A segment of a log: its header and its records. */
export function segment(
  records: readonly Made[],
  first = 1,
  sequence = 0,
  unsure = 0,
): Uint8Array[] {
  let issued = sequence;
  return [
    writeSegmentHeader({ first, id: DATABASE, dimensions: 4 }),
    ...records.map(({ issued: more, ...rest }, i) => {
      issued += more;
      return makeRecord({ ...rest, number: first + i, clock: CLOCK + i, sequence: issued, unsure });
    }),
  ];
}

/** A section of a snapshot. */
export function section(kind: number, payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(16 + payload.length);
  const view = new DataView(bytes.buffer);
  bytes.set([0x44, 0x56, 0x53, 0x31, kind]);
  view.setUint32(8, payload.length, true);
  bytes.set(payload, 16);
  view.setUint32(12, crc32c(payload, 0, payload.length, crc32c(bytes, 4, 12)), true);
  return bytes;
}

/** The head of a snapshot without vectors. */
export function head(): Uint8Array {
  const payload = new Uint8Array(88);
  const view = new DataView(payload.buffer);
  view.setUint32(0, 1, true);
  view.setUint32(8, 4, true);
  return payload;
}

/** The last section behind others. */
export function end(sections: readonly Uint8Array[]): Uint8Array {
  const payload = new Uint8Array(8);
  const view = new DataView(payload.buffer);
  let sums = 0;
  for (const bytes of sections) {
    const sum = new DataView(bytes.buffer, bytes.byteOffset).getUint32(12, true);
    sums = ((sums << 1) | (sums >>> 31)) ^ sum;
  }
  view.setUint32(0, sections.length, true);
  view.setUint32(4, sums, true);
  return section(9, payload);
}

/** The header of a snapshot file. */
export function snapshotHeader(records: number, builtOn?: number, mark = NO_MARK): Uint8Array {
  return writeSnapshotHeader({ records, id: DATABASE, builtOn, mark });
}
