// A page with a database and the sources of deltavec/streams, driven from outside.
import { DeltaStreamProcessor, DeltaVectorDB, init } from "deltavec";
import {
  broadcast,
  broadcastDeltas,
  eventSourceDeltas,
  fetchDeltas,
  parseDeltas,
  webSocketDeltas,
} from "deltavec/streams";

/** What a stream came to. */
export interface Outcome {
  readonly applied?: number;
  readonly code?: string;
  readonly message?: string;
  readonly cursor: string | number | undefined;
  readonly digest: string;
}

/** Options of a source that can be sent. */
interface Options {
  from?: string | number;
  maxBuffered?: number;
  endEvent?: string;
  event?: string;
  reconnect?: boolean | { minDelayMs: number; maxDelayMs: number; maxAttempts?: number };
}

let db: DeltaVectorDB;
let processor: DeltaStreamProcessor;
let stop = (): void => {};

const sourcesPage = {
  async open(replicaId: string): Promise<void> {
    await init();
    db = new DeltaVectorDB({ dimensions: 3, replicaId, now: () => 1_700_000_000_000 });
    processor = new DeltaStreamProcessor(db);
  },

  apply: (json: string): void => void db.applyDeltas(parseDeltas(json)),

  state: (): { position: number; digest: string } => ({
    position: db.position,
    digest: db.stateDigest(),
  }),

  /** Broadcasts, and hears others, until the page is closed. */
  join(channel: string): void {
    stop();
    stop = broadcast(db, channel);
    void processor.streamDeltas(broadcastDeltas(channel, { since: db.cursor() }));
  },

  async stream(kind: string, url: string, options: Options, most?: number): Promise<Outcome> {
    const controller = new AbortController();
    const source =
      kind === "events"
        ? eventSourceDeltas(url, options)
        : kind === "given events"
          ? eventSourceDeltas(new EventSource(url), options)
          : kind === "fetch"
            ? fetchDeltas(url, options)
            : webSocketDeltas(url, {
                ...options,
                resume: (mark) => JSON.stringify({ since: mark ?? null }),
              });
    const end = (): Pick<Outcome, "cursor" | "digest"> => ({
      cursor: processor.cursor,
      digest: db.stateDigest(),
    });
    try {
      const applied = await processor.streamDeltas(source, {
        signal: controller.signal,
        onProgress: (progress) =>
          most !== undefined && progress.applied >= most && controller.abort(),
      });
      return { applied, ...end() };
    } catch (error) {
      const { code, message, name } = error as Error & { code: string };
      return { code: name === "DeltaError" ? code : name, message, ...end() };
    }
  },
};

declare global {
  var sources: typeof sourcesPage;
}

globalThis.sources = sourcesPage;
