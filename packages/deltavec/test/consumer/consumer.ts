// What an application writes: checked against the package's declarations, with few and with many platform types.
import {
  type ChainDelta,
  type CompactionStats,
  type ConnectOptions,
  type DeltaChain,
  type DeltaChange,
  type DeltaDBOptions,
  DeltaError,
  type DeltaErrorCode,
  type DeltaEvent,
  type DeltaEventObject,
  type DeltaOperation,
  type DeltaOrigin,
  type DeltaQuantization,
  type DeltaStats,
  DeltaStreamProcessor,
  DeltaVectorDB,
  detect,
  diff,
  type Features,
  type FilterFunction,
  type IndexReport,
  type IndexStats,
  type InitSource,
  init,
  type MergeResult,
  type MetadataFilter,
  type RemoteDeltaVectorDB,
  type RepairStats,
  type SearchOptions,
  type SearchResult,
  type VectorDelta,
} from "deltavec";
import { type ChannelHandle, type ChannelReport, DeltaChannel } from "deltavec/channel";
import { ComponentError, init as componentInit, type Refusal } from "deltavec/component";
import { instantiate, type VectorDelta as SmallDelta } from "deltavec/component/delta-vector";
import { type MeasureDetail, measure } from "deltavec/measure";
import { DeltaVectorDB as SlimDB, init as slimInit } from "deltavec/slim";
import {
  broadcast,
  broadcastDeltas,
  DeltaDecoderStream,
  DeltaEncoderStream,
  deltaToJson,
  encodeDeltas,
  eventSourceDeltas,
  fetchDeltas,
  parseDeltas,
  webSocketDeltas,
} from "deltavec/streams";

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
  const checkpoint: Date | null | undefined = stats.storage?.lastCheckpoint;
  const stop: () => void = measure(db, { label: `${checkpoint}` });
  const detail: MeasureDetail = { method: "search", items: 1 };
  stop();
  detail.error?.toString();
  const vector: Float32Array | null = db.getVector(id);
  const all: string[] = [...db.ids(), ...ids, String(stats.size), String(vector?.length)];
  return db.search(new Float32Array(all.length), 10);
}

export async function follow(db: DeltaVectorDB, signal: AbortSignal): Promise<DeltaOrigin[]> {
  const origins: DeltaOrigin[] = [];
  for await (const delta of db.deltas({ since: db.position, origin: "merge", signal })) {
    const { deltaId, origin, position }: DeltaEvent = delta;
    origins.push(origin);
    console.log(deltaId, position);
  }
  const listener = (event: DeltaEventObject<DeltaVectorDB>): void => {
    console.log(event.detail.vectorId, event.target.size);
  };
  db.addEventListener("delta", listener, { once: true, signal });
  db.removeEventListener("delta", listener);
  db.onDelta(() => {}, { since: 0, origin: "local" })();
  return origins;
}

export function past(db: DeltaVectorDB, other: DeltaVectorDB): CompactionStats {
  const when = new Date(0);
  const vector: Float32Array | null = db.getVectorAt("a", when);
  const metadata: Record<string, unknown> | null = db.getMetadataAt("a", when);
  const hits: SearchResult[] = db.searchAt(new Float32Array(3), 1, when);
  const chain: DeltaChain = db.getDeltaChain("a");
  const last: ChainDelta | undefined = chain.deltas.at(-1);
  const ids: string[] = db.rollbackTo("a", last?.deltaId ?? "");
  const result: MergeResult = other.merge(db.deltasSince(other.cursor()));
  const bytes: Uint8Array = result.rejected.bytes;
  const change: DeltaChange | null = diff(new Float32Array(3), new Float32Array(3), {
    tolerance: 0.1,
    metadata: { n: 1 },
  });
  if (change !== null) {
    db.applyDelta({ vectorId: "a", ...change });
  }
  console.log(vector, metadata, hits, ids, bytes, chain.horizon?.getTime());
  return db.compact({ before: when, keepLast: 3, ids: ["a"] });
}

export function find(db: DeltaVectorDB, query: Float32Array): SearchResult[][] {
  const wanted: MetadataFilter = {
    and: [
      { field: "lang", in: ["en", "de"] },
      { not: { field: ["author", "name"], equals: null } },
      {
        or: [
          { field: "year", range: { gte: 1900, lt: 2000 } },
          { field: "year", exists: false },
        ],
      },
    ],
  };
  const filter: FilterFunction = (id, { draft } = {}) => id !== "a" && draft !== true;
  const options: SearchOptions = { efSearch: 100, filter, metric: "dot", exact: false };
  return [db.search(query, 10, { filter: wanted }), ...db.searchBatch([query, query], 3, options)];
}

export function health(db: DeltaVectorDB): [IndexReport, IndexStats, DeltaQuantization] {
  const { repaired, pending }: RepairStats = db.repair({ budgetMs: 5 });
  console.log(repaired, pending, db.checkIndex().firstBad?.length);
  return [db.checkIndex(), db.stats().index, db.options.quantization];
}

export async function remote(signal: AbortSignal, script: URL): Promise<DeltaStats> {
  const options: ConnectOptions = { dimensions: 3, worker: script, name: "vectors" };
  await using db: RemoteDeltaVectorDB = await DeltaVectorDB.connect(options);
  const same: RemoteDeltaVectorDB = await SlimDB.connect();
  await same.close();
  const query = new Float32Array(3);
  const operation: DeltaOperation = { type: "create", vector: query };
  const id: string = await db.applyDelta({ vectorId: "a", operation });
  const ids: string[] = await db.applyDeltas([{ vectorId: "b", operation }]);
  const size: number = await db.size;
  const position: number = await db.position;
  const dimensions: number = db.options.dimensions;
  const hits: SearchResult[] = await db.with({ signal }).search(query, 10, { filter: () => true });
  const batch: SearchResult[][] = await db.searchBatch([query], 10);
  const vector: Float32Array | null = await db.getVector("a");
  const there: boolean = await db.has("a");
  for await (const each of db.ids()) {
    console.log(each.length);
  }
  for await (const { deltaId, timestamp } of db.deltas({ since: 0, signal })) {
    console.log(deltaId, timestamp.getTime());
  }
  const unsubscribe: () => void = await db.onDelta((event: DeltaEvent) => console.log(event));
  unsubscribe();
  await db.addEventListener(
    "delta",
    ({ target, detail }: DeltaEventObject<RemoteDeltaVectorDB>) => {
      console.log(target.options, detail.position);
    },
  );
  const channel = await db.channel({ onError: "skip" });
  const sent: boolean = channel.send({ vectorId: "c", operation });
  const { applied, skippedCount }: ChannelReport = await channel.close();
  const handle: ChannelHandle = await db.channelHandle({ shared: false });
  new DeltaChannel(handle).send({ vectorId: "d", operation });
  console.log(
    id,
    ids,
    size,
    position,
    dimensions,
    hits,
    batch,
    vector,
    there,
    sent,
    applied,
    skippedCount,
  );
  // @ts-expect-error: there is no memory to view
  db.getVectorView("a");
  // @ts-expect-error: nor to ask for
  db.getMemory();
  // @ts-expect-error: answers come later
  const early: number = db.size;
  console.log(early);
  // @ts-expect-error: it is closed later, too
  using wrong = db;
  console.log(wrong);
  return db.stats();
}

// @ts-expect-error: bounds are of one type
export const mixed: MetadataFilter = { field: "n", range: { gt: 1, lt: "2" } };

export function codeOf(error: unknown): DeltaErrorCode | undefined {
  return error instanceof DeltaError ? error.code : undefined;
}

// @ts-expect-error: an operation has a type that is known
export const wrong: DeltaOperation = { type: "rotate" };

export async function stream(db: DeltaVectorDB, signal: AbortSignal): Promise<number> {
  const { supported, build }: Features = detect();
  if (!supported || build === null) {
    return 0;
  }
  const processor = new DeltaStreamProcessor(db, { poolSize: 65_536 });
  const resume = (mark: string | undefined): string => JSON.stringify({ since: mark ?? null });
  await processor.streamDeltas(webSocketDeltas("wss://example.org", { resume, signal }), {
    cursor: processor.cursor,
    onError: "skip",
    onSkip: ({ index, code, message }) => console.log(index, code, message),
    onProgress: ({ applied, skipped, bytes }) => console.log(applied, skipped, bytes),
    signal,
  });
  await processor.streamDeltas(eventSourceDeltas(new URL("https://example.org/events")));
  await processor.streamDeltas(fetchDeltas("https://example.org/deltas", { from: 7 }));
  const end: () => void = broadcast(db, "deltas", { signal });
  await processor.streamDeltas(broadcastDeltas("deltas", { since: db.cursor() }));
  end();
  const response = new Response(encodeDeltas(parseDeltas("[]")));
  await response.body?.pipeTo(db.writable());
  await db.readable({ since: 0 }).pipeThrough(new DeltaEncoderStream()).pipeTo(db.writable());
  await new Response().body?.pipeThrough(new DeltaDecoderStream()).pipeTo(db.writable());
  const text: string = JSON.stringify(
    deltaToJson({ vectorId: "a", operation: { type: "delete" } }),
  );
  return text.length;
}

export async function component(source: InitSource): Promise<string | undefined> {
  const { Database } = await componentInit(source);
  using db = Database.open({ dimensions: 3, metric: "dot", replica: 7n });
  const val = new Float32Array(3);
  try {
    db.apply([{ vectorId: "a", operation: { tag: "create", val }, metadata: "{}", timestamp: 1n }]);
  } catch (error) {
    if (error instanceof ComponentError) {
      const { tag, val } = (error as ComponentError<Refusal>).payload;
      return `${tag}: ${val.message}`;
    }
  }
  const { next } = db.ids(0, 10);
  const [hit] = db.search(val, 3, { exact: next === undefined });
  // @ts-expect-error: databases are opened
  new Database();
  const small = await instantiate();
  const delta: SmallDelta = { vectorId: hit.id, operation: { tag: "delete" } };
  return new small.Database(3).applyDelta(delta);
}
