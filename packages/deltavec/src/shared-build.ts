import { joined } from "./joined.ts";

/** Kinds of sections of a module that matter here, and of what is imported. */
const TYPE_SECTION = 1;
const IMPORT_SECTION = 2;
const MEMORY_SECTION = 5;
const MEMORY = 2;

/** Flags of a memory's limits. */
const HAS_MAXIMUM = 1;
const SHARED = 3;

const HEADER_BYTES = 8;

/** Pages of 64 KiB that a memory of ours may have: one less than 4 GiB. */
export const MOST_PAGES = 65_535;

/**
 * Makes the shared build of a module of ours: the memory that it defines, or imports, becomes the import of a shared one,
 * `deltavec.memory`. Code stays as it is: plain loads and stores may be used on shared memory. A module has one memory, and no
 * import but a memory.
 *
 * @param module - the bytes of `deltavec.wasm` or `relaxed.wasm`, which engines have accepted
 * @returns undefined if the bytes are not such a module
 */
export function sharedBuild(module: Uint8Array): Uint8Array<ArrayBuffer> | undefined {
  const sections: Uint8Array[] = [];
  let limits: Limits | undefined;
  let place = 0;
  const reader = new Reader(module, HEADER_BYTES);
  while (reader.at < module.length) {
    const start = reader.at;
    const kind = module[reader.at++];
    const length = reader.number();
    const end = reader.at + length;
    if (end > module.length) {
      return undefined;
    }
    if (kind === MEMORY_SECTION || kind === IMPORT_SECTION) {
      const count = reader.number();
      if (kind === IMPORT_SECTION) {
        reader.skipName();
        reader.skipName();
      }
      if (count !== 1 || limits || (kind === IMPORT_SECTION && module[reader.at++] !== MEMORY)) {
        return undefined;
      }
      limits = reader.limits();
    } else {
      sections.push(module.subarray(start, end));
    }
    if (kind <= TYPE_SECTION) {
      place = sections.length;
    }
    reader.at = end;
  }
  if (limits === undefined) {
    return undefined;
  }
  const { initial, maximum } = limits;
  const name = (text: string) => [text.length, ...[...text].map((c) => c.charCodeAt(0))];
  const content = [1, ...name("deltavec"), ...name("memory"), MEMORY, SHARED];
  content.push(...varint(initial), ...varint(maximum));
  sections.splice(place, 0, Uint8Array.of(IMPORT_SECTION, ...varint(content.length), ...content));
  sections.unshift(module.subarray(0, HEADER_BYTES));
  return joined(sections);
}

interface Limits {
  readonly initial: number;
  readonly maximum: number;
}

/** Reads what a module is made of. */
class Reader {
  readonly #bytes: Uint8Array;
  at: number;

  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes;
    this.at = at;
  }

  /** Reads LEB128. */
  number(): number {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.#bytes[this.at++];
      value += (byte & 127) * 2 ** shift;
      if (!(byte & 128)) {
        return value;
      }
    }
  }

  skipName(): void {
    const length = this.number();
    this.at += length;
  }

  limits(): Limits {
    const flags = this.number();
    const initial = this.number();
    return { initial, maximum: (flags & HAS_MAXIMUM) !== 0 ? this.number() : MOST_PAGES };
  }
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) {
    bytes.push((rest & 127) | 128);
  }
  bytes.push(rest);
  return bytes;
}
