/**
 * deltavec/streams: deltas from and to networks, tabs and files.
 *
 * @packageDocumentation
 */
export { type DecodeOptions, decodeDeltas, type EncodeOptions, encodeDeltas } from "./codec.ts";
export {
  type DeltaDecoderOptions,
  DeltaDecoderStream,
  DeltaEncoderStream,
} from "./codec-streams.ts";
