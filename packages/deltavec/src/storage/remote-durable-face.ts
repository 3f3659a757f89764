import type { Connection } from "../connection.ts";
import type { Readers } from "../readers.ts";
import type { RemoteDurableDeltaVectorDB } from "../remote.ts";
import { RemoteFace } from "../remote-face.ts";
import type { ResolvedDeltaDBOptions } from "../types.ts";
import type { RecoveryReport } from "./recovery.ts";
import type { Durability } from "./stored.ts";
import type { TabClient, TabOpened } from "./tab-client.ts";

/** What the faces of one database with a storage share besides. */
interface Stored {
  readonly client: TabClient;
  readonly recovery: RecoveryReport;
  readonly storage: string;
  readonly durability: Durability;
}

/** Of each connection. */
const stored = new WeakMap<Connection, Stored>();

/** The face of a database that has a storage, in a worker, another tab, or here. */
export class RemoteDurableFace
  extends RemoteFace
  implements
    Pick<RemoteDurableDeltaVectorDB, "recovery" | "role" | "flush" | "checkpoint" | "close">
{
  /** Makes the face of an open database. */
  static ofStored(
    connection: Connection,
    { options, recovery }: TabOpened,
    rest: Omit<Stored, "recovery"> & {
      readonly name: string;
      readonly readers: Readers | undefined;
    },
  ): RemoteDurableDeltaVectorDB {
    const { name, readers, ...own } = rest;
    stored.set(connection, { ...own, recovery });
    return RemoteDurableFace.of(
      connection,
      options,
      name,
      readers,
    ) as unknown as RemoteDurableDeltaVectorDB;
  }

  override get options(): ResolvedDeltaDBOptions {
    const { client } = this.#stored;
    const { replica } = client;
    if (replica !== undefined) {
      client.replica = undefined;
      RemoteFace.become(this, super.options, replica);
    }
    return super.options;
  }

  get #stored(): Stored {
    return stored.get(RemoteFace.partsOf(this).connection) as Stored;
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
    return this.#stored.client.leads ? "leader" : "follower";
  }

  /**
   * How many tabs it has worked through: with each but the first, what was not on disk may be gone.
   *
   * @internal
   */
  get leaders(): number {
    return this.#stored.client.leaders;
  }

  flush(): Promise<void> {
    return this.#call("flush");
  }

  checkpoint(): Promise<void> {
    return this.#call("checkpoint");
  }

  override async close(): Promise<void> {
    await super.close();
    const { trouble } = this.#stored.client;
    if (trouble !== undefined) {
      throw trouble;
    }
  }

  override get [Symbol.toStringTag](): string {
    return "DurableDeltaVectorDB";
  }

  #call(method: string): Promise<void> {
    const { connection, scope } = RemoteFace.partsOf(this);
    return connection.call<void>(method, [], scope);
  }
}
