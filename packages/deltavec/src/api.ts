export { DeltaVectorDB } from "./database.ts";
export { DeltaError, type DeltaErrorCode, type DeltaErrorDetails } from "./errors.ts";
export type { InitSource } from "./module.ts";
export type {
  DeltaDBOptions,
  DeltaEvent,
  DeltaListener,
  DeltaMetric,
  DeltaOperation,
  DeltaStats,
  ResolvedDeltaDBOptions,
  SearchResult,
  VectorDelta,
} from "./types.ts";
