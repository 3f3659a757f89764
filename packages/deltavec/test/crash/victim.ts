// What runs beside a database that will be killed: does what it is told line by line, and says what is done.
import type { DurableDeltaVectorDB } from "deltavec";
import { readBatch } from "./work.ts";

/** What a victim says of a database that it has opened. */
export interface Opened {
  readonly position: number;
  readonly digest: string;
  /** Bytes of a torn tail that were cut. */
  readonly cutBytes: number;
  /** Whether something in the middle was given up. */
  readonly lost: boolean;
}

/**
 * A victim: it understands
 * - `apply N BATCH`, answered once it is on disk by `acknowledged N DIGEST ID,ID,…`: the digest as it was behind the batch
 * - `checkpoint`, answered by `checkpointed`
 * - `chains ID,ID,…`, answered by `chains` and for each id, parted by spaces, the ids of its deltas, parted by commas
 * - `close`, answered by `closed`.
 *
 * Commands begin in the order in which they come; none waits for those before it.
 */
export class Victim {
  readonly #db: DurableDeltaVectorDB;
  readonly #answer: (line: string) => void;

  constructor(db: DurableDeltaVectorDB, answer: (line: string) => void) {
    this.#db = db;
    this.#answer = answer;
  }

  /** Says `opened` with {@link Opened} as JSON. */
  async begin(): Promise<void> {
    const { cutBytes, lost } = this.#db.recovery;
    const opened: Opened = {
      position: await this.#db.position,
      digest: await this.#db.stateDigest(),
      cutBytes,
      lost: lost !== undefined,
    };
    this.#answer(`opened ${JSON.stringify(opened)}`);
  }

  /** Does what a line says; what goes wrong is answered by `failed` and why. */
  async obey(line: string): Promise<void> {
    try {
      await this.#obey(line);
    } catch (error) {
      this.#answer(`failed ${line.slice(0, 40)}: ${error instanceof Error ? error.stack : error}`);
    }
  }

  async #obey(line: string): Promise<void> {
    const db = this.#db;
    const [, command, rest = ""] = /^(\w+) ?(.*)$/.exec(line) ?? [];
    switch (command) {
      case "apply": {
        const space = rest.indexOf(" ");
        const [ids, digest] = await Promise.all([
          db.applyDeltas(readBatch(rest.slice(space + 1))),
          db.stateDigest(),
        ]);
        this.#answer(`acknowledged ${rest.slice(0, space)} ${digest} ${ids.join()}`);
        break;
      }
      case "checkpoint":
        await db.checkpoint();
        this.#answer("checkpointed");
        break;
      case "chains": {
        const chains = await Promise.all(rest.split(",").map((id) => db.getDeltaChain(id)));
        const ids = chains.map(({ deltas }) => deltas.map(({ deltaId }) => deltaId).join());
        this.#answer(`chains ${ids.join(" ")}`);
        break;
      }
      case "close":
        await db.close();
        this.#answer("closed");
        break;
      default:
        throw new Error(`what is ${command}?`);
    }
  }
}
