import type { Connection, Scope } from "../connection.ts";
import type { Readers } from "../readers.ts";
import type { DurableDeltaVectorDB } from "../remote.ts";
import { RemoteFace } from "../remote-face.ts";
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
export class DurableFace
  extends RemoteFace
  implements Pick<DurableDeltaVectorDB, Extract<keyof DurableFace, keyof DurableDeltaVectorDB>>
{
  /** Makes the face of an open database. */
  static durable(
    connection: Connection,
    { options, recovery }: TabOpened,
    rest: Omit<Stored, "recovery"> & {
      readonly name: string;
      readonly readers: Readers | undefined;
    },
  ): DurableDeltaVectorDB {
    const { name, readers, ...own } = rest;
    stored.set(connection, { ...own, recovery });
    return DurableFace.of(connection, options, name, readers) as DurableDeltaVectorDB;
  }

  get #stored(): Stored {
    return stored.get(this.connection) as Stored;
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
    const scope: Scope | undefined = this.scope;
    return this.connection.call<void>(method, [], scope);
  }
}
