import { DeltaVectorDB } from "../database.ts";
import type { DurableDeltaVectorDB } from "../durable.ts";
import { DeltaError } from "../errors.ts";
import type { Followed } from "../follow-parts.ts";
import type { Following, FollowServerOptions } from "../follow-types.ts";
import { Listeners } from "../listeners.ts";
import { LOCAL_ONLY } from "../remote.ts";
import { openReadable, openWritable } from "../stream-doors.ts";
import type { WritableOptions } from "../stream-types.ts";
import type {
  DeltaEvent,
  DeltaEventListener,
  DeltaListenerOptions,
  ExportOptions,
  FollowOptions,
  ResolvedDeltaDBOptions,
} from "../types.ts";
import type { RecoveryReport } from "./recovery.ts";
import type { Durability, StoredDatabase } from "./stored.ts";

/** `util.inspect` of Node. */
type Inspect = (value: unknown, options: object) => string;
/** Any method of a database. */
type Method = (this: DeltaVectorDB, ...args: readonly unknown[]) => unknown;

/**
 * The face of a database in this thread that is kept in a storage. Here are the members that are not just carried out; all
 * others are made from those that DeltaVectorDB has.
 */
export class DurableFace
  implements Pick<DurableDeltaVectorDB, Extract<keyof DurableFace, keyof DurableDeltaVectorDB>>
{
  readonly #stored: StoredDatabase;
  readonly #listeners: Listeners<DurableDeltaVectorDB>;
  #closing: Promise<void> | undefined;

  private constructor(stored: StoredDatabase) {
    this.#stored = stored;
    this.#listeners = new Listeners(this as unknown as DurableDeltaVectorDB, (listener) =>
      stored.db.onDelta(listener),
    );
  }

  /** Makes the face of an open database. */
  static of(stored: StoredDatabase): DurableDeltaVectorDB {
    return new DurableFace(stored) as unknown as DurableDeltaVectorDB;
  }

  static {
    Object.defineProperty(DurableFace.prototype, Symbol.for("nodejs.util.inspect.custom"), {
      value(this: DurableFace, _depth: number, options: object, inspect?: Inspect): unknown {
        return this.#inspect(options, inspect);
      },
    });
    const members = Object.getOwnPropertyDescriptors(DeltaVectorDB.prototype);
    for (const [name, { get, value }] of Object.entries(members)) {
      if (name in DurableFace.prototype || (LOCAL_ONLY as readonly string[]).includes(name)) {
        continue;
      }
      const made = {
        get [name](): unknown {
          return (this as unknown as DurableFace).#run((db) => get?.call(db));
        },
      };
      const method = {
        [name](...args: unknown[]): unknown {
          return (this as unknown as DurableFace).#run((db) => (value as Method).apply(db, args));
        },
      };
      const descriptor = Object.getOwnPropertyDescriptor(get === undefined ? method : made, name);
      Object.defineProperty(DurableFace.prototype, name, { ...descriptor, enumerable: false });
    }
  }

  get options(): ResolvedDeltaDBOptions {
    return this.#stored.db.options;
  }

  get recovery(): RecoveryReport {
    return this.#stored.recovery;
  }

  get storage(): string {
    return this.#stored.storage;
  }

  get durability(): Durability {
    return this.#stored.durability;
  }

  get role(): "leader" | "follower" {
    return "leader";
  }

  writable(options?: WritableOptions): WritableStream {
    this.#db();
    return openWritable(this as unknown as DurableDeltaVectorDB, options);
  }

  readable(options?: FollowOptions): ReadableStream<DeltaEvent> {
    return openReadable(this.deltas(options));
  }

  exportStream(options?: ExportOptions): ReadableStream<Uint8Array<ArrayBuffer>> {
    return this.#db().exportStream(options);
  }

  deltas(options?: FollowOptions): AsyncIterableIterator<DeltaEvent, undefined, void> {
    return this.#db().deltas(options);
  }

  async *ids(): AsyncIterableIterator<string, undefined, void> {
    yield* this.#db().ids();
  }

  async addEventListener(
    type: "delta",
    listener: DeltaEventListener<DurableDeltaVectorDB> | null,
    options?: DeltaListenerOptions | boolean,
  ): Promise<void> {
    this.#db();
    this.#listeners.add(type, listener, options);
  }

  async removeEventListener(
    type: "delta",
    listener: DeltaEventListener<DurableDeltaVectorDB> | null,
    _options?: unknown,
  ): Promise<void> {
    this.#listeners.remove(type, listener);
  }

  /** As on this thread: what it needs of the database it calls there. */
  async follow(url: string | URL, options?: FollowServerOptions): Promise<Following> {
    const { follow } = await import("../follow.ts");
    return follow(this as unknown as Followed, url, options);
  }

  async flush(): Promise<void> {
    this.#db();
    await this.#stored.flush();
  }

  async checkpoint(): Promise<void> {
    this.#db();
    await this.#stored.checkpoint();
  }

  close(): Promise<void> {
    this.#closing ??= this.#stored.close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  get [Symbol.toStringTag](): string {
    return "DurableDeltaVectorDB";
  }

  /** The database, while calls are let in. */
  #db(): DeltaVectorDB {
    if (this.#closing !== undefined) {
      throw new DeltaError("CLOSED", "the database is closed");
    }
    return this.#stored.db;
  }

  /** Carries out a call at once; its answer comes when what it changed is safe. */
  #run(call: (db: DeltaVectorDB) => unknown): Promise<unknown> {
    return this.#closing === undefined
      ? this.#stored.run(call)
      : Promise.reject(new DeltaError("CLOSED", "the database is closed"));
  }

  /** What is shown of it. */
  #inspect(options: object, inspect?: Inspect): unknown {
    const { storage, durability, recovery } = this.#stored;
    const shown = { storage, durability, recovery, options: this.options };
    return inspect === undefined ? shown : `DurableDeltaVectorDB ${inspect(shown, options)}`;
  }
}
