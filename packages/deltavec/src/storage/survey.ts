import { DeltaError } from "../errors.ts";
import { CLOSE, fileName, type LogRecord, parseName } from "./log.ts";
import { examineSegment, type SegmentReport } from "./log-reader.ts";
import { readHead } from "./snapshot-file.ts";
import type { Storage, StorageFile } from "./storage.ts";

/** What the files of a durable database hold, found out without changing them. */

/** A segment of the log. */
export interface Segment {
  readonly name: string;
  /** Number of its first record, as its name says. */
  readonly first: number;
  readonly report: SegmentReport;
}

/** A snapshot file whose header is good. */
export interface SnapshotFile {
  readonly name: string;
  readonly records: number;
  /** Undefined for a base. */
  readonly builtOn: number | undefined;
  readonly mark: bigint;
  readonly bytes: number;
}

/** A file that is not what its name says. */
export interface BadFile {
  readonly name: string;
  readonly why: string;
}

/** Damage that is no torn tail: what is missing was on disk once. */
export interface Damage {
  /** The file that is damaged or missing. */
  readonly file: string;
  /** Where in it, in bytes. */
  readonly offset: number;
  readonly why: string;
  /** Number of the last good record before it. */
  readonly last: number;
  /** The own replica's newest sequence behind that, 0 if it is not known. */
  readonly sequence: number;
}

/** The log from a number of records on, as far as it goes. */
export interface Chain {
  readonly segments: readonly Segment[];
  /** Number of the last good record. */
  readonly last: number;
  readonly sequence: number;
  /** Whether it ends with the database being closed. */
  readonly closed: boolean;
  /** Bytes at its end that hold no record. */
  readonly cutBytes: number;
  readonly damage: Damage | undefined;
}

/** A state that one can begin with: snapshots, one built on the other, and the log behind them. */
export interface Candidate {
  /** The base and the increments, in order; none to begin with nothing. */
  readonly files: readonly SnapshotFile[];
  /** How many records they contain. */
  readonly records: number;
  readonly chain: Chain;
}

/** All files there are. */
export interface Survey {
  readonly segments: readonly Segment[];
  readonly snapshots: readonly SnapshotFile[];
  /** Snapshot files whose header is damaged. */
  readonly bad: readonly BadFile[];
  /** The database's own, undefined if there are no files. */
  readonly id: Uint8Array | undefined;
}

/** Runs with a file open. */
export async function withFile<T>(
  storage: Storage,
  name: string,
  run: (file: StorageFile) => Promise<T>,
): Promise<T> {
  const file = await storage.open(name);
  try {
    return await run(file);
  } finally {
    await file.close();
  }
}

/** Looks at all files. O(bytes of the log). Throws UNSUPPORTED_VERSION, and what the storage throws. */
export async function survey(storage: Storage): Promise<Survey> {
  const names = (await storage.list()).sort();
  const segments: Segment[] = [];
  const snapshots: SnapshotFile[] = [];
  const bad: BadFile[] = [];
  let id: Uint8Array | undefined;
  for (const name of names) {
    const parsed = parseName(name);
    if (parsed?.kind === "log") {
      const first = parsed.number;
      const report = await withFile(storage, name, (file) => examineSegment(file, first));
      id ??= report.header?.id;
      segments.push({ name, first, report });
    }
  }
  const foreign = (other: Uint8Array): boolean => id?.some((byte, i) => byte !== other[i]) ?? false;
  for (const name of names) {
    const parsed = parseName(name);
    if (parsed === undefined || parsed.kind === "log") {
      continue;
    }
    try {
      const [header, bytes] = await withFile(
        storage,
        name,
        async (file) => [await readHead(file), await file.size()] as const,
      );
      const increment = header.builtOn !== undefined;
      id ??= header.id;
      if (header.records !== parsed.number || increment !== (parsed.kind === "increment")) {
        bad.push({ name, why: "its header is that of another file" });
      } else if (foreign(header.id)) {
        bad.push({ name, why: "it belongs to another database" });
      } else {
        const { records, builtOn, mark } = header;
        snapshots.push({ name, records, builtOn, mark, bytes });
      }
    } catch (error) {
      bad.push({ name, why: damageOf(error) });
    }
  }
  const alien = segments.find(({ report }) => report.header && foreign(report.header.id));
  if (alien !== undefined) {
    throw new DeltaError(
      "CORRUPT_DATA",
      `${storage.name}: the files of two databases are mixed up: ${alien.name} belongs to another than ${segments[0].name}`,
    );
  }
  return { segments, snapshots, bad, id };
}

/** Returns a CORRUPT_DATA's message; throws any other error. */
export function damageOf(error: unknown): string {
  if (error instanceof DeltaError && error.code === "CORRUPT_DATA") {
    return error.message;
  }
  throw error;
}

/** Lists what can be begun with, best first: newest base first, with all its increments first; nothing at all last. */
export function candidates({ segments, snapshots }: Survey): Candidate[] {
  const found: Candidate[] = [];
  const add = (files: readonly SnapshotFile[]): void => {
    const records = files.at(-1)?.records ?? 0;
    found.push({ files, records, chain: chainFrom(segments, records) });
  };
  const bases = snapshots.filter(({ builtOn }) => builtOn === undefined);
  for (const base of bases.sort((a, b) => b.records - a.records)) {
    const files = [base];
    for (let next: SnapshotFile | undefined = base; next !== undefined; ) {
      const { records }: SnapshotFile = next;
      next = snapshots
        .filter((file) => file.builtOn === records && file.records > records)
        .sort((a, b) => b.records - a.records)[0];
      if (next !== undefined) {
        files.push(next);
      }
    }
    for (let length = files.length; length > 0; length--) {
      add(files.slice(0, length));
    }
  }
  if (segments.length > 0 && segments[0].first === 1) {
    add([]);
  }
  return found;
}

/** Whether a segment was ever written: one is made before its header is on disk. */
function isUseful({ report }: Segment): boolean {
  return report.header !== undefined || report.behind !== undefined;
}

/** Follows the log behind so many records. */
function chainFrom(found: readonly Segment[], records: number): Chain {
  const all = found.filter(isUseful);
  // Behind an import the next segment may not be there yet: the options are in the one before, then.
  const good = all.findLastIndex(
    ({ first, report }) => first <= records + 1 && report.opens.length > 0,
  );
  const start = good < 0 ? all.findLastIndex(({ first }) => first <= records + 1) : good;
  const none = { segments: [], last: records, sequence: 0, closed: false, cutBytes: 0 };
  if (start < 0) {
    return { ...none, damage: missing(records + 1, records, 0) };
  }
  const segments: Segment[] = [];
  let last = all[start].first - 1;
  let sequence = 0;
  let closed = false;
  let cutBytes = found.reduce((sum, one) => (isUseful(one) ? sum : sum + one.report.size), 0);
  let damage: Damage | undefined;
  for (const segment of all.slice(start)) {
    const { name, first, report } = segment;
    if (first !== last + 1) {
      // The one before was on disk as a whole when this one was made.
      damage = missing(last + 1, last, sequence);
      break;
    }
    segments.push(segment);
    if (report.last !== undefined) {
      last = report.last;
      sequence = report.sequence;
      closed = report.lastKind === CLOSE;
    }
    if (report.bad !== undefined) {
      const { offset, why } = report.bad;
      if (report.behind !== undefined || segment !== all.at(-1)) {
        damage = { file: name, offset, why, last, sequence };
        break;
      }
      cutBytes += report.size - report.end;
      closed &&= report.size === report.end;
    }
  }
  if (damage === undefined && last < records) {
    damage = missing(records + 1, records, 0);
  }
  return { segments, last: Math.max(last, records), sequence, closed, cutBytes, damage };
}

function missing(number: number, last: number, sequence: number): Damage {
  const file = fileName("log", number);
  return { file, offset: 0, why: "it is missing, or what was before it", last, sequence };
}

/** Returns the OPEN record in force behind so many records: the last before, else the first behind. */
export function openAt(segments: readonly Segment[], records: number): LogRecord | undefined {
  const opens = segments.flatMap(({ report }) => report.opens);
  return opens.findLast(({ number }) => number <= records) ?? opens[0];
}

/** Says what damage is. */
export function describeDamage(damage: Damage): string {
  const { file, offset, why, last, sequence } = damage;
  const known = sequence > 0 ? ` (own sequence ${sequence})` : "";
  return `${file} is damaged at byte ${offset}: ${why}; the last good record is ${last}${known}`;
}
