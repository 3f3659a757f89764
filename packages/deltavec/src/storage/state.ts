import { type Backstage, backstage, DeltaVectorDB } from "../database.ts";
import { describe, invalid } from "../errors.ts";
import { resolve } from "../options.ts";
import { exportPieces, HISTORY, Importer, INDEX } from "../snapshot.ts";
import type { DeltaDBOptions, ResolvedDeltaDBOptions } from "../types.ts";
import {
  APPLY,
  COMPACT,
  type LogRecord,
  MERGE,
  type OpenPayload,
  readCompact,
  readRollback,
  viewOf,
} from "./log.ts";
import type { LoggedState, SnapshotImport } from "./recovery.ts";

/** Options that are kept with a database. The others are of this process alone. */
const STORED = [
  "dimensions",
  "maxVectors",
  "compression",
  "history",
  "checkpointInterval",
  "autoCompact",
  "precision",
  "maxClockAheadMs",
  "hnswM",
  "hnswEfConstruction",
  "hnswEfSearch",
  "metric",
  "quantization",
  "keepFloats",
  "recallSampleRate",
] as const satisfies readonly (keyof ResolvedDeltaDBOptions)[];

/** Those of them that a database has for good. */
const FIXED = [
  "dimensions",
  "metric",
  "precision",
  "keepFloats",
  "history",
  "hnswM",
  "quantization",
] as const satisfies readonly (typeof STORED)[number][];

/**
 * Puts options that are asked for over those that a database has.
 *
 * @param stored - the database's; undefined for a new one
 * @param given - as given; what is not there is as stored, or has its default
 * @param name - the storage's, for messages
 * @throws DeltaError INVALID_ARGUMENT for one that is wrong, or cannot be changed
 */
export function settleOptions(
  stored: Readonly<Record<string, unknown>> | undefined,
  given: DeltaDBOptions,
  name: string,
): ResolvedDeltaDBOptions {
  const own = Object.fromEntries(
    STORED.filter((option) => stored?.[option] !== undefined).map((option) => [
      option,
      stored?.[option],
    ]),
  );
  const asked = Object.fromEntries(
    Object.entries(given).filter(([, value]) => value !== undefined),
  ) as DeltaDBOptions;
  const options = resolve({ ...own, ...asked });
  for (const option of FIXED) {
    const has = own[option];
    if (has !== undefined && JSON.stringify(has) !== JSON.stringify(options[option])) {
      throw invalid(
        `option ${option} of the database in ${name} is ${show(has)}, and cannot become ${show(options[option])}`,
      );
    }
  }
  return options;
}

/** Returns the options that are kept. */
export function storedOptions(options: ResolvedDeltaDBOptions): Record<string, unknown> {
  return Object.fromEntries(STORED.map((option) => [option, options[option]]));
}

function show(value: unknown): string {
  return typeof value === "object" ? JSON.stringify(value) : describe(value);
}

/** A database as a state that a log and snapshots keep. */
export class DatabaseState implements LoggedState {
  readonly #given: DeltaDBOptions;
  readonly #replica: string;
  readonly #now: () => number;
  /** What the clock says while a record is done again. */
  #clock: number | undefined;
  #db: DeltaVectorDB | undefined;
  #options = "";

  /**
   * @param given - the options of this process: clock, onError, idleRepair and the like
   * @param replica - the own replica, once all is done again
   */
  constructor(given: DeltaDBOptions, replica: string) {
    this.#given = given;
    this.#replica = replica;
    this.#now = given.now ?? Date.now;
  }

  /** The database, once it was opened. */
  get db(): DeltaVectorDB {
    return this.#db as DeltaVectorDB;
  }

  open({ replica, options }: OpenPayload): void {
    const stored = JSON.stringify(STORED.map((name) => options[name]));
    const before = this.#db;
    if (before === undefined) {
      this.#db = this.#make(options);
    } else if (stored !== this.#options) {
      // Other options: another database with what is in this one.
      const pieces = Array.from(this.pieces(INDEX | HISTORY), (piece) => piece.slice());
      const db = this.#make(options);
      this.#db = db;
      const importing = this.begin();
      for (const piece of pieces) {
        importing.feed(piece);
      }
      importing.end();
      before.close();
    }
    this.#options = stored;
    this.#back.instance.setReplica(replica);
  }

  begin(): SnapshotImport {
    const { instance, restored } = this.#back;
    const importer = new Importer(instance);
    return {
      feed: (chunk) => importer.feed(chunk),
      end: () => {
        const { indexKept, sequence } = importer.end();
        restored();
        return { indexRebuilt: !indexKept, sequence };
      },
      abort: () => importer.abort(),
    };
  }

  replay(record: LogRecord): number {
    const { kind, count, payload } = record;
    const { db } = this;
    const { instance, ids, applyFrames } = this.#back;
    this.#clock = record.clock;
    try {
      switch (kind) {
        case APPLY:
          applyFrames(payload, count);
          return instance.words[instance.output + 4 * count - 2];
        case MERGE:
          db.merge(payload);
          return 0;
        case COMPACT: {
          const { id, before, keepLast, maxBytes } = readCompact(record);
          instance.put(id);
          instance.compact(id.length, before, keepLast, maxBytes);
          return 0;
        }
        default: {
          const { id, delta } = readRollback(record);
          const view = viewOf(delta);
          const [time, timeTop, sequence] = [
            view.getUint32(0, true),
            view.getUint16(4, true),
            view.getUint32(6, true),
          ];
          const replica = view.getUint32(10, true) + view.getUint16(14, true) * 2 ** 32;
          db.rollbackTo(id, ids.formatOf(time, timeTop, sequence, replica));
          return instance.words[instance.output + 4 * count - 2];
        }
      }
    } finally {
      this.#clock = undefined;
    }
  }

  opened(): OpenPayload {
    const { options } = this.db;
    return { replica: options.replicaId, options: storedOptions(options) };
  }

  pieces(flags: number): Iterable<Uint8Array> {
    return exportPieces(this.#back.instance, flags);
  }

  /** Forgets the database: it could not be brought to what is stored. */
  drop(): void {
    this.#db?.close();
  }

  #make(options: Readonly<Record<string, unknown>>): DeltaVectorDB {
    const stored = Object.fromEntries(STORED.map((name) => [name, options[name]]));
    return new DeltaVectorDB({
      ...this.#given,
      ...(stored as DeltaDBOptions),
      replicaId: this.#replica,
      now: () => this.#clock ?? this.#now(),
    });
  }

  get #back(): Backstage {
    return backstage(this.db);
  }
}
