import { QUANTIZATIONS } from "./options.ts";
import type { ResolvedDeltaDBOptions } from "./types.ts";

/** Bytes of ids and metadata that are reckoned with for each vector. */
const ID_BYTES = 32;
const METADATA_BYTES = 128;
/** Bytes of a small delta in the log. */
const DELTA_BYTES = 80;
/** Deltas that there is room to list, whatever the history's limit. */
const ARRIVALS = 1_048_576;
/** Vectors of a batch that is reckoned with. */
const BATCH = 256;
const MIB = 1_048_576;

/**
 * Returns the bytes that a database with its `maxVectors` vectors needs of memory, for the option `reserve`: all that
 * docs/format.md lists, rounded up as the core's heap does, with room for what docs/memory.md says.
 */
export function reservedBytes(options: ResolvedDeltaDBOptions): number {
  const { dimensions, maxVectors: n, history, autoCompact } = options;
  const m = Math.max(3, options.hnswM);
  const row = 4 * roundUp(dimensions, 16);
  const code = (roundUp(dimensions, 32) / 2 ** QUANTIZATIONS.indexOf(options.quantization)) * 2;

  /** Pages of records as large as are below a size, one more than needed, and their place in directories. */
  const pages = (bytes: number, page: number): number => {
    const records = 2 ** Math.min(10, Math.max(0, Math.floor(Math.log2(page / bytes))));
    return (Math.ceil(n / records) + 1) * (block(records * bytes) + 16);
  };
  // Slots and, with history, graves; norms and terms; nodes; vectors; codes; links.
  let bytes = pages(history ? 48 : 24, MIB) + pages(12, MIB) + pages(16, MIB) + pages(8 * m, 4096);
  if (options.keepFloats) {
    bytes += pages(row, 65_536);
  }
  if (options.quantization !== "none") {
    bytes += pages(code, 16_384);
  }
  // One of m vectors is on a layer more. Lists of slots, twice as long as they are, and bits for walks and filters.
  const upper = (4 * m + 4) / (m - 1) + 32 / m;
  bytes += n * (block(ID_BYTES + 2) + block(METADATA_BYTES + 4) + 1.25 * upper + 20);
  if (history) {
    const created = block(32 + ID_BYTES + 16 + METADATA_BYTES + 4 * dimensions);
    const checkpoint = block(48 + row + METADATA_BYTES);
    bytes +=
      autoCompact === null
        ? n * (created + checkpoint + options.checkpointInterval * (DELTA_BYTES + 4))
        : Math.max(1.25 * autoCompact.maxBytes, n * checkpoint) + 4 * ARRIVALS;
  }
  // What batches, searches and outputs take for a while, and what no block fills.
  return 1.04 * bytes + 2 * MIB + 3 * row * Math.min(n, BATCH);
}

/** Returns what the heap rounds a block up to. */
function block(bytes: number): number {
  return roundUp(bytes, bytes <= 1024 ? 16 : 2 ** (Math.floor(Math.log2(bytes - 1)) - 3));
}

function roundUp(value: number, step: number): number {
  return Math.ceil(value / step) * step;
}
