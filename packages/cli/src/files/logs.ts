import { crc32c } from "../../../deltavec/src/crc32c.ts";
import {
  APPLY,
  COMPACT,
  HEADER_BYTES,
  type LogRecord,
  MARK,
  MERGE,
  OPEN,
  RECORD_BYTES,
  ROLLBACK,
  readCompact,
  readMark,
  readOpen,
  readRollback,
  readSegmentHeader,
  recordLength,
  recordNumber,
  type SegmentHeader,
} from "../../../deltavec/src/storage/log.ts";
import { messageOf } from "../errors.ts";
import { cutFrames, FrameDecoder, type ReadFrame } from "./frames.ts";
import { areZero, Damage, type FileSource, viewOf } from "./source.ts";

/** Bytes that are summed at a time. */
const STEP = 1 << 18;
/** The most bytes of payloads that are read as a whole: all but frames are small. */
const MAX_SMALL = 1 << 20;
/** Bytes that are summed in search of a good record, by those of the file: more only where somebody means harm. */
const PATIENCE = 4;

/** A record whose checksum holds, and where it stands. */
export interface PlacedRecord {
  /** Index of its first byte in its file. */
  readonly at: number;
  readonly number: number;
  readonly kind: number;
  readonly count: number;
  /** Unix milliseconds. */
  readonly clock: number;
  /** Of the own replica, behind it. */
  readonly sequence: number;
  /** How many records right before it were not known to be on disk when it was written. */
  readonly unsure: number;
  /** Index of the payload's first byte. */
  readonly from: number;
  /** Index behind its last. */
  readonly to: number;
}

/** Where the records of a segment stop being good. */
export interface BadPlace {
  readonly at: number;
  readonly why: string;
  /** A good record behind it that was written when it was on disk. */
  readonly behind?: { readonly at: number; readonly number: number };
}

/** A segment of a log, read record by record. */
export class Segment {
  readonly header: SegmentHeader;
  readonly #source: FileSource;

  /** @throws Damage if its header is damaged, or of another version */
  constructor(source: FileSource) {
    this.#source = source;
    const head = source.read(0, HEADER_BYTES);
    try {
      this.header = readSegmentHeader(head);
    } catch (error) {
      const zero = source.size > 0 && areZero(head);
      throw new Damage(0, zero ? "the log's header is zeroes" : messageOf(error));
    }
  }

  /** Reads the records whose checksums hold, from the first on. Returns where they end before the file does. */
  *records(): Generator<PlacedRecord, BadPlace | undefined> {
    const source = this.#source;
    let number = this.header.first;
    for (let at = HEADER_BYTES; at < source.size; number++) {
      const found = recordAt(source, at, number);
      if (typeof found === "string") {
        const behind = goodRecordBehind(source, at, number);
        return { at, why: found, ...(behind && { behind }) };
      }
      yield found;
      at = found.to;
    }
    return undefined;
  }
}

/** Reads the record at a place, or says why there is none. */
function recordAt(source: FileSource, at: number, number: number): PlacedRecord | string {
  const head = source.read(at, RECORD_BYTES).slice();
  if (areZero(head)) {
    return "zeroes";
  }
  if (head.length < RECORD_BYTES) {
    return "a record's header is cut off";
  }
  const view = viewOf(head);
  const length = recordLength(view, 0);
  if (length === undefined) {
    return "there is no record";
  }
  if (recordNumber(view, 0) !== number) {
    return `there is record ${recordNumber(view, 0)}, not ${number}`;
  }
  if (at + length > source.size) {
    return `record ${number} is cut off: ${source.size - at} of ${length} bytes are there`;
  }
  if (sum(source, at + 8, at + length) !== view.getUint32(4, true)) {
    return `the checksum of record ${number} does not fit`;
  }
  return {
    at,
    number,
    kind: head[16]!,
    count: view.getUint32(20, true),
    clock: view.getFloat64(24, true),
    sequence: view.getUint32(32, true),
    unsure: view.getUint32(36, true),
    from: at + RECORD_BYTES,
    to: at + length,
  };
}

/** The checksum of a part of a file, which is never in memory as a whole. */
function sum(source: FileSource, from: number, to: number): number {
  let crc = 0;
  for (let at = from; at < to; at += STEP) {
    const bytes = source.read(at, Math.min(STEP, to - at));
    crc = crc32c(bytes, 0, bytes.length, crc);
  }
  return crc;
}

/**
 * Looks for a good record behind a bad place, at any offset, that was written when the bad one was on disk.
 *
 * @param missing - number of the record that should be at the bad place
 */
export function goodRecordBehind(
  source: FileSource,
  from: number,
  missing: number,
): { at: number; number: number } | undefined {
  const { size } = source;
  const most = missing + size / RECORD_BYTES;
  let patience = PATIENCE * size + STEP;
  for (let start = from; start + RECORD_BYTES <= size; start += STEP) {
    const bytes = source.read(start, STEP + RECORD_BYTES - 1).slice();
    const view = viewOf(bytes);
    for (let i = 0; i < STEP && i + RECORD_BYTES <= bytes.length; i++) {
      // The kind is 1 to 7 and three zeroes follow it: nearly all places fail here.
      const kind = bytes[i + 16]!;
      if (kind < OPEN || kind > MARK || bytes[i + 17] !== 0) {
        continue;
      }
      const at = start + i;
      const length = recordLength(view, i);
      const number = recordNumber(view, i);
      const proves = number - 1 - view.getUint32(i + 36, true) >= missing;
      if (length === undefined || !proves || number > most || at + length > size) {
        continue;
      }
      patience -= length;
      if (patience < 0) {
        return undefined;
      }
      if (sum(source, at + 8, at + length) === view.getUint32(i + 4, true)) {
        return { at, number };
      }
    }
  }
  return undefined;
}

/** What a record other than APPLY and MERGE holds. */
export type SmallContent =
  | {
      readonly kind: "open";
      readonly replica: string;
      readonly options: Readonly<Record<string, unknown>>;
    }
  | { readonly kind: "rollback"; readonly vectorId: string; readonly delta: Uint8Array }
  | {
      readonly kind: "compact";
      readonly before: number;
      readonly maxBytes: number;
      readonly keepLast: number;
      readonly vectorId: string;
    }
  | { readonly kind: "mark"; readonly mark: string }
  | { readonly kind: "close" };

/** Whether a record holds frames. */
export function holdsFrames({ kind }: PlacedRecord): boolean {
  return kind === APPLY || kind === MERGE;
}

/**
 * Reads the payload of a record that holds no frames.
 *
 * @throws Damage
 */
export function readSmall(source: FileSource, record: PlacedRecord): SmallContent {
  const { from, to, number } = record;
  if (to - from > MAX_SMALL) {
    throw new Damage(from, `record ${number} has ${to - from} bytes, too many for its kind`);
  }
  const whole: LogRecord = { ...record, payload: source.read(from, to - from) };
  try {
    switch (record.kind) {
      case OPEN:
        return { kind: "open", ...readOpen(whole) };
      case ROLLBACK: {
        const { id, delta } = readRollback(whole);
        return { kind: "rollback", vectorId: id, delta: delta.slice() };
      }
      case COMPACT: {
        const { id, ...rest } = readCompact(whole);
        return { kind: "compact", ...rest, vectorId: new TextDecoder().decode(id) };
      }
      case MARK:
        return { kind: "mark", mark: String(readMark(whole)) };
      default:
        break;
    }
  } catch (error) {
    throw new Damage(from, messageOf(error));
  }
  if (to > from) {
    throw new Damage(from, `record ${number} closes the log and has ${to - from} bytes`);
  }
  return { kind: "close" };
}

/**
 * Reads the frames of a record.
 *
 * @throws Damage
 */
export function* readFramesOf(source: FileSource, record: PlacedRecord): Generator<ReadFrame> {
  const decoder = new FrameDecoder(record.kind === APPLY ? "local" : "stream");
  for (const frame of cutFrames(source, record.from, record.to)) {
    yield decoder.decode(frame);
  }
}

/**
 * Finds what is wrong in an operation for vectors of so many values; undefined if nothing is.
 */
export function misfit(frame: ReadFrame, dimensions: number): string | undefined {
  const { operation, values, indices } = frame;
  if (operation === "create" || operation === "dense") {
    return values.length === dimensions
      ? undefined
      : `a ${operation} of ${values.length} values, not ${dimensions}`;
  }
  const last = indices?.at(-1);
  return last !== undefined && last >= dimensions
    ? `an index ${last}; there are ${dimensions} values`
    : undefined;
}
