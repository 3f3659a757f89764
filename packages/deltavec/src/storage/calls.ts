import { CANDIDATES, IMPORT, NEXT, RENEW } from "../remote-protocol.ts";

/**
 * Calls that change nothing of what a database holds: they may be made again, of another database of the same state. All others are
 * taken for calls that change something.
 */
export const READS: ReadonlySet<string> = new Set([
  CANDIDATES,
  IMPORT,
  NEXT,
  RENEW,
  "checkIndex",
  "checkpoint",
  "cursor",
  "deltas",
  "deltasSince",
  "export",
  "exportStream",
  "flush",
  "getDeltaChain",
  "getDimensions",
  "getMetadata",
  "getMetadataAt",
  "getVector",
  "getVectorAt",
  "getVectors",
  "has",
  "ids",
  "onDelta",
  "position",
  "repair",
  "search",
  "searchAt",
  "searchBatch",
  "size",
  "stateDigest",
  "stats",
]);
