/**
 * The end of a channel that sends: for threads that have the handle of one (`RemoteDeltaVectorDB.channelHandle`), and need no
 * database of their own. Small, without the WebAssembly module.
 *
 * @packageDocumentation
 */
export {
  type ChannelErrorPolicy,
  type ChannelHandle,
  type ChannelOptions,
  type ChannelReport,
  DeltaChannel,
  type DeltaChannelOptions,
  type SkippedDelta,
} from "./channel.ts";
export { DeltaError, type DeltaErrorCode, type DeltaErrorDetails } from "./errors.ts";
export type { DeltaOperation, VectorDelta } from "./types.ts";
