import type { DeltaVectorDB } from "../database.ts";
import { joined } from "../joined.ts";
import type { SnapshotImport } from "./recovery.ts";

/** How the whole of a database is written and read. */
export interface SnapshotPort {
  /** Writes it; `flags` as of `LoggedState.pieces`. */
  pieces(flags: number): Iterable<Uint8Array>;
  /** Reads it. */
  begin(): SnapshotImport;
  /** Makes another replica the own. */
  replica(id: string): void;
}

/** Returns the port of a database. */
export function portOf(db: DeltaVectorDB): SnapshotPort {
  return {
    *pieces() {
      yield db.deltasSince();
    },
    begin() {
      const parts: Uint8Array[] = [];
      return {
        feed: (chunk) => {
          parts.push(chunk.slice());
        },
        end: () => {
          db.merge(joined(parts));
          return { indexRebuilt: true, sequence: 0 };
        },
        abort: () => {},
      };
    },
    replica() {},
  };
}
