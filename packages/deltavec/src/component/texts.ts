import { readUtf8, writeUtf8 } from "../text.ts";

// What the build has jco's glue call (`scripts/component.ts`) in place of a view on the memory for each text and each list: these
// took more time than what they are for.

/** A memory with views on all of it. */
export interface ViewedMemory {
  readonly bytes: Uint8Array;
  readonly floats: Float32Array;
  readonly words: Uint32Array;
}

/** Reads a text. A byte order mark is a part of it, as of any id. */
export function readText({ bytes }: ViewedMemory, address: number, length: number): string {
  return readUtf8(bytes, address >>> 0, length);
}

/** Writes a text, for which there is as much room as it takes. */
export function writeText(text: string, { bytes }: ViewedMemory, address: number): void {
  writeUtf8(bytes, address >>> 0, text);
}

/** Writes the bytes of an array, or of whatever has a buffer, or of a buffer. */
export function writeArray(
  values: ArrayBufferView | ArrayBuffer,
  { bytes, floats, words }: ViewedMemory,
  address: number,
  length: number,
): void {
  const at = address >>> 0;
  const fits = at % 4 === 0 && values.byteLength === length;
  if (fits && values instanceof Float32Array) {
    floats.set(values, at / 4);
  } else if (fits && values instanceof Uint32Array) {
    words.set(values, at / 4);
  } else {
    const { buffer = values, byteOffset } = values as ArrayBufferView;
    bytes.set(new Uint8Array(buffer as ArrayBuffer, byteOffset, length), at);
  }
}
