import type { VectorDelta } from "deltavec";
import { type FrameForm, type FrameTarget, FrameWriter } from "../../../deltavec/src/frame.ts";

/** A block outside any database that frames are written to. */
export class PlainTarget implements FrameTarget {
  readonly input = 0;
  inputBytes = 0;
  bytes = new Uint8Array();
  floats = new Float32Array();
  view: DataView = new DataView(new ArrayBuffer(0));

  constructor() {
    this.grow(8192, 0);
  }

  grow(bytes: number, used: number): void {
    const buffer = new ArrayBuffer(Math.ceil(bytes / 4) * 4);
    const grown = new Uint8Array(buffer);
    grown.set(this.bytes.subarray(0, used));
    this.bytes = grown;
    this.floats = new Float32Array(buffer);
    this.view = new DataView(buffer);
    this.inputBytes = buffer.byteLength;
  }
}

/** How frames are written where no database says it. */
export const FORM: FrameForm = { compression: true, grid: 0 };

/** Bytes of a delta's frame. */
export function frameBytes(delta: VectorDelta): number {
  const writer = new FrameWriter(new PlainTarget(), FORM);
  writer.append(delta, -1, undefined);
  return writer.length;
}
