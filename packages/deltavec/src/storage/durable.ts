import { DeltaError } from "../errors.ts";
import { HISTORY, INCREMENT, INDEX, MARK } from "../snapshot.ts";
import type { StorageStats } from "../types.ts";
import { failure } from "./failure.ts";
import {
  CLOSE,
  fileName,
  NO_MARK,
  OPEN,
  type OpenPayload,
  parseName,
  readOpen,
  writeOpen,
  writeSegmentHeader,
} from "./log.ts";
import { LogBuffer } from "./log-buffer.ts";
import { type LoggedState, type RecoveryReport, replay, tidy } from "./recovery.ts";
import { writeSnapshot } from "./snapshot-file.ts";
import type { Storage, StorageFile } from "./storage.ts";
import { describeDamage, openAt, type Survey, survey } from "./survey.ts";

/** Bytes that wait before they are written without being asked for, in relaxed mode. */
const FULL_BYTES = 1 << 20;
/** Bytes that are written before they are flushed, in relaxed mode: they are held in memory until then. */
const UNFLUSHED_BYTES = 8 << 20;
/** Bytes that wait before calls do, too, in relaxed mode. */
const MOST_BYTES = 32 << 20;
/** Bytes of the log behind the last snapshot before there is another, at least, and the share of the base. */
const CHECKPOINT_BYTES = 4 << 20;
const CHECKPOINT_SHARE = 0.25;
/** Share of the base that increments may have together. */
const INCREMENTS_SHARE = 0.5;

/** How a log is kept. */
export interface DurableSettings {
  /** Whether calls wait until what they changed is on disk. */
  readonly strict: boolean;
  /** Milliseconds that records wait at most, in relaxed mode. */
  readonly flushMs: number;
  /** Whether damage in the middle is put up with. */
  readonly recover: boolean;
  /** Whether a database that is not there is made. */
  readonly create: boolean;
  /** Told of what fails in the background. */
  readonly onError: (error: unknown) => void;
  /** The clock, Unix milliseconds. */
  readonly now: () => number;
  /** Bytes of the log before there is a snapshot, at least. */
  readonly checkpointBytes?: number;
}

/** Says with which options and own replica a database goes on. */
export type Settle = (
  /** Those of the last time; undefined: it is new. */
  before: OpenPayload | undefined,
  /** Whether it was closed the last time, so that the own replica may go on. */
  closed: boolean,
) => {
  readonly open: OpenPayload;
  /** Is brought to what is stored. */
  readonly state: LoggedState;
};

/** Bytes that are not known to be on disk. */
interface Unflushed {
  readonly at: number;
  readonly bytes: Uint8Array;
  /** Number of the last record in them, 0 for none. */
  readonly last: number;
  written: boolean;
}

/** A call that waits until a record is on disk. */
interface Waiter {
  readonly number: number;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Keeps a state in a storage: its changes in a log, its whole at times in snapshots. What is recorded in {@link buffer} is
 * written in the background, by one process that is the only one to write; see docs/storage.md for what is promised.
 */
export class DurableLog {
  /** To be told of changes. */
  readonly buffer: LogBuffer;
  /** What opening found. */
  readonly report: RecoveryReport;

  readonly #storage: Storage;
  readonly #state: LoggedState;
  readonly #settings: DurableSettings;
  readonly #id: Uint8Array;
  /** The file that is written, once it is open. */
  #file: StorageFile | undefined;
  /** Number of the first record of its segment. */
  #segment: number;
  /** Where the next bytes go, and up to where they are on disk. */
  #end: number;
  #flushed: number;
  #unflushed: Unflushed[] = [];
  #waiters: Waiter[] = [];
  #pumping: Promise<void> | undefined;
  #due = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Segments behind which nothing is written yet. */
  #held: number[] = [];
  /** Snapshots are written one after the other. */
  #work: Promise<unknown> = Promise.resolve();
  #importing: Promise<void> | undefined;
  #closing: Promise<void> | undefined;
  /** Whether the call that failed within, if one did, was told so. */
  #told = true;
  #logBytes: number;
  /** Bytes of all records that were taken to be written, and how many of them and of those that wait the newest snapshot has. */
  #taken: number;
  #kept = 0;
  #lastCheckpoint: Date | null = null;
  /** Files of the newest snapshot, base first, and their bytes. */
  #chain: readonly { readonly records: number; readonly bytes: number }[] = [];
  /** Whether the state knows what has changed since the newest snapshot. */
  #marked = false;
  /** What the JVM keeps with a database that it feeds from a log of its own; here it is handed on from file to file. */
  #mark = NO_MARK;

  private constructor(
    storage: Storage,
    state: LoggedState,
    settings: DurableSettings,
    start: {
      readonly id: Uint8Array;
      readonly report: RecoveryReport;
      readonly segment: number;
      readonly end: number;
      readonly number: number;
      readonly sequence: number;
      readonly logBytes: number;
    },
  ) {
    this.#storage = storage;
    this.#state = state;
    this.#settings = settings;
    this.#id = start.id;
    this.report = start.report;
    this.#segment = start.segment;
    this.#end = start.end;
    this.#flushed = start.end;
    this.#logBytes = start.logBytes;
    this.#taken = start.logBytes;
    this.buffer = new LogBuffer(start.segment, start.number, start.sequence, FULL_BYTES, {
      onPending: () => this.#onPending(),
      onFull: () => this.#onFull(),
      onImported: () => this.#onImported(),
      stats: () => this.#stats(),
    });
    this.buffer.changed = start.report.records > 0;
    if (start.end === 0) {
      this.#begin(start.segment);
    }
  }

  /**
   * Opens a database: recovers its state, or makes an empty one. The storage is left open if this fails.
   *
   * @param settle - says with which state and options it goes on
   * @throws DeltaError CORRUPT_DATA, UNSUPPORTED_VERSION, INVALID_ARGUMENT; what the storage throws
   */
  static async open(
    storage: Storage,
    settings: DurableSettings,
    settle: Settle,
  ): Promise<DurableLog> {
    const found = await survey(storage);
    if (isNew(found)) {
      return DurableLog.#make(storage, settings, settle, found);
    }
    const last = found.segments.at(-1)?.report;
    const before = openAt(found.segments, Number.POSITIVE_INFINITY);
    const closed = last?.lastKind === CLOSE && last.bad === undefined;
    let { open, state } = settle(before && readOpen(before), closed);
    let recovered = await replay(storage, found, state, settings.recover);
    if (closed && recovered.candidate.chain.damage !== undefined) {
      // What is lost may be known elsewhere, as after a crash: again, with a replica that has issued nothing.
      ({ open, state } = settle(before && readOpen(before), false));
      recovered = await replay(storage, found, state, settings.recover);
    }
    const { candidate, report, open: latest } = recovered;
    const sequence = latest.replica === open.replica ? recovered.sequence : 0;
    const { chain, files } = candidate;
    state.open(open);
    const kept = await tidy(storage, found, candidate);
    // Goes on in the last segment, but not in one that the snapshot stands for: the state may have become another one there.
    const tail = chain.segments.findLast(({ report }) => report.header !== undefined);
    const fits =
      tail !== undefined &&
      tail.first > report.snapshot &&
      (tail.report.last ?? tail.first - 1) === chain.last;
    const at = fits ? tail : undefined;
    const damage = chain.damage;
    const log = new DurableLog(storage, state, settings, {
      id: found.id ?? newId(),
      report: Object.freeze(
        damage === undefined
          ? report
          : {
              ...report,
              lost: {
                why: describeDamage(damage),
                record: damage.last,
                sequence: damage.sequence,
                files: kept,
              },
            },
      ),
      segment: at?.first ?? chain.last + 1,
      end: at?.report.end ?? 0,
      number: chain.last,
      sequence,
      logBytes: chain.segments.reduce((sum, segment) => sum + segment.report.end, 0),
    });
    log.#chain = files;
    log.#mark = recovered.mark;
    await log.#start();
    if (at !== tail) {
      await log.#removeOld();
    }
    return log;
  }

  static async #make(
    storage: Storage,
    settings: DurableSettings,
    settle: Settle,
    found: Survey,
  ): Promise<DurableLog> {
    if (!settings.create) {
      throw new DeltaError("INVALID_ARGUMENT", `there is no database in ${storage.name}`);
    }
    const { open, state } = settle(undefined, true);
    state.open(open);
    let cutBytes = 0;
    for (const { name, report } of found.segments) {
      cutBytes += report.size - report.end;
      await storage.remove(name);
    }
    const log = new DurableLog(storage, state, settings, {
      id: newId(),
      report: Object.freeze({
        snapshot: 0,
        records: 0,
        cutBytes,
        indexRebuilt: false,
        damaged: [],
      }),
      segment: 1,
      end: 0,
      number: 0,
      sequence: 0,
      logBytes: 0,
    });
    await log.#start();
    return log;
  }

  /** Number of the last record. */
  get number(): number {
    return this.buffer.number;
  }

  /**
   * Carries out a call that may change the state.
   *
   * @returns what the call does; in strict mode once all that it changed is on disk, in relaxed mode at once, unless too much
   * waits to be written
   */
  run<T>(call: () => T): Promise<Awaited<T>> {
    // No async function: this is the way of each change, and one promise is enough for most.
    const { number } = this.buffer;
    let result: T;
    try {
      result = call();
    } catch (error) {
      return Promise.reject(error);
    }
    return result instanceof Promise
      ? result.then((value) => this.#whenSettled(number, value))
      : this.#whenSettled(number, result as Awaited<T>);
  }

  #whenSettled<T>(before: number, result: T): Promise<T> {
    const changed = this.buffer.number !== before || !this.#told;
    const wait = changed ? this.settled() : undefined;
    return wait === undefined ? Promise.resolve(result) : wait.then(() => result);
  }

  /**
   * Returns what those wait for who have changed the state past {@link run}, as the result of that does; undefined if they
   * wait for nothing.
   */
  settled(): Promise<void> | undefined {
    const { buffer } = this;
    const { number, failure } = buffer;
    if (failure !== undefined) {
      const told = this.#told;
      this.#told = true;
      return told ? undefined : Promise.reject(failure);
    }
    const waits = this.#settings.strict || buffer.pending > MOST_BYTES;
    if (this.#importing !== undefined) {
      return this.#importing.then(() => (waits ? this.#until(number) : undefined));
    }
    return waits && number > buffer.durable ? this.#until(number) : undefined;
  }

  /** Fulfilled once all that was recorded is on disk. */
  flush(): Promise<void> {
    return this.#until(this.buffer.number);
  }

  /** Writes a snapshot of the state as it is now; done once older files are removed. Does nothing if nothing has changed. */
  checkpoint(): Promise<void> {
    return this.#queue(() => this.#checkpoint());
  }

  /**
   * Writes what is left, notes that the database was closed, and gives the storage back.
   *
   * @param end - called once nothing reads the state any more; lets nothing be recorded from then on
   * @throws DeltaError (as a rejection) if not all that was recorded is on disk
   */
  close(end: () => void): Promise<void> {
    this.#closing ??= this.#close(end);
    return this.#closing;
  }

  async #close(end: () => void): Promise<void> {
    try {
      try {
        for (let work: unknown; work !== this.#work; ) {
          work = this.#work;
          await work; // meanwhile an import may have come in
        }
      } finally {
        end();
      }
      if (this.buffer.failure === undefined) {
        this.#note(CLOSE);
      }
      await this.flush();
    } finally {
      clearTimeout(this.#timer);
      try {
        await this.#pumping;
        await this.#file?.close();
      } finally {
        await this.#storage.close();
      }
    }
  }

  /** Says in the log that the database is open. */
  async #start(): Promise<void> {
    this.#noteOpen();
    await this.flush();
  }

  #noteOpen(): void {
    this.#note(OPEN, writeOpen(this.#state.opened()));
  }

  /** Notes what is no change. The clock may be the caller's, and throw: it must not be in the way of a snapshot or the end. */
  #note(kind: typeof OPEN | typeof CLOSE, payload?: Uint8Array): void {
    this.buffer.note(kind, this.#clock(), payload);
  }

  #clock(): number {
    try {
      return this.#settings.now();
    } catch (error) {
      this.#settings.onError(error);
      return 0;
    }
  }

  /** Bytes of all records so far. */
  #recorded(): number {
    return this.#taken + this.buffer.pending;
  }

  #stats(): StorageStats {
    const { pending } = this.buffer;
    return {
      logBytes: this.#recorded() - this.#kept,
      snapshotBytes: this.#chain.reduce((sum, { bytes }) => sum + bytes, 0),
      pendingBytes: this.#unflushed.reduce((sum, { bytes }) => sum + bytes.length, pending),
      lastCheckpoint: this.#lastCheckpoint,
    };
  }

  #onPending(): void {
    if (this.#settings.strict) {
      queueMicrotask(() => this.#kick());
    } else {
      this.#timer ??= setTimeout(() => {
        this.#timer = undefined;
        this.#due = true;
        this.#kick();
      }, this.#settings.flushMs);
    }
  }

  #onFull(): void {
    const { failure } = this.buffer;
    if (failure === undefined) {
      queueMicrotask(() => this.#kick());
    } else {
      this.#told = false;
      this.#fail(failure);
    }
  }

  /** Fulfilled once a record is on disk. */
  #until(number: number): Promise<void> {
    const { buffer } = this;
    if (number <= buffer.durable) {
      return Promise.resolve();
    }
    if (buffer.failure !== undefined) {
      return Promise.reject(buffer.failure);
    }
    const waiters = this.#waiters;
    const promise = new Promise<void>((resolve, reject) => {
      const place = waiters.findLastIndex((waiter) => waiter.number <= number) + 1;
      waiters.splice(place, 0, { number, resolve, reject });
    });
    this.#kick();
    return promise;
  }

  #kick(): void {
    if (this.#pumping === undefined && this.buffer.failure === undefined) {
      this.#pumping = this.#pump();
    }
  }

  /** Writes while there is something to be written. Never throws. */
  async #pump(): Promise<void> {
    // What is recorded in the same turn comes along.
    await undefined;
    const { buffer } = this;
    const { strict } = this.#settings;
    while (buffer.failure === undefined) {
      const flush = strict || this.#due || this.#waiters.length > 0;
      this.#due = false;
      if (!flush && buffer.pending < FULL_BYTES) {
        break;
      }
      const spans = buffer.take(Math.min(...this.#held));
      if (spans.length === 0 && (!flush || this.#unflushed.length === 0)) {
        break;
      }
      try {
        for (const { bytes, segment, last } of spans) {
          if (segment !== this.#segment) {
            await this.#commit(true);
            await this.#closeFile();
            this.#begin(segment);
          }
          this.#push(bytes, last);
          this.#logBytes += bytes.length;
          this.#taken += bytes.length;
        }
        await this.#commit(flush || this.#end - this.#flushed >= UNFLUSHED_BYTES);
        if (this.#unflushed.length === 0) {
          buffer.release(); // not before: of what was taken the part of another segment may still have to be written
        }
      } catch (error) {
        this.#fail(this.#refusal(error));
      }
    }
    if (buffer.pending === 0 && this.#unflushed.length === 0) {
      clearTimeout(this.#timer);
      this.#timer = undefined;
    }
    this.#pumping = undefined; // at once: whoever comes from here on needs another
    this.#checkpointIfLong();
  }

  /** Begins a snapshot in the background if much of the log would have to be done again. */
  #checkpointIfLong(): void {
    const { buffer } = this;
    const { checkpointBytes = CHECKPOINT_BYTES, onError } = this.#settings;
    const least = Math.max(checkpointBytes, CHECKPOINT_SHARE * (this.#chain[0]?.bytes ?? 0));
    if (this.#logBytes > least && buffer.changed && this.#closing === undefined) {
      this.#logBytes = 0;
      this.checkpoint().catch(onError);
    }
  }

  /** Begins a segment; its file is made when it is written. */
  #begin(segment: number): void {
    this.#segment = segment;
    this.#end = 0;
    this.#flushed = 0;
    const { dimensions } = this.#state.opened().options;
    this.#push(
      writeSegmentHeader({ first: segment, id: this.#id, dimensions: Number(dimensions) || 0 }),
      0,
    );
  }

  #push(bytes: Uint8Array, last: number): void {
    this.#unflushed.push({ at: this.#end, bytes, last, written: false });
    this.#end += bytes.length;
  }

  /** Writes what is to be written, and if wanted sees it on disk. Tries once more, with the file opened anew. */
  async #commit(flush: boolean): Promise<void> {
    try {
      await this.#attempt(flush);
    } catch {
      await this.#closeFile();
      for (const part of this.#unflushed) {
        part.written = false;
      }
      await this.#attempt(flush);
    }
  }

  async #attempt(flush: boolean): Promise<void> {
    const unflushed = this.#unflushed;
    if (unflushed.length === 0) {
      return;
    }
    const file = this.#file ?? (await this.#openFile());
    for (const part of unflushed) {
      if (!part.written) {
        await file.write(part.at, part.bytes);
        part.written = true;
      }
    }
    if (flush) {
      await file.flush(true);
      this.#flushed = this.#end;
      this.#unflushed = [];
      this.buffer.durable = unflushed.reduce(
        (most, { last }) => Math.max(most, last),
        this.buffer.durable,
      );
      const { durable } = this.buffer;
      while (this.#waiters.length > 0 && this.#waiters[0].number <= durable) {
        this.#waiters.shift()?.resolve();
      }
    }
  }

  /** Opens the segment's file, and cuts off what is behind the bytes that are known to be there. */
  async #openFile(): Promise<StorageFile> {
    const name = fileName("log", this.#segment);
    const file = await this.#storage.open(name);
    this.#file = file;
    const size = await file.size();
    if (size < this.#flushed) {
      throw new DeltaError(
        "STORAGE_FAILED",
        `${this.#storage.name}: ${name} has ${size} bytes; there were ${this.#flushed}`,
      );
    }
    if (size > this.#flushed) {
      await file.truncate(this.#flushed);
    }
    return file;
  }

  async #closeFile(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    try {
      await file?.close();
    } catch {
      // All that counts was flushed; what was not is written again.
    }
  }

  /** Lets nothing be changed any more, and tells those who wait. */
  #fail(failure: DeltaError): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    this.buffer.failure = failure;
    clearTimeout(this.#timer);
    for (const { reject } of waiters) {
      reject(failure);
    }
    if (!this.#settings.strict || waiters.length === 0) {
      this.#settings.onError(failure);
    }
  }

  /** Returns what is thrown from now on by all that would change something. */
  #refusal(cause: unknown): DeltaError {
    const what = `${this.#storage.name} cannot be written, so the database takes no more changes`;
    return cause instanceof DeltaError
      ? new DeltaError(cause.code, `${what}: ${cause.message}`, { cause })
      : failure(what, cause);
  }

  /** Runs what writes snapshots, one after the other. */
  #queue<T>(run: () => Promise<T>): Promise<T> {
    const done = this.#work.then(run);
    this.#work = done.catch(() => undefined);
    return done;
  }

  async #checkpoint(): Promise<void> {
    const { buffer } = this;
    buffer.check();
    if (!buffer.changed || this.#importing !== undefined) {
      return;
    }
    const records = buffer.number;
    const [base, ...increments] = this.#chain;
    const small =
      base !== undefined &&
      increments.reduce((sum, { bytes }) => sum + bytes, 0) <= INCREMENTS_SHARE * base.bytes;
    const increment = this.#marked && small;
    const pieces = this.#copy(
      increment ? INDEX | HISTORY | INCREMENT | MARK : INDEX | HISTORY | MARK,
    );
    buffer.changed = false;
    buffer.rotate();
    this.#noteOpen();
    const kept = this.#recorded();
    try {
      // Its OPEN, which names the options, must be on disk before the segments that hold the others are removed.
      await this.#until(records + 1);
      await this.#write(records, increment ? this.#chain.at(-1)?.records : undefined, pieces, kept);
    } catch (error) {
      this.#marked = false;
      buffer.changed = true;
      throw error;
    }
  }

  /** The state is another one: from here on it is written only behind a snapshot of it. */
  #onImported(): void {
    const { buffer } = this;
    const held = this.buffer.segment;
    this.#mark = NO_MARK; // that of another state
    this.#noteOpen(); // makes the number one that no other snapshot has
    const records = buffer.number;
    buffer.rotate();
    this.#noteOpen();
    const kept = this.#recorded();
    this.#held.push(held);
    buffer.changed = false;
    let pieces: Uint8Array[];
    try {
      pieces = this.#copy(INDEX | HISTORY | MARK);
    } catch (error) {
      this.#fail(this.#refusal(error));
      this.#told = false;
      return;
    }
    const importing = this.#queue(async () => {
      try {
        await this.#until(records);
        await this.#write(records, undefined, pieces, kept);
      } catch (error) {
        if (buffer.failure === undefined) {
          this.#fail(this.#refusal(error));
        }
        throw error;
      } finally {
        this.#held.splice(this.#held.indexOf(held), 1);
        if (this.#importing === importing) {
          this.#importing = undefined;
        }
      }
      await this.#until(records + 1);
      await this.#removeOld(); // the segment before, too: it leads to another state
    });
    this.#importing = importing;
    importing.catch(() => undefined);
  }

  /** Copies what the state is: it may change before that is written. */
  #copy(flags: number): Uint8Array[] {
    this.#marked = false;
    const pieces: Uint8Array[] = [];
    for (const piece of this.#state.pieces(flags)) {
      pieces.push(piece.slice());
    }
    this.#marked = true;
    return pieces;
  }

  /** Writes a snapshot, proves it, and removes what it stands for. Tries once more. */
  async #write(
    records: number,
    builtOn: number | undefined,
    pieces: readonly Uint8Array[],
    kept: number,
  ): Promise<void> {
    const storage = this.#storage;
    const name = fileName(builtOn === undefined ? "snapshot" : "increment", records);
    const header = { records, id: this.#id, builtOn, mark: this.#mark };
    let bytes: number;
    try {
      bytes = await writeSnapshot(storage, name, header, pieces);
    } catch {
      try {
        bytes = await writeSnapshot(storage, name, header, pieces);
      } catch (cause) {
        await storage.remove(name).catch(() => undefined); // gives its room back; opening would do so, too
        throw failure(`${storage.name}: ${name} cannot be written`, cause);
      }
    }
    this.#chain = [...(builtOn === undefined ? [] : this.#chain), { records, bytes }];
    this.#kept = kept;
    this.#lastCheckpoint = new Date(this.#clock());
    try {
      await this.#removeOld();
    } catch {
      await this.#removeOld().catch(this.#settings.onError);
    }
  }

  /** Removes what the newest snapshot stands for. */
  async #removeOld(): Promise<void> {
    const records = this.#chain.at(-1)?.records ?? 0;
    const needed = this.#chain.map((file, i) =>
      fileName(i === 0 ? "snapshot" : "increment", file.records),
    );
    for (const name of await this.#storage.list()) {
      const file = parseName(name);
      const old = file !== undefined && file.number <= records && !needed.includes(name);
      if (old && !(file.kind === "log" && file.number === this.#segment)) {
        await this.#storage.remove(name);
      }
    }
  }
}

/** Whether there is no database, or one whose making was interrupted before it was there. */
function isNew({ segments, snapshots, bad }: Survey): boolean {
  return (
    snapshots.length === 0 &&
    bad.length === 0 &&
    segments.every(({ first, report }) => {
      const { header, last, behind } = report;
      return last === undefined && behind === undefined && (header === undefined || first === 1);
    })
  );
}

function newId(): Uint8Array<ArrayBuffer> {
  return crypto.getRandomValues(new Uint8Array(16));
}
