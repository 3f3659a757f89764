import { readUtf8, writeUtf8 } from "../text.ts";

// What stands for the platform's classes in jco's glue (`scripts/component.ts`): short texts of ASCII, as ids are, are read and
// written several times faster here.

/** The glue makes a decoder without options, which would take a byte order mark off an id that begins with one. */
class QuickDecoder {
  decode(bytes: Uint8Array): string {
    return readUtf8(bytes, 0, bytes.length);
  }
}

/** The glue gives it as many bytes as the text takes: as many as there are letters only if these are ASCII. */
class QuickEncoder {
  readonly #encoder = new TextEncoder();

  encodeInto(text: string, bytes: Uint8Array): { read: number; written: number } {
    return text.length === bytes.length
      ? { read: text.length, written: writeUtf8(bytes, 0, text) }
      : this.#encoder.encodeInto(text, bytes);
  }
}

export { QuickDecoder as TextDecoder, QuickEncoder as TextEncoder };
