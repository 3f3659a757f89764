import { DeltaError } from "../errors.ts";
import {
  APPLY,
  CLOSE,
  corrupt,
  type LogRecord,
  MARK,
  NO_MARK,
  OPEN,
  type OpenPayload,
  ROLLBACK,
  readMark,
  readOpen,
} from "./log.ts";
import { readRecords } from "./log-reader.ts";
import { readStream } from "./snapshot-file.ts";
import type { Storage, StorageFile } from "./storage.ts";
import {
  type BadFile,
  type Candidate,
  candidates,
  damageOf,
  describeDamage,
  openAt,
  type Segment,
  type Survey,
  withFile,
} from "./survey.ts";

/** What a snapshot is read into. */
export interface SnapshotImport {
  /** Takes the next bytes of the stream, or of one that is built on it. Throws CORRUPT_DATA. */
  feed(chunk: Uint8Array): void;
  /** All streams were fed: from here on this is the state. Throws CORRUPT_DATA. */
  end(): { readonly indexRebuilt: boolean; readonly sequence: number };
  /** Forgets what was fed. */
  abort(): void;
}

/** What is kept: a state that changes by records of the log. */
export interface LoggedState {
  /**
   * Sets options and own replica from here on. The first call makes an empty state.
   *
   * @throws DeltaError INVALID_ARGUMENT
   */
  open(payload: OpenPayload): void;

  /** Options and own replica as they are now: something else may have become the state by an import. */
  opened(): OpenPayload;

  /** Begins to read a snapshot. */
  begin(): SnapshotImport;

  /**
   * Does again what a record says: APPLY, MERGE, ROLLBACK or COMPACT.
   *
   * @returns the own replica's newest sequence, 0 if it is as before
   * @throws DeltaError what was not thrown the first time
   */
  replay(record: LogRecord): number;

  /**
   * Writes the state as a snapshot's stream.
   *
   * @param flags - 1 index, 2 history, 4 only what has changed since the last one with 8, 8 mark
   * @returns sections, each valid until the next
   */
  pieces(flags: number): Iterable<Uint8Array>;
}

/** What was kept aside as it could not be used. */
export interface LostData {
  /** What is damaged, and where. */
  readonly why: string;
  /** Number of the last record that was used. */
  readonly record: number;
  /** The own replica's newest sequence behind it; 0: not known. */
  readonly sequence: number;
  /** Names of the files that hold what was not used. */
  readonly files: readonly string[];
}

/** What opening a durable database found. */
export interface RecoveryReport {
  /** How many records the snapshot contains that it began with; 0: there was none. */
  readonly snapshot: number;
  /** How many changes of the log were done again: calls, each of which may have brought many deltas. */
  readonly records: number;
  /** Bytes at the end of the log that held no whole record: what was being written as the power went. */
  readonly cutBytes: number;
  /** Whether the search graph was built anew, as that of the snapshot was damaged, or is not kept. */
  readonly indexRebuilt: boolean;
  /** Snapshot files that were damaged, and not needed. */
  readonly damaged: readonly string[];
  /** With `recover`: what is lost. */
  readonly lost?: LostData;
}

/** What was recovered. */
export interface Recovered {
  readonly report: RecoveryReport;
  /** What it began with; what it does not need may be removed. */
  readonly candidate: Candidate;
  readonly sequence: number;
  /** The OPEN in force. */
  readonly open: OpenPayload;
  /** As of `SnapshotHeader`. */
  readonly mark: bigint;
}

/** Thrown away inside: what a candidate's snapshot files hold is damaged. */
interface Failed {
  readonly failed: BadFile;
}

/**
 * Brings a state to where the files say it was. Changes no file.
 *
 * @param found - the files; has segments or snapshots
 * @param recover - whether damage in the middle is to be put up with
 * @throws DeltaError CORRUPT_DATA naming file, place and last good record
 */
export async function replay(
  storage: Storage,
  found: Survey,
  state: LoggedState,
  recover: boolean,
): Promise<Recovered> {
  const all = candidates(found);
  const whole = all.filter(({ chain }) => chain.damage === undefined);
  const rest = all
    .filter(({ chain }) => chain.damage !== undefined)
    .sort((a, b) => b.chain.last - a.chain.last);
  const damaged: BadFile[] = [...found.bad];
  for (const candidate of recover ? [...whole, ...rest] : whole) {
    if (candidate.files.some(({ name }) => damaged.some((bad) => bad.name === name))) {
      continue;
    }
    const tried = await tryCandidate(storage, candidate, state, damaged);
    if (!("failed" in tried)) {
      return tried;
    }
    damaged.push(tried.failed);
  }
  const reasons = [
    ...damaged.map(({ name, why }) => `${name} is damaged: ${why}`),
    ...rest.slice(0, 1).map(({ chain }) => describeDamage(chain.damage as never)),
  ];
  if (reasons.length === 0) {
    reasons.push(
      `${found.segments[0]?.name ?? "the log"} is not the first, and there is no snapshot`,
    );
  }
  const hope = recover || rest.length === 0 ? "" : "; open with recover: true to go on from there";
  throw corrupt(`${storage.name} cannot be opened: ${reasons.join("; ")}${hope}`);
}

async function tryCandidate(
  storage: Storage,
  { files, records, chain }: Candidate,
  state: LoggedState,
  damaged: readonly BadFile[],
): Promise<Recovered | Failed> {
  const first = openAt(chain.segments, records);
  if (first === undefined) {
    return { failed: { name: files[0]?.name ?? "the log", why: "the log names no options" } };
  }
  let open = readOpen(first);
  let sequence = 0;
  let indexRebuilt = false;
  let mark = files.at(-1)?.mark ?? NO_MARK;
  state.open(open);
  if (files.length > 0) {
    const importing = state.begin();
    let name = "";
    try {
      for (const file of files) {
        name = file.name;
        await withFile(storage, name, async (source) => {
          let empty = true;
          for await (const part of readStream(source)) {
            importing.feed(part);
            empty = false;
          }
          if (empty) {
            throw corrupt("there is nothing behind its header");
          }
        });
      }
      ({ indexRebuilt, sequence } = importing.end());
    } catch (error) {
      importing.abort();
      return { failed: { name, why: damageOf(error) } };
    }
  }
  let count = 0;
  for (const segment of chain.segments) {
    await withFile(storage, segment.name, async (source) => {
      for await (const record of readRecords(source, segment.first, segment.report.end)) {
        if (record.number <= records) {
          continue;
        }
        if (record.kind === OPEN) {
          open = readOpen(record);
          state.open(open);
          sequence = record.sequence;
        } else if (record.kind === MARK) {
          mark = readMark(record);
        } else if (record.kind !== CLOSE) {
          sequence = again(storage, segment, record, state) || sequence;
          count++;
        }
      }
    });
  }
  return {
    candidate: { files, records, chain },
    sequence,
    open,
    mark,
    report: {
      snapshot: records,
      records: count,
      cutBytes: chain.cutBytes,
      indexRebuilt,
      damaged: damaged.map(({ name }) => name),
    },
  };
}

/** Does a record again, and checks that it does what it did. */
function again(storage: Storage, { name }: Segment, record: LogRecord, state: LoggedState): number {
  const { number, kind } = record;
  let sequence = 0;
  let cause: unknown;
  try {
    sequence = state.replay(record);
    if ((kind !== APPLY && kind !== ROLLBACK) || sequence === record.sequence) {
      return sequence;
    }
  } catch (error) {
    if (
      error instanceof DeltaError &&
      (error.code === "OUT_OF_MEMORY" || error.code === "CLOSED")
    ) {
      throw error;
    }
    cause = error;
  }
  const why =
    cause === undefined
      ? `it ends at sequence ${sequence}, not ${record.sequence}`
      : `it is refused: ${(cause as Error).message}`;
  throw corrupt(
    `${storage.name}: the log and the snapshot do not fit together: record ${number} in ${name} cannot be done again: ${why}`,
    cause,
  );
}

/**
 * Brings the files in order behind {@link replay}: keeps aside what is lost, cuts what holds no record, removes what is
 * not needed. Does nothing twice: where it was interrupted, it can be done again.
 *
 * @returns names of the files that were kept aside
 */
export async function tidy(
  storage: Storage,
  found: Survey,
  { files, chain }: Candidate,
): Promise<string[]> {
  const { damage, segments } = chain;
  const kept: string[] = [];
  const used = new Set<string>(files.map(({ name }) => name));
  const first = segments[0]?.first ?? 0;
  const lastUsed = segments.at(-1);
  for (const { name } of segments) {
    used.add(name);
  }
  const others = found.segments.filter((segment) => !used.has(segment.name));
  const behind = others.filter((segment) => segment.first > first);
  const remove = (name: string): Promise<void> =>
    damage === undefined ? storage.remove(name) : discard(storage, name);
  if (damage !== undefined) {
    if (lastUsed !== undefined && lastUsed.report.size > lastUsed.report.end) {
      kept.push(await keepAside(storage, lastUsed.name, lastUsed.report.end, chain.last));
    }
    for (const { name } of behind) {
      kept.push(await keepAside(storage, name, 0, chain.last));
    }
    for (const { name } of [...found.snapshots, ...found.bad]) {
      if (!used.has(name)) {
        kept.push(await keepAside(storage, name, 0, chain.last));
      }
    }
  }
  for (const { name } of behind.reverse()) {
    await remove(name);
  }
  if (lastUsed?.report.bad !== undefined) {
    await cut(storage, lastUsed);
  }
  const before = others.filter((segment) => !behind.includes(segment));
  for (const { name } of [...before, ...found.snapshots, ...found.bad]) {
    if (!used.has(name)) {
      await remove(name);
    }
  }
  return kept;
}

/** Removes a file so that it comes to nothing even where the power goes and its name is there again. */
async function discard(storage: Storage, name: string): Promise<void> {
  await withFile(storage, name, async (file) => {
    await file.truncate(0);
    await file.flush(true);
  });
  await storage.remove(name);
}

/** Cuts off what holds no record. A segment without a good header goes as a whole. */
async function cut(storage: Storage, { name, report }: Segment): Promise<void> {
  if (report.header === undefined) {
    await storage.remove(name);
    return;
  }
  await withFile(storage, name, async (file) => {
    await file.truncate(report.end);
    await file.flush(true);
  });
}

/** Copies the rest of a file to one that nobody reads. Returns its name. */
async function keepAside(
  storage: Storage,
  name: string,
  from: number,
  last: number,
): Promise<string> {
  const copy = `lost-${last.toString(16)}-${name}`;
  await withFile(storage, name, (source) =>
    withFile(storage, copy, async (target: StorageFile) => {
      if ((await source.size()) <= from) {
        return; // it was emptied before an interruption, behind its copy
      }
      await target.truncate(0);
      const room = new Uint8Array(1 << 20);
      for (let at = from; ; ) {
        const read = await source.read(at, room);
        if (read === 0) {
          break;
        }
        await target.write(at - from, room.subarray(0, read));
        at += read;
      }
      await target.flush(true);
    }),
  );
  return copy;
}
