import { DeltaError } from "./errors.ts";
import type { FrameTarget } from "./frame.ts";

/** A growing block of memory of its own, to write frames to. */
export class Block implements FrameTarget {
  bytes: Uint8Array<ArrayBuffer>;
  floats: Float32Array;
  view: DataView;
  readonly input = 0;
  inputBytes: number;

  /**
   * @param bytes - room at first
   * @throws DeltaError OUT_OF_MEMORY
   */
  constructor(bytes: number) {
    let buffer: ArrayBuffer;
    try {
      buffer = new ArrayBuffer(4 * Math.ceil(bytes / 4));
    } catch (cause) {
      throw new DeltaError("OUT_OF_MEMORY", `no memory for frames of ${bytes} bytes`, { cause });
    }
    this.bytes = new Uint8Array(buffer);
    this.floats = new Float32Array(buffer);
    this.view = new DataView(buffer);
    this.inputBytes = buffer.byteLength;
  }

  grow(bytes: number, used: number): void {
    const kept = this.bytes;
    Object.assign(this, new Block(Math.max(bytes, 2 * kept.length)));
    this.bytes.set(kept.subarray(0, used));
  }
}
