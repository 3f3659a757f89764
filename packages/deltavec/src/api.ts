export { DeltaVectorDB } from "./database.ts";
export { detect, type Features } from "./detect.ts";
export { diff } from "./diff.ts";
export type {
  Durability,
  DurableDeltaVectorDB,
  DurableOptions,
  LostData,
  RecoveryReport,
  Storage,
  StorageFile,
  StorageOptions,
  StorageSource,
} from "./durable.ts";
export { DeltaError, type DeltaErrorCode, type DeltaErrorDetails } from "./errors.ts";
export type {
  FollowConflict,
  Following,
  FollowProgress,
  FollowServerOptions,
  FollowStateStore,
  FollowStatus,
} from "./follow-types.ts";
export { type DeltaPoolOptions, SharedDeltaPool } from "./pool.ts";
export type {
  CallOptions,
  ConnectOptions,
  RemoteChannelOptions,
  RemoteDeltaVectorDB,
  RemoteDurableDeltaVectorDB,
  WorkerLike,
} from "./remote.ts";
export { DeltaStreamProcessor, type DeltaStreamProcessorOptions } from "./stream-processor.ts";
export type * from "./stream-types.ts";
export type {
  ChainDelta,
  CompactionStats,
  CompactOptions,
  DeltaAutoCompact,
  DeltaChain,
  DeltaChange,
  DeltaDBOptions,
  DeltaEvent,
  DeltaEventListener,
  DeltaEventObject,
  DeltaListener,
  DeltaListenerOptions,
  DeltaMetric,
  DeltaOperation,
  DeltaOrigin,
  DeltaPrecision,
  DeltaQuantization,
  DeltaStats,
  DiffOptions,
  ExportOptions,
  FeedOptions,
  Field,
  FilterFunction,
  FilterRange,
  FollowOptions,
  ImportResult,
  IndexReport,
  IndexStats,
  InitSource,
  IssuedDelta,
  MergeResult,
  MetadataFilter,
  RepairOptions,
  RepairStats,
  ResolvedDeltaDBOptions,
  Scalar,
  SearchOptions,
  SearchResult,
  StorageStats,
  VectorBlock,
  VectorDelta,
  WasmMemory,
  WasmModule,
} from "./types.ts";
