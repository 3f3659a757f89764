export { DeltaVectorDB } from "./database.ts";
export { DeltaError, type DeltaErrorCode, type DeltaErrorDetails } from "./errors.ts";
export type {
  DeltaDBOptions,
  DeltaEvent,
  DeltaListener,
  DeltaMetric,
  DeltaOperation,
  DeltaStats,
  InitSource,
  ResolvedDeltaDBOptions,
  SearchResult,
  VectorDelta,
  WasmModule,
} from "./types.ts";
