import type { ConnectOptions, DurableDeltaVectorDB } from "deltavec";
import type { StorageRequest, StrictFigures } from "./protocol.ts";

/** What is asked of {@link Places.strict}. */
export type StrictRequest = Pick<StorageRequest, "data" | "n" | "rounds" | "folder">;

/** Where an engine keeps databases. */
export interface Places {
  /** Option `worker` of `connect`. */
  readonly worker: NonNullable<ConnectOptions["worker"]>;
  /** Milliseconds that this process was on processors; 0 where that cannot be told. */
  cpu(): number;
  /** URL of a database in files of the platform. */
  url(folder: string, name: string): string;
  /** Opens one, as an application there does. */
  open(url: string, options: ConnectOptions): Promise<DurableDeltaVectorDB>;
  /** Measures part `strict` on a thread that may use such files. */
  strict(request: StrictRequest): Promise<StrictFigures>;
}

/** A file of the platform, without anything of deltavec about it. */
export interface RawFile {
  write(at: number, bytes: Uint8Array): void;
  /** Returns when what was written is on disk. */
  flush(): void;
  close(): void;
}
