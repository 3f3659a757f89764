import {
  corrupt,
  HEADER_BYTES,
  type LogRecord,
  MARK,
  OPEN,
  RECORD_BYTES,
  readRecord,
  readSegmentHeader,
  recordHolds,
  recordLength,
  recordNumber,
  type SegmentHeader,
  viewOf,
} from "./log.ts";

/** Where bytes are read from: a file of a storage, or bytes in memory. */
export interface ByteSource {
  size(): Promise<number>;
  /** As `StorageFile.read`. */
  read(at: number, target: Uint8Array): Promise<number>;
}

/** Bytes that are read at a time. */
const WINDOW_BYTES = 1 << 20;

/** A place in a log segment where no record is that should be. */
export interface BadPlace {
  /** In bytes from the file's start. */
  readonly offset: number;
  /** What is wrong there. */
  readonly why: string;
}

/** What a walk over a segment found. */
export interface SegmentReport {
  /** Undefined if the header is damaged; {@link bad} then says how. */
  readonly header: SegmentHeader | undefined;
  /** Number of the last good record before the bad place, or undefined if there is none. */
  readonly last: number | undefined;
  /** Own sequence behind that record. */
  readonly sequence: number;
  /** Kind of that record. */
  readonly lastKind: number;
  /** Where the good records end. */
  readonly end: number;
  /** Bytes of the file. */
  readonly size: number;
  /** Where they stop being good; undefined if they fill the file. */
  readonly bad: BadPlace | undefined;
  /**
   * Number of a good record behind the bad place that was written when all before the bad place was on disk: what is bad
   * was good once. Undefined if there is none: then it may have been lost with the power, before it was acknowledged.
   */
  readonly behind: number | undefined;
  /** The OPEN records, with copies of their payloads. */
  readonly opens: readonly LogRecord[];
}

/** Reads a file from front to back through a window. */
class Window {
  bytes: Uint8Array = new Uint8Array(0);
  view: DataView = viewOf(this.bytes);
  /** Offset in the file of the window's first byte. */
  start = 0;
  readonly #source: ByteSource;
  #room: Uint8Array = new Uint8Array(0);

  constructor(source: ByteSource) {
    this.#source = source;
  }

  /** Sees that `count` bytes from an offset on are there. Returns their place in {@link bytes}, -1 if the file has fewer. */
  async have(offset: number, count: number): Promise<number> {
    if (offset < this.start || offset + count > this.start + this.bytes.length) {
      const room = Math.max(count, WINDOW_BYTES);
      if (this.#room.length < room) {
        this.#room = new Uint8Array(
          Math.min(room, Math.max(0, (await this.#source.size()) - offset)),
        );
      }
      const read = await this.#source.read(offset, this.#room);
      this.bytes = this.#room.subarray(0, read);
      this.view = viewOf(this.bytes);
      this.start = offset;
    }
    return offset + count > this.start + this.bytes.length ? -1 : offset - this.start;
  }
}

/**
 * Reads the records of a segment, each valid until the next is asked for. Ends where they do.
 *
 * @param source - the segment
 * @param first - number that the first one must have
 * @param end - offset behind the last; by default where the file or the good records end
 * @returns where the good records ended, and why there
 */
export async function* readRecords(
  source: ByteSource,
  first: number,
  end?: number,
): AsyncGenerator<LogRecord, BadPlace | undefined, void> {
  const window = new Window(source);
  const size = end ?? (await source.size());
  let number = first;
  let offset = HEADER_BYTES;
  while (offset < size) {
    let at = await window.have(offset, RECORD_BYTES);
    if (at < 0) {
      return { offset, why: "a record's header is cut off" };
    }
    const length = recordLength(window.view, at);
    if (length === undefined) {
      return { offset, why: "there is no record" };
    }
    if (recordNumber(window.view, at) !== number) {
      return { offset, why: `there is record ${recordNumber(window.view, at)}, not ${number}` };
    }
    at = offset + length > size ? -1 : await window.have(offset, length);
    if (at < 0) {
      return { offset, why: `record ${number} is cut off` };
    }
    if (!recordHolds(window.bytes, window.view, at)) {
      return { offset, why: `record ${number} is damaged` };
    }
    yield readRecord(window.bytes, window.view, at);
    offset += length;
    number++;
  }
  return undefined;
}

/**
 * Looks at all of a segment: how far its records are good, and whether there are good ones behind. Never throws for what the
 * bytes hold but UNSUPPORTED_VERSION.
 *
 * @param source - the segment
 * @param first - the number in its name
 */
export async function examineSegment(source: ByteSource, first: number): Promise<SegmentReport> {
  const size = await source.size();
  const head = new Uint8Array(Math.min(size, HEADER_BYTES));
  await source.read(0, head);
  let header: SegmentHeader | undefined;
  let bad: BadPlace | undefined;
  let last: number | undefined;
  let sequence = 0;
  let lastKind = 0;
  let end = 0;
  const opens: LogRecord[] = [];
  try {
    const read = readSegmentHeader(head);
    if (read.first !== first) {
      throw corrupt(`the log's header names record ${read.first} as the first`);
    }
    header = read;
  } catch (error) {
    if ((error as { code?: unknown }).code !== "CORRUPT_DATA") {
      throw error;
    }
    bad = { offset: 0, why: (error as Error).message };
  }
  if (header !== undefined) {
    end = HEADER_BYTES;
    const records = readRecords(source, first);
    for (let next = await records.next(); ; next = await records.next()) {
      if (next.done) {
        bad = next.value;
        break;
      }
      const record = next.value;
      last = record.number;
      sequence = record.sequence;
      lastKind = record.kind;
      end += RECORD_BYTES + record.payload.length;
      if (record.kind === OPEN) {
        opens.push({ ...record, payload: record.payload.slice() });
      }
    }
  }
  const behind =
    bad === undefined ? undefined : await proofBehind(source, bad.offset, (last ?? first - 1) + 1);
  return { header, last, sequence, lastKind, end, size, bad, behind, opens };
}

/**
 * Looks for a good record behind a bad place, at any offset, that was written when the bad one was on disk. (A record within
 * the payload of another is none of the log's own, and would have such a number by chance only.)
 *
 * @param missing - number of the record that should be at the bad place
 * @returns its number, or undefined
 */
async function proofBehind(
  source: ByteSource,
  from: number,
  missing: number,
): Promise<number | undefined> {
  const size = await source.size();
  const most = missing + size / RECORD_BYTES;
  const window = new Window(source);
  for (let offset = from; offset + RECORD_BYTES <= size; offset++) {
    let at = offset - window.start;
    if (at < 0 || at + RECORD_BYTES > window.bytes.length) {
      at = await window.have(offset, RECORD_BYTES);
      if (at < 0) {
        return undefined;
      }
    }
    const { bytes, view } = window;
    // The kind is 1 to 7 and three zeroes follow it: nearly all offsets fail here.
    const kind = bytes[at + 16];
    if (kind < OPEN || kind > MARK || bytes[at + 17] !== 0) {
      continue;
    }
    const length = recordLength(view, at);
    const number = recordNumber(view, at);
    const proves = number - 1 - view.getUint32(at + 36, true) >= missing;
    if (length === undefined || !proves || number > most || offset + length > size) {
      continue;
    }
    at = await window.have(offset, length);
    if (at >= 0 && recordHolds(window.bytes, window.view, at)) {
      return number;
    }
  }
  return undefined;
}
