import type { VectorDelta } from "deltavec";
import { FrameWriter, HEADER_BYTES, IDENTIFIED } from "../../../deltavec/src/frame.ts";
import { FORM, PlainTarget } from "./plain-target.ts";

/** Who issued a delta and when: what makes its id. */
export interface Issued {
  /** Unix milliseconds. */
  readonly time: number;
  readonly sequence: number;
  /** A number of 48 bits. */
  readonly replica: number;
}

/** Bytes of a delta's id; `docs/format.md` describes the frame. */
const ID_BYTES = 16;
/** Flag: the checksum is set. */
const SEALED = 64;

/** Writes deltas of other replicas as frames that stand alone, so that they can be put in any order. */
export class SealedFrameWriter {
  readonly #target = new PlainTarget();
  readonly #writer = new FrameWriter(this.#target, FORM);

  /**
   * A delta as a frame with its id and its checksum.
   *
   * @param delta - without a timestamp, with an ASCII id of at most 127 characters
   */
  write(delta: VectorDelta, { time, sequence, replica }: Issued): Uint8Array {
    this.#writer.begin();
    this.#writer.append(delta, -1, undefined);
    const start = this.#writer.start;
    const plain = this.#target.bytes.subarray(start, start + this.#writer.length);
    const behindId = HEADER_BYTES + 1 + plain[HEADER_BYTES]!;
    const frame = new Uint8Array(plain.length + ID_BYTES);
    frame.set(plain.subarray(0, behindId));
    frame.set(plain.subarray(behindId), behindId + ID_BYTES);
    const view = new DataView(frame.buffer);
    view.setUint32(behindId, time, true);
    view.setUint16(behindId + 4, time / 2 ** 32, true);
    view.setUint32(behindId + 6, sequence, true);
    view.setUint32(behindId + 10, replica, true);
    view.setUint16(behindId + 14, replica / 2 ** 32, true);
    view.setUint32(0, frame.length | (plain[3]! << 24), true);
    frame[8] = plain[8]! | IDENTIFIED | SEALED;
    view.setUint32(4, crc32c(frame.subarray(8)), true);
    return frame;
  }
}

/** Byte arrays one behind the other. */
export function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

const POLYNOMIAL = 0x82f63b78; // Castagnoli's, bits reversed
const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) {
    crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
  }
  return crc;
});

/** CRC-32C (RFC 3720, appendix B.4). */
export function crc32c(bytes: Uint8Array): number {
  let crc = -1;
  for (const byte of bytes) {
    crc = (crc >>> 8) ^ TABLE[(crc ^ byte) & 0xff]!;
  }
  return ~crc >>> 0;
}
