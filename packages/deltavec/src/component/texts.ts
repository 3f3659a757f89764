import { readUtf8, writeUtf8 } from "../text.ts";

// What the build has jco's glue call (`scripts/component.ts`) in place of a view on the memory for each text and each list: these
// took more time than what they are for.

/** Views on a whole memory, made anew when it has grown or another one is used. */
let bytes = new Uint8Array(0);
let floats = new Float32Array(0);
let words = new Uint32Array(0);

function view(buffer: ArrayBuffer): void {
  bytes = new Uint8Array(buffer);
  floats = new Float32Array(buffer);
  words = new Uint32Array(buffer);
}

/** Reads a text. A byte order mark is a part of it, as of any id. */
export function readText(buffer: ArrayBuffer, address: number, length: number): string {
  if (bytes.buffer !== buffer) view(buffer);
  return readUtf8(bytes, address >>> 0, length);
}

/** Writes a text into as many bytes as it takes. */
export function writeText(
  text: string,
  buffer: ArrayBuffer,
  address: number,
  length: number,
): void {
  if (bytes.buffer !== buffer) view(buffer);
  if (text.length === length) {
    writeUtf8(bytes, address >>> 0, text);
  } else {
    const { written } = new TextEncoder().encodeInto(text, bytes.subarray(address >>> 0));
    if (written !== length) throw new TypeError("a text must be well-formed");
  }
}

/** Writes the bytes of an array, or of whatever has a buffer, or of a buffer. */
export function writeArray(
  values: ArrayBufferView | ArrayBuffer,
  buffer: ArrayBuffer,
  address: number,
  length: number,
): void {
  if (bytes.buffer !== buffer) view(buffer);
  const at = address >>> 0;
  if (values instanceof Float32Array && values.byteLength === length && at % 4 === 0) {
    floats.set(values, at / 4);
  } else if (values instanceof Uint32Array && values.byteLength === length && at % 4 === 0) {
    words.set(values, at / 4);
  } else {
    const { buffer: from = values, byteOffset } = values as ArrayBufferView;
    bytes.set(new Uint8Array(from as ArrayBuffer, byteOffset, length), at);
  }
}
