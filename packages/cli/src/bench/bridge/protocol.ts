/**
 * What `bench bridge` measures in an engine, each in a fresh page or process. `bench/README.md` defines the figures.
 *
 * - `codec`: deltas to frames in a pool, and frames to deltas
 * - `views`: a vector in place
 * - `batch`: {@link BATCH} deltas through a pool
 * - `ring`: a channel to the database's worker over shared memory
 * - `messages`: the same without shared memory
 * - `readers`: searches by one and by two readers, and beside a writer
 * - `soak`: a channel's ring under random sizes and stalls
 */
export const PARTS = ["codec", "views", "batch", "ring", "messages", "readers", "soak"] as const;

/** One of {@link PARTS}. */
export type Part = (typeof PARTS)[number];

/** Deltas in a batch. */
export const BATCH = 100;
/** Deltas of a round of a channel, for each vector of the database. */
export const STREAMED = 20;
/** The same, of large edits. */
export const MOVING = 5;
/** Deltas that a writer is to write in a second, beside readers. */
export const WRITES_PER_S = 1000;

/** One part, to be measured. */
export interface BridgeRequest {
  /** Folder (Node) or URL (Chromium) of the data set. */
  readonly data: string;
  readonly part: Part;
  /** Vectors in the database. */
  readonly n: number;
  /** Rounds of what is timed. */
  readonly rounds: number;
  /** Frames of the soak. */
  readonly soak: number;
}

/** What an engine reports on its way. */
export interface BridgeProgress {
  readonly doing: string;
}

/** A figure of each round. */
export interface Spread {
  readonly median: number;
  /** In the order in which they were measured. */
  readonly rounds: readonly number[];
}

/** What part `codec` found: microseconds for a sparse delta. */
export interface CodecFigures {
  /** `writeDelta` into a pool. */
  readonly encode_us: Spread;
  /** `decodeDeltas` of one sealed frame. */
  readonly decode_us: Spread;
  /** `encodeDeltas` of many: with the checksum. */
  readonly seal_us: Spread;
  /** `decodeDeltas` of many sealed frames. */
  readonly decode_many_us: Spread;
  /** `deltas()` of a pool: frames without a checksum. */
  readonly decode_pool_us: Spread;
  /** Bytes of a frame in the pool, in the mean. */
  readonly frame_bytes: number;
  /** Bytes of the longest of them. */
  readonly frame_bytes_most: number;
}

/** What part `views` found: microseconds for a vector. */
export interface ViewFigures {
  /** `getVectorView` of ids drawn from all. */
  readonly view_us: Spread;
  /** The same of a few ids in turn. */
  readonly warm_us: Spread;
}

/** Microseconds for a batch of {@link BATCH} sparse deltas. */
export interface BatchTimes {
  /** The writes to the pool and the flush. */
  readonly all_us: Spread;
  readonly encode_us: Spread;
  readonly flush_us: Spread;
}

/** What part `batch` found. */
export interface BatchFigures {
  /** A database without history. */
  readonly plain: BatchTimes;
  readonly history: BatchTimes;
  /** Large edits, without history, one batch behind the other: flushes link vectors anew, as nothing else does. */
  readonly moving: BatchTimes;
}

/** A stream of sparse deltas through a channel. */
export interface StreamFigures {
  /** Deltas of a round. */
  readonly deltas: number;
  /** Deltas applied in a second, from the first `send` until `flush` is fulfilled. */
  readonly applied_per_s: Spread;
  /** Microseconds of the sending thread for a delta, without what it waits. */
  readonly main_thread_us: Spread;
}

/** What the parts `ring` and `messages` found. */
export interface ChannelFigures {
  /** Bytes that may be under way. */
  readonly capacity: number;
  /** A database without history. */
  readonly plain: StreamFigures;
  readonly history: StreamFigures;
  /** Large edits, without history: while they come, the writer links vectors anew. */
  readonly moving: StreamFigures;
  /** Deltas taken in a second while there is room. */
  readonly offered_per_s: Spread;
  /** Deltas of a burst. */
  readonly burst: number;
}

/** Searches while deltas are written. */
export interface WriterFigures {
  /** Queries in a second. */
  readonly qps: Spread;
  /** Deltas that were really written in a second. */
  readonly writes_per_s: Spread;
  /** 1 - `qps` by that of the same readers without a writer, in each round. */
  readonly loss: Spread;
}

/** What part `readers` found: k = 10, all queries in one `searchBatch`. */
export interface ReaderFigures {
  readonly qps1: Spread;
  readonly qps2: Spread;
  /** `qps2` by `qps1` in each round. */
  readonly speedup: Spread;
  /** The most of `qps2` by the most of `qps1`. */
  readonly speedup_best: number;
  /** What two threads that only count do in each round, by what one does: what the machine had left for a second one. */
  readonly machine: Spread;
  /** Two readers beside a writer that sends by a channel. */
  readonly channel: WriterFigures;
  /** Two readers beside one that calls `applyDeltas`. */
  readonly calls: WriterFigures;
}

/** What part `soak` found. */
export interface SoakFigures {
  /** Frames sent. */
  readonly frames: number;
  /** Frames that came as they should. */
  readonly seen: number;
  /** Frames that did not: see {@link faults}. */
  readonly faults: number;
  /** What was wrong with the first of them. */
  readonly error: string | null;
  readonly seconds: number;
}

/** What each part finds. */
export interface BridgeResults {
  readonly codec: CodecFigures;
  readonly views: ViewFigures;
  readonly batch: BatchFigures;
  readonly ring: ChannelFigures;
  readonly messages: ChannelFigures;
  readonly readers: ReaderFigures;
  readonly soak: SoakFigures;
}
