/** What `bench scale` measures. */
export const PARTS = ["shards", "ingest", "service", "browser", "faults"] as const;
export type Part = (typeof PARTS)[number];

/** Cost of a search: processor time in microseconds, and recall@10 at an `efSearch`. */
export interface SearchCost {
  readonly us: number;
  readonly ef: number;
  readonly recall: number;
}

/** Part `shards`: one database, and the same vectors in shards, with one graph over all and without. */
export interface ShardFigures {
  readonly one: SearchCost;
  readonly joint: SearchCost;
  readonly each: SearchCost;
  readonly shards: number;
  /** Bytes a vector of the graph over all. */
  readonly joint_bytes: number;
  readonly settle_s: number;
}

/** Part `ingest`: vectors a second into one shard. */
export interface IngestFigures {
  readonly vectors: number;
  readonly direct_per_s: number;
  readonly kafka_per_s: number;
}

/** Part `service`. */
export interface ServiceFigures {
  readonly ack_ms_p50: number;
  readonly ack_ms_p99: number;
  /** Search over HTTP with all shards in one process, and in two. */
  readonly search_ms_p50: number;
  readonly search2_ms_p50: number;
  readonly followers: number;
  /** Deltas a second that were sent to them. */
  readonly deltas_per_s: number;
  /** Processors that the node took meanwhile. */
  readonly followers_cpu: number;
  /** Deltas that the follower was behind, and seconds until it was not. */
  readonly behind: number;
  readonly catch_up_s: number;
}

/** Part `browser`: from an edit in one page to a search that finds it in another. */
export interface BrowserFigures {
  readonly edits: number;
  readonly edit_ms_p50: number;
  readonly edit_ms_max: number;
}

/** A call of an engine in WebAssembly: two pages that follow a service. */
export type ScaleRequest =
  | { readonly part: "follow"; readonly url: string; readonly dimensions: number }
  | { readonly part: "edit"; readonly id: string; readonly vector: readonly number[] }
  | { readonly part: "seen"; readonly id: string; readonly vector: readonly number[] }
  | { readonly part: "end" };
