import { crc32c } from "../../../deltavec/src/crc32c.ts";
import {
  CREATE,
  DELETE,
  DENSE,
  GRID,
  HEADER_BYTES,
  IDENTIFIED,
  MAX_ID_BYTES,
  METADATA,
  OFFSET,
  OPERATION_MASK,
  RUNS,
  SCALE,
  SEALED,
  SPARSE,
  TIME_LIMIT,
  TIMED,
  VERSION,
} from "../../../deltavec/src/frame.ts";
import { Damage, type FileSource, viewOf } from "./source.ts";

const START = 0;
const LINKED = IDENTIFIED | TIMED;
const MAX_GRID = 2 ** 20;
/** No database has more dimensions, so no operation more values. */
const MAX_VALUES = 65_536;
/** Patches up to so many bytes may be referred to. */
const MAX_SHARED_PATCH_BYTES = 256;
/** What linked frames may refer to is kept up to about so many bytes in all. */
const MAX_KNOWN = 1 << 28;

/** What a frame holds. */
export interface ReadFrame {
  /** `start` is no delta. */
  readonly operation: "start" | "create" | "sparse" | "dense" | "scale" | "offset" | "delete";
  readonly form: "local" | "identified" | "linked";
  readonly sealed: boolean;
  readonly vectorId: string;
  /** Unix milliseconds, given or of the delta's id. */
  readonly time?: number;
  /** Of the delta's id. */
  readonly sequence?: number;
  /** Of the delta's id, a number of 48 bits. */
  readonly replica?: number;
  /** Steps of the grid to 1. */
  readonly grid?: number;
  /** Of a sparse operation. */
  readonly indices?: Uint32Array;
  /** Values of the operation; on a grid those of all but `create` are added to what is there. */
  readonly values: Float32Array;
  /** The merge patch: the text of a JSON object. */
  readonly metadata?: string;
}

/** A frame and where it stands. */
export interface PlacedFrame {
  /** Index of its first byte in its file. */
  readonly at: number;
  readonly bytes: Uint8Array;
}

/**
 * Cuts a part of a file into frames.
 *
 * @param to - index behind the last byte
 * @throws Damage where there is no whole frame
 */
export function* cutFrames(source: FileSource, from: number, to: number): Generator<PlacedFrame> {
  for (let at = from; at < to; ) {
    const head = source.read(at, Math.min(HEADER_BYTES, to - at));
    if (head.length > 3 && head[3] !== VERSION) {
      throw new Damage(at, `a frame of version ${head[3]}; this release reads ${VERSION}`);
    }
    if (head.length < HEADER_BYTES) {
      throw new Damage(at, "a frame is cut off");
    }
    const length = head[0]! | (head[1]! << 8) | (head[2]! << 16);
    if (length < HEADER_BYTES) {
      throw new Damage(at, `a frame of ${length} bytes`);
    }
    const bytes = length <= to - at ? source.read(at, length) : head;
    if (bytes.length < length) {
      throw new Damage(at, `a frame of ${length} bytes is cut off: ${to - at} are left`);
    }
    yield { at, bytes };
    at += length;
  }
}

/** Which frames are taken. */
export type Door =
  /** Local frames, not sealed: what a log keeps of calls. */
  | "local"
  /** Identified frames, sealed or not: what history keeps. */
  | "history"
  /** Sealed frames of any form: what leaves a program. */
  | "stream";

/**
 * Decodes frames of all forms (docs/format.md), linked ones and those on a grid among them. Trusts nothing: every length is
 * checked before it is used.
 */
export class FrameDecoder {
  readonly #door: Door;
  #knownIds: string[] = [];
  #knownPatches: string[] = [];
  #replicas: { readonly replica: number; sequence: number }[] = [];
  #time = 0;
  #known = 0;
  #bytes = new Uint8Array(0);
  #view = viewOf(this.#bytes);
  #base = 0;
  #at = 0;
  #payload: Uint8Array = new Uint8Array(0);

  constructor(door: Door) {
    this.#door = door;
  }

  /** Bytes of the operation of the frame that was decoded last, and of its grid. */
  get payload(): Uint8Array {
    return this.#payload;
  }

  /**
   * Decodes a frame. O(its bytes)
   *
   * @throws Damage
   */
  decode({ at, bytes }: PlacedFrame): ReadFrame {
    this.#base = at;
    this.#bytes = bytes as Uint8Array<ArrayBuffer>;
    this.#view = viewOf(bytes);
    this.#at = HEADER_BYTES;
    const kind = bytes[8]!;
    const sealed = (kind & SEALED) !== 0;
    this.#checkSum(sealed);
    if ((kind & OPERATION_MASK) === START) {
      if (this.#door !== "stream" || kind !== SEALED || bytes.length !== HEADER_BYTES) {
        throw new Damage(at, `a frame with unknown operation or flags: ${kind}`);
      }
      this.#begin();
      return {
        operation: "start",
        form: "linked",
        sealed,
        vectorId: "",
        values: new Float32Array(0),
      };
    }
    const identified = (kind & IDENTIFIED) !== 0;
    if (this.#door === "local" && (identified || sealed || (kind & GRID) !== 0)) {
      throw new Damage(at, `no local frame: operation and flags ${kind}`);
    }
    if (this.#door === "history" && (kind & LINKED) !== IDENTIFIED) {
      throw new Damage(at, `no frame of history: operation and flags ${kind}`);
    }
    const form = !identified ? "local" : (kind & TIMED) !== 0 ? "linked" : "identified";
    const whose = form === "linked" ? this.#links() : this.#plain(identified, (kind & TIMED) !== 0);
    const payloadAt = this.#at;
    const what = this.#operation(kind);
    this.#payload = bytes.subarray(payloadAt, this.#at);
    const metadata = (kind & METADATA) === 0 ? undefined : this.#patch((kind & LINKED) === LINKED);
    if (this.#at !== bytes.length) {
      throw this.#damage(`${bytes.length - this.#at} bytes are left over in a frame`);
    }
    if (metadata !== undefined && what.operation === "delete") {
      throw this.#damage("a delete with metadata");
    }
    return { form, sealed, ...whose, ...what, ...(metadata !== undefined && { metadata }) };
  }

  #begin(): void {
    this.#knownIds = [];
    this.#knownPatches = [];
    this.#replicas = [];
    this.#time = 0;
    this.#known = 0;
  }

  #checkSum(sealed: boolean): void {
    const length = this.#view.getUint32(0, true);
    if (length !== ((VERSION << 24) | this.#bytes.length)) {
      throw new Damage(this.#base, "the length or the version of a frame does not fit");
    }
    const found = this.#view.getUint32(4, true);
    if (found !== (sealed ? crc32c(this.#bytes, 8) : 0)) {
      throw new Damage(this.#base, "the checksum of a frame does not fit");
    }
    if (!sealed && this.#door === "stream") {
      throw new Damage(this.#base, "a frame is not sealed");
    }
  }

  #plain(
    identified: boolean,
    timed: boolean,
  ): Pick<ReadFrame, "vectorId" | "time" | "sequence" | "replica"> {
    const vectorId = this.#id();
    if (identified) {
      const time = this.#get48();
      const at = this.#take(4);
      const sequence = this.#view.getUint32(at, true);
      return { vectorId, time, sequence, replica: this.#get48() };
    }
    return timed ? { vectorId, time: this.#get48() } : { vectorId };
  }

  #links(): Pick<ReadFrame, "vectorId" | "time" | "sequence" | "replica"> {
    const reference = this.#varint();
    let vectorId: string;
    if (reference === 0) {
      vectorId = this.#id();
      this.#know(vectorId);
      this.#knownIds.push(vectorId);
    } else if (reference <= this.#knownIds.length) {
      vectorId = this.#knownIds[reference - 1]!;
    } else {
      throw this.#damage(`a frame refers to id ${reference} of ${this.#knownIds.length}`);
    }
    const which = this.#varint();
    if (which === 0) {
      this.#know("");
      this.#replicas.push({ replica: this.#get48(), sequence: 0 });
    } else if (which > this.#replicas.length) {
      throw this.#damage(`a frame refers to replica ${which} of ${this.#replicas.length}`);
    }
    const known = this.#replicas[(which || this.#replicas.length) - 1]!;
    known.sequence = (known.sequence + 1 + unzigzag(this.#varint())) >>> 0;
    const step = this.#varlong();
    const time = BigInt(this.#time) + (step & 1n ? -(step >> 1n) - 1n : step >> 1n);
    if (time < 0n || time >= BigInt(TIME_LIMIT)) {
      throw this.#damage("a time has over 48 bits");
    }
    this.#time = Number(time);
    return { vectorId, time: this.#time, sequence: known.sequence, replica: known.replica };
  }

  #know(text: string): void {
    this.#known += 16 + text.length;
    if (this.#known > MAX_KNOWN) {
      throw this.#damage(`linked frames refer to more than the ${MAX_KNOWN} bytes that are kept`);
    }
  }

  #operation(kind: number): Pick<ReadFrame, "operation" | "grid" | "indices" | "values"> {
    let grid = 0;
    if ((kind & GRID) !== 0) {
      grid = this.#varint();
      if (grid < 1 || grid > MAX_GRID) {
        throw this.#damage(`a grid of ${grid}`);
      }
    }
    const on = grid === 0 ? {} : { grid };
    switch (kind & OPERATION_MASK) {
      case CREATE:
        return { operation: "create", ...on, values: this.#values(this.#count(), grid) };
      case DENSE:
        return { operation: "dense", ...on, values: this.#values(this.#count(), grid) };
      case SPARSE: {
        const indices = this.#gaps(this.#count());
        return { operation: "sparse", ...on, indices, values: this.#values(indices.length, grid) };
      }
      case RUNS: {
        const indices = this.#runs(this.#count());
        return { operation: "sparse", ...on, indices, values: this.#values(indices.length, grid) };
      }
      case SCALE:
        return { operation: "scale", ...on, values: this.#floats(1) };
      case OFFSET:
        return { operation: "offset", ...on, values: this.#floats(1) };
      case DELETE:
        if (grid !== 0) {
          throw this.#damage("a delete with a grid");
        }
        return { operation: "delete", values: new Float32Array(0) };
      default:
        throw this.#damage(`an unknown operation ${kind & OPERATION_MASK}`);
    }
  }

  #count(): number {
    const count = this.#varint();
    if (count > MAX_VALUES) {
      throw this.#damage(`${count} values, more than any database has dimensions`);
    }
    return count;
  }

  #gaps(count: number): Uint32Array {
    const indices = new Uint32Array(count);
    let least = 0;
    for (let i = 0; i < count; i++) {
      least += this.#varint();
      this.#checkIndex(least);
      indices[i] = least++;
    }
    return indices;
  }

  #runs(count: number): Uint32Array {
    const indices: number[] = [];
    let least = 0;
    for (let i = 0; i < count; i++) {
      least += this.#varint();
      const length = this.#varint() + 1;
      if (length + indices.length > MAX_VALUES) {
        throw this.#damage("more values than any database has dimensions");
      }
      this.#checkIndex(least + length - 1);
      for (let left = length; left > 0; left--) {
        indices.push(least++);
      }
    }
    return Uint32Array.from(indices);
  }

  #checkIndex(index: number): void {
    if (index > 0xffff_ffff) {
      throw this.#damage("an index is over 32 bits");
    }
  }

  #values(count: number, grid: number): Float32Array {
    if (grid === 0) {
      return this.#floats(count);
    }
    return count === 0
      ? new Float32Array(0)
      : Float32Array.from(this.#codes(count), (code) => code / grid);
  }

  #floats(count: number): Float32Array {
    const at = this.#take(4 * count);
    const floats = Float32Array.from({ length: count }, (_, i) =>
      this.#view.getFloat32(at + 4 * i, true),
    );
    if (!floats.every(Number.isFinite)) {
      throw this.#damage("a value is not finite");
    }
    return floats;
  }

  /** Rice codes. */
  #codes(count: number): number[] {
    const k = this.#bytes[this.#take(1)]!;
    if (k > 24) {
      throw this.#damage(`Rice codes with the parameter ${k}`);
    }
    let byte = 0;
    let left = 0;
    const bit = (): number => {
      if (left === 0) {
        byte = this.#bytes[this.#take(1)]!;
        left = 8;
      }
      left--;
      const lowest = byte & 1;
      byte >>= 1;
      return lowest;
    };
    const bits = (n: number): number => {
      let value = 0;
      for (let i = 0; i < n; i++) {
        value += bit() * 2 ** i;
      }
      return value;
    };
    const codes: number[] = [];
    for (let i = 0; i < count; i++) {
      let quotient = 0;
      while (quotient < 24 && bit() === 1) {
        quotient++;
      }
      const code = quotient < 24 ? quotient * 2 ** k + bits(k) : bits(32);
      if (quotient === 24 && Math.floor(code / 2 ** k) < 24) {
        throw this.#damage("a Rice code is not in its one form");
      }
      codes.push(unzigzag(code));
    }
    if (byte !== 0) {
      throw this.#damage("bits are left over behind Rice codes");
    }
    return codes;
  }

  #patch(linked: boolean): string {
    const length = this.#varint();
    if (length === 0 && linked) {
      const reference = this.#varint();
      const known = this.#knownPatches[reference - 1];
      if (known === undefined) {
        throw this.#damage(`a frame refers to patch ${reference} of ${this.#knownPatches.length}`);
      }
      return known;
    }
    const patch = this.#text(length);
    let value: unknown;
    try {
      value = JSON.parse(patch);
    } catch {
      // told below
    }
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw this.#damage("the metadata is no JSON object");
    }
    if (linked && length <= MAX_SHARED_PATCH_BYTES) {
      this.#know(patch);
      this.#knownPatches.push(patch);
    }
    return patch;
  }

  #id(): string {
    const length = this.#varint();
    if (length < 1 || length > MAX_ID_BYTES) {
      throw this.#damage(`an id of ${length} bytes`);
    }
    return this.#text(length);
  }

  #text(length: number): string {
    const at = this.#take(length);
    try {
      return UTF8.decode(this.#bytes.subarray(at, at + length));
    } catch {
      throw this.#damage("a text is not well-formed UTF-8");
    }
  }

  #get48(): number {
    const at = this.#take(6);
    return this.#view.getUint32(at, true) + this.#view.getUint16(at + 4, true) * 2 ** 32;
  }

  #varint(): number {
    let value = 0;
    for (let factor = 1; factor <= 2 ** 28; factor *= 128) {
      const byte = this.#bytes[this.#take(1)]!;
      value += (byte & 127) * factor;
      if (byte < 128) {
        if ((factor > 1 && byte === 0) || value > 0xffff_ffff) {
          break;
        }
        return value;
      }
    }
    throw this.#damage("a number is not in its one form");
  }

  #varlong(): bigint {
    let value = 0n;
    for (let bits = 0n; bits <= 49n; bits += 7n) {
      const byte = this.#bytes[this.#take(1)]!;
      value |= BigInt(byte & 127) << bits;
      if (byte < 128) {
        if (bits > 0n && byte === 0) {
          break;
        }
        return value;
      }
    }
    throw this.#damage("a number is not in its one form");
  }

  #take(bytes: number): number {
    const at = this.#at;
    if (bytes > this.#bytes.length - at) {
      throw this.#damage(`a frame ends before ${bytes} bytes that it should have`);
    }
    this.#at += bytes;
    return at;
  }

  #damage(what: string): Damage {
    return new Damage(this.#base + Math.min(this.#at, this.#bytes.length - 1), what);
  }
}

const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function unzigzag(code: number): number {
  return code % 2 === 0 ? code / 2 : -(code + 1) / 2;
}
