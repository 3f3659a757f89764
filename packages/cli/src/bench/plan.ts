import type { Operation } from "./protocol.ts";

/** How often an operation is called in a round, and how many calls make a sample. */
export interface Step {
  readonly operation: Operation;
  readonly calls: number;
  readonly block: number;
  /** The Java API takes objects: it never turns a delta into bytes on its own. */
  readonly notOnJvm?: true;
}

/**
 * One round, in order: reading comes before writing, so that a search meets the vectors whose exact neighbours are known.
 *
 * A call that takes long is a sample of its own. Short ones are timed by the block, because a browser's clock ticks
 * every 5 µs even on an isolated page: there p50 and p99 are those of a block's mean.
 *
 * @param queries - number of queries in the data set
 */
export function round(queries: number): Step[] {
  return [
    { operation: "build", calls: 1, block: 1 },
    { operation: "search", calls: 4 * queries, block: 1 },
    { operation: "get_copy", calls: 16_384, block: 64 },
    { operation: "get_view", calls: 16_384, block: 64 },
    { operation: "apply_sparse", calls: 8_192, block: 64 },
    { operation: "apply_dense", calls: 8_192, block: 64 },
    { operation: "batch_100", calls: 128, block: 1 },
    { operation: "encode_json_sparse", calls: 2_048, block: 32, notOnJvm: true },
    { operation: "decode_json_sparse", calls: 2_048, block: 32, notOnJvm: true },
    { operation: "encode_json_dense", calls: 512, block: 8, notOnJvm: true },
    { operation: "decode_json_dense", calls: 512, block: 8, notOnJvm: true },
    { operation: "clone_sparse", calls: 2_048, block: 32, notOnJvm: true },
    { operation: "clone_dense", calls: 2_048, block: 32, notOnJvm: true },
    { operation: "encode_frame_sparse", calls: 4_096, block: 64, notOnJvm: true },
    { operation: "decode_frame_sparse", calls: 4_096, block: 64, notOnJvm: true },
    { operation: "encode_frame_dense", calls: 4_096, block: 64, notOnJvm: true },
    { operation: "decode_frame_dense", calls: 4_096, block: 64, notOnJvm: true },
  ];
}

/** Rounds before the measured ones, in which the engines compile and optimise. */
export const WARM_UP_ROUNDS = 3;

/** Fresh processes and pages in which the first `init` is timed. */
export const COLD_STARTS = 5;
