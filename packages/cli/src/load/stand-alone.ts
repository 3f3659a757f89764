import { crc32c } from "../../../deltavec/src/crc32c.ts";
import { HEADER_BYTES, IDENTIFIED, METADATA, TIMED } from "../../../deltavec/src/frame.ts";
import type { ReadFrame } from "../files/frames.ts";

const UTF8 = new TextEncoder();

/**
 * Writes an identified or linked frame so that it stands alone (docs/format.md). O(bytes)
 *
 * @param frame - what was read
 * @param bytes - the frame as it was
 * @param payload - bytes of its operation
 */
export function standAlone(
  frame: ReadFrame,
  bytes: Uint8Array,
  payload: Uint8Array,
): Uint8Array<ArrayBuffer> {
  const kind = bytes[8]!;
  const id = UTF8.encode(frame.vectorId);
  const patch = frame.metadata === undefined ? undefined : UTF8.encode(frame.metadata);
  const parts = [
    varint(id.length),
    id,
    little(frame.time!, 6),
    little(frame.sequence!, 4),
    little(frame.replica!, 6),
    payload,
    ...(patch === undefined ? [] : [varint(patch.length), patch]),
  ];
  const length = parts.reduce((sum, part) => sum + part.length, HEADER_BYTES);
  const out = new Uint8Array(length);
  out[8] = (kind & ~(IDENTIFIED | TIMED | METADATA)) | IDENTIFIED | (patch ? METADATA : 0);
  let at = HEADER_BYTES;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  const view = new DataView(out.buffer);
  view.setUint32(0, (length | (bytes[3]! << 24)) >>> 0, true);
  view.setUint32(4, crc32c(out, 8), true);
  return out;
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) {
      bytes.push(rest);
      return bytes;
    }
    bytes.push((rest % 128) + 128);
  }
}

function little(value: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => Math.floor(value / 256 ** i) % 256);
}
