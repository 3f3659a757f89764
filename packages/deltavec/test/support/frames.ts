import type { FrameTarget } from "../../src/frame.ts";

/** A block of plain bytes to write frames to, dirty where nothing was written. It moves whenever it grows. */
export class PlainBlock implements FrameTarget {
  bytes: Uint8Array = new Uint8Array(0);
  floats: Float32Array = new Float32Array(0);
  view: DataView = new DataView(new ArrayBuffer(0));
  input = 0;
  inputBytes = 0;

  constructor(bytes: number) {
    this.grow(bytes, 0);
  }

  grow(bytes: number, used: number): void {
    const kept = this.bytes.slice(this.input, this.input + used);
    const input = 64 + (this.input % 512);
    const buffer = new ArrayBuffer(Math.ceil((input + bytes) / 8) * 8);
    this.bytes = new Uint8Array(buffer).fill(0xee);
    this.floats = new Float32Array(buffer);
    this.view = new DataView(buffer);
    this.input = input;
    this.inputBytes = bytes;
    this.bytes.set(kept, input);
  }
}

/** A frame, read. */
export interface Frame {
  readonly kind: number;
  readonly id: string;
  readonly time: number | undefined;
  readonly indices: readonly number[];
  readonly floats: readonly number[];
  readonly metadata: string | undefined;
}

/** Reads the frames that fill some bytes, plainly, after docs/format.md. Trusts nothing. */
export function readFrames(bytes: Uint8Array): Frame[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const frames: Frame[] = [];
  for (let start = 0; start < bytes.length; ) {
    const length = view.getUint16(start, true) | (view.getUint8(start + 2) << 16);
    if (length < 11 || start + length > bytes.length) {
      throw new Error(`length ${length} at ${start}`);
    }
    frames.push(readFrame(new DataView(view.buffer, view.byteOffset + start, length)));
    start += length;
  }
  return frames;
}

function readFrame(view: DataView): Frame {
  let at = 9;
  const varint = (): number => {
    let value = 0;
    let factor = 1;
    for (;;) {
      const byte = view.getUint8(at++);
      value += (byte & 127) * factor;
      factor *= 128;
      if (byte < 128) {
        if (byte === 0 && factor > 128) {
          throw new Error("a varint is longer than needed");
        }
        return value;
      }
    }
  };
  const text = (length: number): string => {
    const part = new Uint8Array(view.buffer, view.byteOffset + at, length);
    at += length;
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(part);
  };
  const list = (length: number): number[] =>
    Array.from({ length }, () => {
      at += 4;
      return view.getFloat32(at - 4, true);
    });
  if (view.getUint8(3) !== 1 || view.getUint32(4, true) !== 0) {
    throw new Error("version or checksum");
  }
  const kind = view.getUint8(8);
  const id = text(varint());
  let time: number | undefined;
  if ((kind & 16) !== 0) {
    time = view.getUint32(at, true) + view.getUint16(at + 4, true) * 2 ** 32;
    at += 6;
  }
  const indices: number[] = [];
  let floats: number[] = [];
  switch (kind & 7) {
    case 1:
    case 3:
      floats = list(varint());
      break;
    case 2: {
      const count = varint();
      for (let i = 0, least = 0; i < count; i++) {
        indices.push(least + varint());
        least = indices[i] + 1;
      }
      floats = list(count);
      break;
    }
    case 7: {
      const runs = varint();
      for (let i = 0, least = 0; i < runs; i++) {
        const first = least + varint();
        least = first + 1 + varint();
        for (let index = first; index < least; index++) {
          indices.push(index);
        }
      }
      floats = list(indices.length);
      break;
    }
    case 4:
    case 5:
      floats = list(1);
  }
  const metadata = (kind & 32) !== 0 ? text(varint()) : undefined;
  if (at !== view.byteLength) {
    throw new Error(`${view.byteLength - at} bytes are left over`);
  }
  return { kind: kind & ~(16 | 32), id, time, indices, floats, metadata };
}
