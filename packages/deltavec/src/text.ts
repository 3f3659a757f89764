let encoder: TextEncoder | undefined;
let decoder: TextDecoder | undefined;

/** Up to this many bytes of ASCII are turned into text here, faster than by TextDecoder. */
const SHORT = 96;
const units: number[] = [];

/**
 * Writes well-formed text as UTF-8. Lone surrogates would become U+FFFD: the caller checks.
 *
 * @param bytes - where to, with room for 3 bytes for each of the text's UTF-16 units
 * @param at - index of the first byte
 * @returns number of bytes written; equal to the text's length exactly if the text is ASCII. O(length)
 */
export function writeUtf8(bytes: Uint8Array, at: number, text: string): number {
  const length = text.length;
  for (let i = 0; i < length; i++) {
    const unit = text.charCodeAt(i);
    if (unit > 127) {
      encoder ??= new TextEncoder();
      if (!(bytes.buffer instanceof ArrayBuffer)) {
        const encoded = encoder.encode(text.slice(i)); // browsers write to no shared memory
        bytes.set(encoded, at + i);
        return i + encoded.length;
      }
      return i + encoder.encodeInto(text.slice(i), bytes.subarray(at + i)).written;
    }
    bytes[at + i] = unit;
  }
  return length;
}

/** Returns the text of well-formed UTF-8. O(length) */
export function readUtf8(bytes: Uint8Array, at: number, length: number): string {
  if (length <= SHORT) {
    let seen = 0;
    units.length = length;
    for (let i = 0; i < length; i++) {
      const byte = bytes[at + i];
      units[i] = byte;
      seen |= byte;
    }
    if (seen < 128) {
      return String.fromCharCode.apply(null, units);
    }
  }
  decoder ??= new TextDecoder("utf-8", { ignoreBOM: true });
  // Browsers read from no shared memory.
  const own = bytes.buffer instanceof ArrayBuffer;
  return decoder.decode(own ? bytes.subarray(at, at + length) : bytes.slice(at, at + length));
}
