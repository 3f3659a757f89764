import { crc32c } from "../crc32c.ts";
import { DeltaError } from "../errors.ts";

/** The log's format (docs/format.md): pure functions over bytes. Reading needs no database. */

/** Bytes of the header of a log segment, and of a snapshot file. */
export const HEADER_BYTES = 64;
/** Bytes of a record before its payload. */
export const RECORD_BYTES = 40;
/** The most bytes of a payload. */
export const MAX_PAYLOAD: number = 2 ** 30;

/** Kinds of records. */
export const OPEN = 1;
export const APPLY = 2;
export const MERGE = 3;
export const ROLLBACK = 4;
export const COMPACT = 5;
export const CLOSE = 6;
export const MARK = 7;

/** Instead of a mark: there is none. */
export const NO_MARK = -1n;

/** The kinds' names, by their numbers. */
export const KINDS: readonly string[] = [
  "",
  "OPEN",
  "APPLY",
  "MERGE",
  "ROLLBACK",
  "COMPACT",
  "CLOSE",
  "MARK",
];

/** The kinds of files, by how their names begin. */
export type FileKind = "log" | "snapshot" | "increment";

const LOG_MAGIC = 0x314c5644; // DVL1
const SNAPSHOT_MAGIC = 0x31465644; // DVF1
const VERSION = 1;
const LOWER = 2 ** 32;
/** Offset of the header's checksum, and of the record's, behind which it counts. */
const HEADER_CRC = 60;
const RECORD_CRC = 4;
const COVERED_FROM = 8;

/** The header of a log segment. */
export interface SegmentHeader {
  /** Number of the first record. */
  readonly first: number;
  /** 16 random bytes, the same in all files of a database. */
  readonly id: Uint8Array;
  readonly dimensions: number;
}

/** The header of a snapshot file. */
export interface SnapshotHeader {
  /** How many records the state contains. */
  readonly records: number;
  readonly id: Uint8Array;
  /** For an increment: how many the file before it contains; undefined for a base. */
  readonly builtOn: number | undefined;
  /** How far the state was brought, in the words of who brought it: 63 bits, or {@link NO_MARK}. */
  readonly mark: bigint;
}

/** A record; its payload is a view on the bytes it was read from. */
export interface LogRecord {
  readonly number: number;
  readonly kind: number;
  /** Frames of an APPLY, new deltas of a MERGE, deltas of a ROLLBACK. */
  readonly count: number;
  /** What the clock said, Unix milliseconds. */
  readonly clock: number;
  /** The own replica's newest sequence behind it. */
  readonly sequence: number;
  /** How many records right before it were not known to be on disk when it was written: these alone may be lost. */
  readonly unsure: number;
  readonly payload: Uint8Array;
}

/** The payload of an OPEN record. */
export interface OpenPayload {
  /** The own replica from then on, 12 hexadecimal digits. */
  readonly replica: string;
  /** The database's options from then on, as JSON has them. */
  readonly options: Readonly<Record<string, unknown>>;
}

/** The payload of a ROLLBACK record. */
export interface RollbackPayload {
  readonly id: string;
  /** 16 bytes: 6 time, 4 sequence, 6 replica. */
  readonly delta: Uint8Array;
}

/** The payload of a COMPACT record. */
export interface CompactPayload {
  /** Unix milliseconds, or infinite. */
  readonly before: number;
  /** -1 for no limit. */
  readonly maxBytes: number;
  readonly keepLast: number;
  /** Empty for all vectors. */
  readonly id: Uint8Array;
}

/** Returns a file's name. */
export function fileName(kind: FileKind, number: number): string {
  return `${kind}-${number.toString(16).padStart(16, "0")}`;
}

/** Returns what a name says, or undefined for a file that is none of the log's. */
export function parseName(name: string): { kind: FileKind; number: number } | undefined {
  const [, kind, digits] = /^(log|snapshot|increment)-([0-9a-f]{16})$/.exec(name) ?? [];
  const number = Number.parseInt(digits ?? "", 16);
  return Number.isSafeInteger(number) ? { kind: kind as FileKind, number } : undefined;
}

/** Writes a segment's header. */
export function writeSegmentHeader(header: SegmentHeader): Uint8Array<ArrayBuffer> {
  const view = newHeader(LOG_MAGIC, header.first, header.id);
  view.setUint32(32, header.dimensions, true);
  return sealHeader(view);
}

/** Reads a segment's header. Throws CORRUPT_DATA that says what is wrong, UNSUPPORTED_VERSION. */
export function readSegmentHeader(bytes: Uint8Array): SegmentHeader {
  const view = openHeader(bytes, LOG_MAGIC, "log");
  return { first: readU64(view, 8), id: bytes.slice(16, 32), dimensions: view.getUint32(32, true) };
}

/** Writes the header of a snapshot file. */
export function writeSnapshotHeader(header: SnapshotHeader): Uint8Array<ArrayBuffer> {
  const view = newHeader(SNAPSHOT_MAGIC, header.records, header.id);
  if (header.builtOn !== undefined) {
    view.setUint32(32, 1, true);
    writeU64(view, 40, header.builtOn);
  }
  view.setBigInt64(48, header.mark - NO_MARK, true);
  return sealHeader(view);
}

/** Reads the header of a snapshot file. Throws CORRUPT_DATA that says what is wrong, UNSUPPORTED_VERSION. */
export function readSnapshotHeader(bytes: Uint8Array): SnapshotHeader {
  const view = openHeader(bytes, SNAPSHOT_MAGIC, "snapshot");
  const increment = view.getUint32(32, true) === 1;
  return {
    records: readU64(view, 8),
    id: bytes.slice(16, 32),
    builtOn: increment ? readU64(view, 40) : undefined,
    mark: BigInt.asIntN(64, view.getBigInt64(48, true) + NO_MARK),
  };
}

/** Writes a record as it is but for its checksum, which {@link sealRecord} adds. The payload's bytes follow behind it. */
export function writeRecordHeader(
  view: DataView,
  at: number,
  length: number,
  number: number,
  kind: number,
  count: number,
  clock: number,
  sequence: number,
): void {
  view.setUint32(at, length, true);
  view.setUint32(at + 8, number, true);
  view.setUint32(at + 12, number / LOWER, true);
  view.setUint32(at + 16, kind, true);
  view.setUint32(at + 20, count, true);
  view.setFloat64(at + 24, clock, true);
  view.setUint32(at + 32, sequence, true);
}

/**
 * Puts into a record what is known of those before it, and the checksum. Returns where the next one begins.
 *
 * @param durable - number of the last record that is known to be on disk
 */
export function sealRecord(bytes: Uint8Array, view: DataView, at: number, durable: number): number {
  const end = at + RECORD_BYTES + view.getUint32(at, true);
  view.setUint32(at + 36, Math.min(readU64(view, at + 8) - 1 - durable, 0xffff_ffff), true);
  view.setUint32(at + RECORD_CRC, crc32c(bytes, at + COVERED_FROM, end), true);
  return end;
}

/** Makes one record of its own, with its checksum. */
export function makeRecord(record: LogRecord): Uint8Array<ArrayBuffer> {
  const { payload, number, kind, count, clock, sequence, unsure } = record;
  const bytes = new Uint8Array(RECORD_BYTES + payload.length);
  const view = new DataView(bytes.buffer);
  writeRecordHeader(view, 0, payload.length, number, kind, count, clock, sequence);
  bytes.set(payload, RECORD_BYTES);
  sealRecord(bytes, view, 0, number - 1 - unsure);
  return bytes;
}

/** Returns how many bytes the record has that begins at a place, or undefined if there cannot be one. Needs its header. */
export function recordLength(view: DataView, at: number): number | undefined {
  const length = view.getUint32(at, true);
  const kind = view.getUint32(at + 16, true);
  const fits =
    length <= MAX_PAYLOAD &&
    kind >= OPEN &&
    kind <= MARK &&
    view.getUint32(at + 12, true) < 2 ** 21;
  return fits ? RECORD_BYTES + length : undefined;
}

/** Returns the number that the record at a place has. */
export function recordNumber(view: DataView, at: number): number {
  return readU64(view, at + 8);
}

/** Returns whether the checksum of the record at a place holds. Needs all of it. */
export function recordHolds(bytes: Uint8Array, view: DataView, at: number): boolean {
  const end = at + RECORD_BYTES + view.getUint32(at, true);
  return view.getUint32(at + RECORD_CRC, true) === crc32c(bytes, at + COVERED_FROM, end);
}

/** Reads the record at a place, whose checksum holds. */
export function readRecord(bytes: Uint8Array, view: DataView, at: number): LogRecord {
  const from = at + RECORD_BYTES;
  return {
    number: readU64(view, at + 8),
    kind: view.getUint8(at + 16),
    count: view.getUint32(at + 20, true),
    clock: view.getFloat64(at + 24, true),
    sequence: view.getUint32(at + 32, true),
    unsure: view.getUint32(at + 36, true),
    payload: bytes.subarray(from, from + view.getUint32(at, true)),
  };
}

/** Returns a view on the same bytes. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Writes the payload of an OPEN record. */
export function writeOpen({ replica, options }: OpenPayload): Uint8Array<ArrayBuffer> {
  const json = new TextEncoder().encode(JSON.stringify(options));
  const payload = new Uint8Array(8 + json.length);
  writeU64(viewOf(payload), 0, Number.parseInt(replica, 16));
  payload.set(json, 8);
  return payload;
}

/** Reads the payload of an OPEN record. Throws CORRUPT_DATA. */
export function readOpen({ payload, number }: LogRecord): OpenPayload {
  try {
    const replica = readU64(viewOf(payload), 0).toString(16).padStart(12, "0");
    const options: unknown = JSON.parse(
      new TextDecoder("utf-8", { fatal: true }).decode(payload.subarray(8)),
    );
    if (typeof options === "object" && options !== null && !Array.isArray(options)) {
      return { replica, options: options as Record<string, unknown> };
    }
  } catch (cause) {
    throw corrupt(`record ${number} of the log names no options`, cause);
  }
  throw corrupt(`record ${number} of the log names no options`);
}

/** Reads the payload of a ROLLBACK record. Throws CORRUPT_DATA. */
export function readRollback({ payload, number }: LogRecord): RollbackPayload {
  const bytes = payload.length < 2 ? 0 : viewOf(payload).getUint16(0, true);
  if (payload.length !== 2 + bytes + 16) {
    throw corrupt(`record ${number} of the log is no rollback`);
  }
  const id = new TextDecoder().decode(payload.subarray(2, 2 + bytes));
  return { id, delta: payload.subarray(2 + bytes) };
}

/** Bytes of the payload of a COMPACT record before the id's bytes, their number included. */
export const COMPACT_BYTES = 22;

/** Reads the payload of a COMPACT record. Throws CORRUPT_DATA. */
export function readCompact({ payload, number }: LogRecord): CompactPayload {
  const view = viewOf(payload);
  if (
    payload.length < COMPACT_BYTES ||
    payload.length !== COMPACT_BYTES + view.getUint16(20, true)
  ) {
    throw corrupt(`record ${number} of the log is no compaction`);
  }
  return {
    before: view.getFloat64(0, true),
    maxBytes: view.getFloat64(8, true),
    keepLast: view.getUint32(16, true),
    id: payload.subarray(COMPACT_BYTES),
  };
}

/** Reads the payload of a MARK record. Throws CORRUPT_DATA. */
export function readMark({ payload, number }: LogRecord): bigint {
  if (payload.length !== 8) {
    throw corrupt(`record ${number} of the log is no mark`);
  }
  return viewOf(payload).getBigInt64(0, true);
}

/** Returns a CORRUPT_DATA. */
export function corrupt(message: string, cause?: unknown): DeltaError {
  return new DeltaError("CORRUPT_DATA", message, cause === undefined ? {} : { cause });
}

function newHeader(magic: number, number: number, id: Uint8Array): DataView<ArrayBuffer> {
  const view = new DataView(new ArrayBuffer(HEADER_BYTES));
  view.setUint32(0, magic, true);
  view.setUint32(4, VERSION, true);
  writeU64(view, 8, number);
  new Uint8Array(view.buffer).set(id, 16);
  return view;
}

function sealHeader(view: DataView<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(view.buffer);
  view.setUint32(HEADER_CRC, crc32c(bytes, 0, HEADER_CRC), true);
  return bytes;
}

function openHeader(bytes: Uint8Array, magic: number, what: string): DataView {
  if (bytes.length < HEADER_BYTES) {
    throw corrupt(`the ${what}'s header is cut off: ${bytes.length} of ${HEADER_BYTES} bytes`);
  }
  const view = viewOf(bytes);
  if (view.getUint32(0, true) !== magic) {
    throw corrupt(`the file is no ${what} of deltavec`);
  }
  if (view.getUint32(HEADER_CRC, true) !== crc32c(bytes, 0, HEADER_CRC)) {
    throw corrupt(`the ${what}'s header is damaged`);
  }
  const version = view.getUint32(4, true);
  if (version !== VERSION) {
    throw new DeltaError("UNSUPPORTED_VERSION", `the ${what} has version ${version}, not 1`);
  }
  return view;
}

function readU64(view: DataView, at: number): number {
  return view.getUint32(at, true) + view.getUint32(at + 4, true) * LOWER;
}

function writeU64(view: DataView, at: number, value: number): void {
  view.setUint32(at, value, true);
  view.setUint32(at + 4, value / LOWER, true);
}
