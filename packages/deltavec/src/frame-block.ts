import { DeltaError } from "./errors.ts";
import type { FrameTarget } from "./frame.ts";

const FIRST_BYTES = 4096;
/** A block of at least so many bytes that is full to the half is given away whole, not copied. */
const COPIED_BYTES = 65_536;

/** Where frames that are to be posted are written, those of one call behind those of another. */
export class FrameBlock implements FrameTarget {
  bytes!: Uint8Array<ArrayBuffer>;
  floats!: Float32Array;
  view!: DataView;
  input = 0;

  constructor() {
    this.#use(new ArrayBuffer(FIRST_BYTES));
  }

  get inputBytes(): number {
    return this.bytes.length - this.input;
  }

  grow(bytes: number, used: number): void {
    const wanted = Math.max(2 * this.bytes.length, 8 * Math.ceil((this.input + bytes) / 8));
    let larger: ArrayBuffer;
    try {
      larger = new ArrayBuffer(wanted);
    } catch (cause) {
      throw new DeltaError("OUT_OF_MEMORY", `no memory for ${wanted} bytes of deltas`, { cause });
    }
    new Uint8Array(larger).set(this.bytes.subarray(0, this.input + used));
    this.#use(larger);
  }

  /** Keeps what was written up to an index; the next frames are written behind it. */
  keep(end: number): void {
    this.input = (end + 3) & ~3;
  }

  /** Gives away all that was kept, and begins anew. */
  take(): ArrayBuffer | undefined {
    const used = this.input;
    if (used === 0) {
      return undefined;
    }
    this.input = 0;
    const { buffer } = this.bytes;
    if (used < COPIED_BYTES || 2 * used < this.bytes.length) {
      return buffer.slice(0, used);
    }
    this.#use(new ArrayBuffer(FIRST_BYTES));
    return buffer;
  }

  #use(buffer: ArrayBuffer): void {
    this.bytes = new Uint8Array(buffer);
    this.floats = new Float32Array(buffer);
    this.view = new DataView(buffer);
  }
}
