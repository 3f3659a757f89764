/**
 * Writes an unsigned number of 32 bits as a varint.
 *
 * @returns the index behind it
 */
export function writeVarint(bytes: Uint8Array, at: number, value: number): number {
  let rest = value;
  let next = at;
  while (rest > 127) {
    bytes[next++] = rest | 128;
    rest >>>= 7;
  }
  bytes[next++] = rest;
  return next;
}

/** Returns the bytes of an unsigned number of 32 bits as a varint. */
export function varintBytes(value: number): number {
  return value < 128 ? 1 : value < 16_384 ? 2 : value < 2_097_152 ? 3 : value < 268_435_456 ? 4 : 5;
}

/** How many of the indices that {@link writeGaps} wrote last stand right behind another; 1 more if there is a 0. */
export let adjacent = 0;

/**
 * Writes ascending indices as distances. O(indices)
 *
 * @returns the index behind them, or -1 if they do not ascend
 */
export function writeGaps(bytes: Uint8Array, at: number, indices: Uint32Array): number {
  const count = indices.length;
  let next = at;
  let least = 0;
  let zeros = 0;
  for (let i = 0; i < count; i++) {
    const index = indices[i];
    const gap = index - least;
    if (gap < 0) {
      return -1;
    }
    if (gap === 0) {
      bytes[next++] = 0;
      zeros++;
    } else if (gap < 128) {
      bytes[next++] = gap;
    } else {
      next = writeVarint(bytes, next, gap);
    }
    least = index + 1;
  }
  adjacent = zeros;
  return next;
}

/**
 * Writes ascending indices as runs. O(indices)
 *
 * @returns the index behind them
 */
export function writeRuns(bytes: Uint8Array, at: number, indices: Uint32Array): number {
  const count = indices.length;
  let next = at;
  let least = 0;
  for (let i = 0; i < count; ) {
    const end = runEnd(indices, i);
    next = writeVarint(bytes, next, indices[i] - least);
    next = writeVarint(bytes, next, end - i - 1);
    least = indices[end - 1] + 1;
    i = end;
  }
  return next;
}

/** How ascending indices are written in the fewest bytes. */
export interface IndexForm {
  /** Number of runs, or 0 if they are shorter as distances. */
  readonly runs: number;
  /** Bytes of all, the count before them included. */
  readonly bytes: number;
}

/** Finds the shortest form of ascending indices. O(indices) */
export function shortestForm(indices: Uint32Array): IndexForm {
  const count = indices.length;
  let runs = 0;
  let gaps = 0; // bytes of the first distance of each run, which both forms have
  let lengths = 0;
  let least = 0;
  for (let i = 0; i < count; ) {
    const end = runEnd(indices, i);
    runs++;
    gaps += varintBytes(indices[i] - least);
    lengths += varintBytes(end - i - 1);
    least = indices[end - 1] + 1;
    i = end;
  }
  const asGaps = varintBytes(count) + gaps + count - runs;
  const asRuns = varintBytes(runs) + gaps + lengths;
  return asRuns < asGaps ? { runs, bytes: asRuns } : { runs: 0, bytes: asGaps };
}

/** Returns the position behind the run that begins at position `i`. */
function runEnd(indices: Uint32Array, i: number): number {
  let end = i + 1;
  while (end < indices.length && indices[end] === indices[end - 1] + 1) {
    end++;
  }
  return end;
}
