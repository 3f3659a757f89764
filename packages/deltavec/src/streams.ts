/**
 * deltavec/streams: deltas from and to networks, tabs and files.
 *
 * @packageDocumentation
 */
export {
  type BroadcastOptions,
  type BroadcastSourceOptions,
  type BroadcastTarget,
  broadcast,
  broadcastDeltas,
  type Channel,
} from "./broadcast.ts";
export { type DecodeOptions, decodeDeltas, type EncodeOptions, encodeDeltas } from "./codec.ts";
export {
  type DeltaDecoderOptions,
  DeltaDecoderStream,
  DeltaEncoderStream,
} from "./codec-streams.ts";
export { type DeltaJson, deltaToJson, parseDelta, parseDeltas } from "./delta-json.ts";
export { type FetchOptions, fetchDeltas } from "./fetch-deltas.ts";
export type { MessageOptions } from "./messages.ts";
// Of the main entry, too. That this one has all that it needs keeps the files few that the main one loads.
export { type DeltaPoolOptions, SharedDeltaPool } from "./pool.ts";
export type {
  ConnectionOptions,
  DeltaSource,
  ReconnectOptions,
  SourceOptions,
} from "./source-kit.ts";
export {
  type EventSourceOptions,
  eventSourceDeltas,
  type WebSocketOptions,
  webSocketDeltas,
} from "./sources.ts";
export type * from "./stream-types.ts";
