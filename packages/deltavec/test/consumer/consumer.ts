// What an application writes: checked against the package's declarations, with few and with many platform types.
import {
  type DeltaDBOptions,
  DeltaError,
  type DeltaErrorCode,
  type DeltaEvent,
  type DeltaOperation,
  type DeltaStats,
  DeltaVectorDB,
  type InitSource,
  init,
  type SearchResult,
  type VectorDelta,
} from "deltavec";
import { DeltaVectorDB as SlimDB, init as slimInit } from "deltavec/slim";

export async function load(bytes: Uint8Array, source: InitSource): Promise<void> {
  await init();
  await init(bytes);
  await slimInit(new URL("file:///deltavec.wasm"));
  await slimInit(source);
}

export function use(options: DeltaDBOptions): SearchResult[] {
  using db = new DeltaVectorDB(options);
  const same: DeltaVectorDB = new SlimDB({});
  same.close();
  const operation: DeltaOperation = {
    type: "sparse",
    indices: Uint32Array.of(1),
    values: Float32Array.of(1),
  };
  const delta: VectorDelta = {
    vectorId: "a",
    operation,
    metadata: { n: 1 },
    timestamp: new Date(),
  };
  const id: string = db.applyDelta(delta);
  const ids: string[] = db.applyDeltas([delta]);
  const unsubscribe: () => void = db.onDelta((event: DeltaEvent) => {
    if (event.operation.type === "create") {
      db.search(event.operation.vector, event.timestamp.getTime());
    }
  });
  unsubscribe();
  const stats: DeltaStats = db.stats();
  const vector: Float32Array | null = db.getVector(id);
  const all: string[] = [...db.ids(), ...ids, String(stats.size), String(vector?.length)];
  return db.search(new Float32Array(all.length), 10);
}

export function codeOf(error: unknown): DeltaErrorCode | undefined {
  return error instanceof DeltaError ? error.code : undefined;
}

// @ts-expect-error: an operation has a type that is known
export const wrong: DeltaOperation = { type: "rotate" };
