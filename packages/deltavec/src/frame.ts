import { DeltaError, type DeltaErrorCode, describe, invalid, quote } from "./errors.ts";
import { adjacent, shortestForm, writeGaps, writeRuns, writeVarint } from "./indices.ts";
import { writeUtf8 } from "./text.ts";
import type { DeltaOperation, VectorDelta } from "./types.ts";

/** A growing block of bytes that frames are written to. Its views are replaced when it grows. */
export interface FrameTarget {
  readonly bytes: Uint8Array;
  /** Float32 view on the same bytes. */
  readonly floats: Float32Array;
  readonly view: DataView;
  /** Index of the block's first byte in the views, a multiple of 4. */
  readonly input: number;
  /** Bytes in the block. */
  readonly inputBytes: number;
  /** Makes room for `bytes` bytes, of which the first `used` keep what they hold. */
  grow(bytes: number, used: number): void;
}

/** What the form of frames depends on. */
export interface FrameForm {
  /** Whether sparse deltas are written as runs where that is shorter. */
  readonly compression: boolean;
  /** Steps of the grid that subscribers see values on, 0 for none. Frames carry the values as given. */
  readonly grid: number;
}

/** What subscribers will be told about a delta, once it has its id. All frozen. */
export interface DeltaDraft {
  readonly vectorId: string;
  readonly operation: DeltaOperation;
  readonly metadata: Record<string, unknown> | undefined;
}

/** Unix milliseconds have 48 bits. */
export const TIME_LIMIT: number = 0x1_0000_0000_0000;

/** The longest vector id in UTF-8 bytes. */
export const MAX_ID_BYTES = 1024;
/** No database has more dimensions; longer arrays are not even written. */
const MAX_DIMENSIONS = 65_536;
const MAX_FRAME_BYTES = 0xff_ffff;
export const VERSION = 1;
export const HEADER_BYTES = 9;
/** The most that all but id, values and patch take: header, length of the id, time, number of values, length of the patch. */
const FIXED_BYTES = 27;
/** The first frame, or floats while they are written, may be put off by as much, to be aligned. */
const PADDING_BYTES = 6;

/** Operations and flags of byte 8 (docs/format.md). */
export const CREATE = 1;
export const SPARSE = 2;
export const DENSE = 3;
export const SCALE = 4;
export const OFFSET = 5;
export const DELETE = 6;
export const RUNS = 7;
export const OPERATION_MASK = 7;
export const IDENTIFIED = 8;
export const TIMED = 16;
export const METADATA = 32;
export const SEALED = 64;
export const GRID = 128;

/**
 * Writes deltas as frames (docs/format.md) one behind the other into a block. Checks their shape; what depends on the
 * database (dimensions, existence, range of indices) and the values of floats is left to the core. One writer serves call
 * after call; a delta of typed arrays with an ASCII id is written without an allocation.
 */
export class FrameWriter {
  readonly #target: FrameTarget;
  readonly #compression: boolean;
  readonly #grid: number;
  readonly #aligned: boolean;
  /** Index of the first frame, from the block's start. */
  #start = 0;
  /** Index behind the last frame. */
  #end = 0;
  /** Position in the batch, for errors; -1 outside a batch. */
  #index = -1;

  /**
   * @param target - where to write
   * @param form - how to write
   * @param aligned - whether the first frame may be put off by up to 3 bytes, so that its floats are quick to copy
   */
  constructor(target: FrameTarget, { compression, grid }: FrameForm, aligned = true) {
    this.#target = target;
    this.#aligned = aligned;
    this.#compression = compression;
    this.#grid = grid;
  }

  /** Index of the first frame's first byte in the target's views. */
  get start(): number {
    return this.#target.input + this.#start;
  }

  /** Bytes of all frames. */
  get length(): number {
    return this.#end - this.#start;
  }

  /** Index behind the last frame, from the block's start. */
  get end(): number {
    return this.#end;
  }

  /**
   * Begins anew.
   *
   * @param at - where the first frame is to stand, from the block's start; at 0 it is put so that its floats are aligned
   */
  begin(at = 0): void {
    this.#start = at;
    this.#end = at;
  }

  /**
   * Writes one delta behind those written since {@link begin}. After an error there are only those. O(bytes)
   *
   * @param delta - what to write; may be anything
   * @param index - its position in its batch, or -1
   * @param drafts - if given, gets what subscribers will see, in copies
   * @throws DeltaError INVALID_ARGUMENT; DIMENSION_MISMATCH for a vector that no database takes; OUT_OF_MEMORY
   */
  append(delta: VectorDelta, index: number, drafts: DeltaDraft[] | undefined): void {
    this.#index = index;
    if (typeof delta !== "object" || delta === null) {
      throw this.#invalid(undefined, `a delta must be an object, not ${describe(delta)}`);
    }
    const id = delta.vectorId;
    if (typeof id !== "string" || id.length === 0 || id.length > MAX_ID_BYTES) {
      throw this.#invalid(undefined, idProblem(id));
    }
    const operation = delta.operation;
    if (typeof operation !== "object" || operation === null) {
      throw this.#invalid(id, `operation must be an object, not ${describe(operation)}`);
    }
    const metadata = delta.metadata;
    const timestamp = delta.timestamp;

    let kind = 0;
    let floats: Float32Array | undefined;
    let indices: Uint32Array | undefined;
    let amount = 0;
    switch (operation.type) {
      case "create":
        kind = CREATE;
        floats = this.#vector(id, operation.vector);
        break;
      case "sparse":
        kind = SPARSE;
        floats = this.#floats(id, "values", operation.values);
        indices = this.#indices(id, operation.indices);
        if (indices.length !== floats.length) {
          throw this.#invalid(id, `${indices.length} indices, but ${floats.length} values`);
        }
        if (indices.length > MAX_DIMENSIONS) {
          throw this.#invalid(id, `${indices.length} indices are more than any vector has`);
        }
        break;
      case "dense":
        kind = DENSE;
        floats = this.#vector(id, operation.vector);
        break;
      case "scale":
        kind = SCALE;
        amount = this.#number(id, "factor", operation.factor);
        break;
      case "offset":
        kind = OFFSET;
        amount = this.#number(id, "amount", operation.amount);
        break;
      case "delete":
        kind = DELETE;
        if (metadata !== undefined) {
          throw this.#invalid(id, "delete takes no metadata");
        }
        break;
      default:
        throw this.#invalid(id, `unknown operation ${describe(typeOf(operation))}`);
    }
    let time = 0;
    if (timestamp !== undefined) {
      kind |= TIMED;
      time = this.#time(id, timestamp);
    }
    let patch = "";
    if (metadata !== undefined) {
      kind |= METADATA;
      patch = this.#patch(id, metadata);
    }

    const values = floats === undefined ? 0 : floats.length;
    const most =
      PADDING_BYTES + FIXED_BYTES + 3 * (id.length + patch.length) + (indices ? 9 : 4) * values;
    if (this.#end + most > this.#target.inputBytes) {
      if (floats !== undefined && floats.buffer === this.#target.bytes.buffer) {
        floats = floats.slice(); // a view on the database itself, about to be cut off
      }
      this.#target.grow(this.#end + most, this.#end);
    }
    if (this.#end === 0 && this.#aligned) {
      // Right for the usual id, ASCII and under 128 bytes; any other costs a slower copy.
      const before = HEADER_BYTES + 1 + id.length + (timestamp === undefined ? 0 : 6);
      this.#start = -(before + (values < 128 ? 1 : 2)) & 3;
      this.#end = this.#start;
    }
    this.#write(kind, id, time, indices, floats, amount, patch);

    if (drafts !== undefined) {
      drafts.push({
        vectorId: id,
        operation: this.#freeze(kind & OPERATION_MASK, indices, floats, amount),
        metadata: patch === "" ? undefined : freezeDeep(JSON.parse(patch)),
      });
    }
  }

  /** Returns the operation as subscribers see it: a copy, on the grid if there is one. */
  #freeze(
    operation: number,
    indices: Uint32Array | undefined,
    floats: Float32Array | undefined,
    amount: number,
  ): DeltaOperation {
    const values = putOnGrid(floats?.slice() ?? new Float32Array(0), this.#grid);
    switch (operation) {
      case CREATE:
        return Object.freeze({ type: "create", vector: values });
      case SPARSE:
        return Object.freeze({ type: "sparse", indices: Uint32Array.from(indices ?? []), values });
      case DENSE:
        return Object.freeze({ type: "dense", vector: values });
      case SCALE:
        return Object.freeze({ type: "scale", factor: Math.fround(amount) });
      case OFFSET:
        return Object.freeze({ type: "offset", amount: Math.fround(amount) });
      default:
        return Object.freeze({ type: "delete" });
    }
  }

  #write(
    kind: number,
    id: string,
    time: number,
    indices: Uint32Array | undefined,
    floats: Float32Array | undefined,
    amount: number,
    patch: string,
  ): void {
    const target = this.#target;
    const bytes = target.bytes;
    const view = target.view;
    const start = target.input + this.#end;
    let at = start + HEADER_BYTES;
    bytes[start + 8] = kind;

    const room = id.length < 128 ? 1 : 2;
    const idBytes = writeUtf8(bytes, at + room, id);
    if (idBytes !== id.length) {
      this.#checkId(id, idBytes);
      if (idBytes > 127 && room === 1) {
        bytes.copyWithin(at + 2, at + 1, at + 1 + idBytes);
      }
    }
    at = writeVarint(bytes, at, idBytes) + idBytes;

    if ((kind & TIMED) !== 0) {
      view.setUint32(at, time, true);
      view.setUint16(at + 4, time / 2 ** 32, true);
      at += 6;
    }
    if (floats !== undefined) {
      const count = floats.length;
      let values = floats;
      const counted = writeVarint(bytes, at, count);
      if (indices === undefined) {
        at = counted;
      } else {
        let ascending = indices;
        let behind = writeGaps(bytes, counted, ascending);
        if (behind < 0) {
          const order = this.#sort(id, indices);
          values = Float32Array.from(order, (i) => floats[i]);
          ascending = Uint32Array.from(order, (i) => indices[i]);
          behind = writeGaps(bytes, counted, ascending);
        }
        // As runs they are shorter only if half of them stand behind another.
        if (this.#compression && 2 * adjacent >= count && count > 2) {
          const { runs } = shortestForm(ascending);
          if (runs > 0) {
            bytes[start + 8] = kind + (RUNS - SPARSE);
            behind = writeRuns(bytes, writeVarint(bytes, at, runs), ascending);
          }
        }
        at = behind;
      }
      if ((at & 3) === 0) {
        target.floats.set(values, at / 4);
      } else if (count <= 48) {
        for (let i = 0; i < count; i++) {
          view.setFloat32(at + 4 * i, values[i], true);
        }
      } else {
        // To the next place for floats, for which there is room, and from there.
        const place = (at + 3) & ~3;
        target.floats.set(values, place / 4);
        bytes.copyWithin(at, place, place + 4 * count);
      }
      at += 4 * count;
    } else if ((kind & OPERATION_MASK) !== DELETE) {
      view.setFloat32(at, amount, true);
      at += 4;
    }
    if (patch !== "") {
      // The text goes behind the longest length it can have, then up to its own.
      const patchBytes = writeUtf8(bytes, at + 5, patch);
      const text = at + 5;
      at = writeVarint(bytes, at, patchBytes);
      bytes.copyWithin(at, text, text + patchBytes);
      at += patchBytes;
      if (at - start > MAX_FRAME_BYTES) {
        throw this.#tooLong(id);
      }
    }
    view.setUint32(start, (at - start) | (VERSION << 24), true);
    view.setUint32(start + 4, 0, true);
    this.#end = at - target.input;
  }

  #checkId(id: string, idBytes: number): void {
    if (!id.isWellFormed() || idBytes > MAX_ID_BYTES) {
      throw this.#invalid(undefined, idProblem(id));
    }
  }

  #vector(id: string, value: Float32Array): Float32Array {
    const floats = this.#floats(id, "vector", value);
    if (floats.length > MAX_DIMENSIONS) {
      throw this.#error(
        "DIMENSION_MISMATCH",
        id,
        `${floats.length} values are more than any vector has`,
      );
    }
    return floats;
  }

  #floats(id: string, name: string, value: Float32Array): Float32Array {
    if (value instanceof Float32Array && value.length > 0) {
      return ArrayBuffer.isView(value) ? value : Float32Array.from(value); // a proxy is read once
    }
    const floats = toFloats(value);
    if (typeof floats === "string") {
      throw this.#invalid(id, `${name} ${floats}`);
    }
    return floats;
  }

  #indices(id: string, value: Uint32Array): Uint32Array {
    if (value instanceof Uint32Array && ArrayBuffer.isView(value)) {
      return value;
    }
    const list: unknown = value;
    if (!isList(list)) {
      throw this.#invalid(id, `indices must be a Uint32Array, not ${describe(list)}`);
    }
    for (let i = 0; i < list.length; i++) {
      const index = list[i];
      if (typeof index !== "number" || index >>> 0 !== index) {
        throw this.#invalid(id, `index ${describe(index)} is not a whole number of 32 bits`);
      }
    }
    return Uint32Array.from(list as ArrayLike<number>);
  }

  /** Returns the positions of a list of indices in the order of the indices. */
  #sort(id: string, indices: Uint32Array): Uint32Array {
    const order = Uint32Array.from(indices, (_, i) => i).sort((a, b) => indices[a] - indices[b]);
    for (let i = 1; i < order.length; i++) {
      if (indices[order[i]] === indices[order[i - 1]]) {
        throw this.#invalid(id, `index ${indices[order[i]]} is repeated`);
      }
    }
    return order;
  }

  #number(id: string, name: string, value: number): number {
    if (typeof value !== "number") {
      throw this.#invalid(id, `${name} must be a number, not ${describe(value)}`);
    }
    return value;
  }

  #time(id: string, timestamp: Date): number {
    const time = timestamp instanceof Date ? timestamp.getTime() : Number.NaN;
    if (!(time >= 0 && time < TIME_LIMIT)) {
      const what =
        timestamp instanceof Date ? "a Date without a time or before 1970" : describe(timestamp);
      throw this.#invalid(id, `timestamp must be a Date from 1970 on, not ${what}`);
    }
    return time;
  }

  #patch(id: string, metadata: unknown): string {
    if (typeof metadata !== "object" || metadata === null || Array.isArray(metadata)) {
      throw this.#invalid(id, `metadata must be an object, not ${describe(metadata)}`);
    }
    let patch: string | undefined;
    try {
      patch = JSON.stringify(metadata);
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw this.#invalid(id, `metadata cannot be written as JSON: ${why}`, cause);
    }
    if (patch?.[0] !== "{") {
      throw this.#invalid(id, "metadata must be an object as JSON, too");
    }
    if (patch.length > MAX_FRAME_BYTES) {
      throw this.#tooLong(id);
    }
    if (patch.includes("null")) {
      // JSON writes NaN and infinities as null, which would remove the key.
      const path = findNonFinite(metadata, "metadata");
      if (path !== undefined) {
        throw this.#error("NOT_FINITE", id, `${path} is not finite`);
      }
    }
    return patch;
  }

  #tooLong(id: string): DeltaError {
    return this.#invalid(id, `metadata makes the delta longer than ${MAX_FRAME_BYTES} bytes`);
  }

  #invalid(id: string | undefined, what: string, cause?: unknown): DeltaError {
    return this.#error("INVALID_ARGUMENT", id, what, cause);
  }

  #error(code: DeltaErrorCode, id: string | undefined, what: string, cause?: unknown): DeltaError {
    const index = this.#index;
    const where = index < 0 ? "" : `delta ${index}: `;
    const whose = id === undefined ? "" : `vector ${quote(id)}: `;
    return new DeltaError(code, where + whose + what, {
      ...(index < 0 ? {} : { index }),
      ...(cause === undefined ? {} : { cause }),
    });
  }
}

/** Rounds values to those of a grid, in place; 0 for no grid. Returns them. */
export function putOnGrid(values: Float32Array, grid: number): Float32Array {
  if (grid !== 0) {
    for (let i = 0; i < values.length; i++) {
      values[i] = Math.floor(values[i] * grid + 0.5) / grid; // as the core rounds
    }
  }
  return values;
}

/**
 * Writes the id of a vector to the start of a block, to look it up.
 *
 * @returns its bytes in UTF-8, 1 to 1,024
 * @throws DeltaError INVALID_ARGUMENT
 */
export function writeId(target: FrameTarget, id: string): number {
  if (typeof id === "string" && id.length > 0 && id.length <= MAX_ID_BYTES) {
    const most = 3 * id.length;
    if (most > target.inputBytes) {
      target.grow(most, 0);
    }
    const length = writeUtf8(target.bytes, target.input, id);
    if (length === id.length || (length <= MAX_ID_BYTES && id.isWellFormed())) {
      return length;
    }
  }
  throw invalid(idProblem(id));
}

/** Returns a list of numbers as floats, or, beginning with "must be", what is wrong with it. */
export function toFloats(list: unknown): Float32Array | string {
  if (!isList(list)) {
    return `must be a Float32Array, not ${describe(list)}`;
  }
  if (ArrayBuffer.isView(list) && (list.buffer as { detached?: boolean }).detached === true) {
    return "must be a view on memory that is there: the database's has grown, or it was transferred";
  }
  for (let i = 0; i < list.length; i++) {
    if (typeof list[i] !== "number") {
      return `must be of numbers, but [${i}] is ${describe(list[i])}`;
    }
  }
  return Float32Array.from(list as ArrayLike<number>);
}

/** Checks what should be bytes. */
export function toBytes(name: string, bytes: Uint8Array): Uint8Array {
  if (!ArrayBuffer.isView(bytes) || bytes[Symbol.toStringTag] !== "Uint8Array") {
    throw invalid(`${name} must be a Uint8Array, not ${describe(bytes)}`);
  }
  if ((bytes.buffer as { detached?: boolean }).detached === true) {
    throw invalid(`${name} must be a view on memory that is there: it was transferred`);
  }
  return bytes;
}

function isList(value: unknown): value is ArrayLike<unknown> {
  return Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView));
}

function typeOf(operation: { type: unknown }): unknown {
  return operation.type;
}

function idProblem(id: unknown): string {
  if (typeof id !== "string") {
    return `vectorId must be a string, not ${describe(id)}`;
  }
  if (id.length === 0) {
    return "vectorId is empty";
  }
  return id.isWellFormed()
    ? `vectorId ${quote(id)} is longer than ${MAX_ID_BYTES} bytes in UTF-8`
    : `vectorId ${quote(id)} holds a lone surrogate, which UTF-8 cannot`;
}

/** Returns the path of the first number in a JSON-able object that JSON has no form for. */
function findNonFinite(value: unknown, path: string): string | undefined {
  if (typeof value === "number") {
    return Number.isFinite(value) ? undefined : path;
  }
  if (typeof value === "object" && value !== null) {
    for (const [key, part] of Object.entries(value)) {
      const found = findNonFinite(
        part,
        Array.isArray(value) ? `${path}[${key}]` : `${path}.${key}`,
      );
      if (found !== undefined) {
        return found;
      }
    }
  }
  return undefined;
}

/** Makes a value unchangeable, with all that is in it; typed arrays cannot be. Returns it. */
export function freezeDeep<T>(value: T): T {
  if (typeof value === "object" && value !== null) {
    for (const part of Object.values(value)) {
      freezeDeep(part);
    }
    Object.freeze(value);
  }
  return value;
}
