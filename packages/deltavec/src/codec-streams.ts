import { type EncodeOptions, encodeDeltas } from "./codec.ts";
import { invalid } from "./errors.ts";
import { decoded, FrameCutter, frameLimit, spans } from "./frame-cutter.ts";
import type { VectorDelta } from "./types.ts";

/** How a {@link DeltaDecoderStream} decodes. */
export interface DeltaDecoderOptions {
  /** The most bytes of a frame, 9 or more; a larger one ends the stream before it is held. Default 1 MiB. */
  maxFrameBytes?: number;
}

/**
 * Decodes bytes, cut anywhere, into deltas: what `encodeDeltas` or a {@link DeltaEncoderStream} made elsewhere.
 *
 * Everything is checked before it is used. The stream fails with a DeltaError, when all deltas before it were given:
 * `CORRUPT_DATA` with the place, also if it ends within a frame; `UNSUPPORTED_VERSION`; `BUFFER_FULL` for too large a frame;
 * `INVALID_ARGUMENT` for frames of a replica, which are no plain deltas: pipe these to `DeltaVectorDB.writable`.
 *
 * @example
 * ```ts
 * await response.body.pipeThrough(new DeltaDecoderStream()).pipeTo(db.writable());
 * ```
 */
export class DeltaDecoderStream implements ReadableWritablePair<VectorDelta, Uint8Array> {
  /** @internal Whatever minifying makes of it. */
  static readonly name = "DeltaDecoderStream";
  /** The deltas. */
  readonly readable: ReadableStream<VectorDelta>;
  /** Takes the bytes. */
  readonly writable: WritableStream<Uint8Array>;

  /**
   * @param options - all optional
   * @throws DeltaError `INVALID_ARGUMENT`
   */
  constructor(options: DeltaDecoderOptions = {}) {
    const cutter = new FrameCutter(frameLimit(options));
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
    const reader = readable.getReader();
    const deltas = decode(reader, cutter);
    this.writable = writable;
    // Not the transform's own, as a stream that fails forgets what was not read of it.
    this.readable = new ReadableStream<VectorDelta>(
      {
        async pull(controller) {
          try {
            const { done, value } = await deltas.next();
            if (done) {
              controller.close();
            } else {
              controller.enqueue(value);
            }
          } catch (error) {
            reader.cancel(error).catch(() => undefined);
            throw error;
          }
        },
        cancel: (reason) => reader.cancel(reason),
      },
      { highWaterMark: 0 },
    );
  }
}

async function* decode(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  cutter: FrameCutter,
): AsyncGenerator<VectorDelta, undefined, void> {
  for (;;) {
    const { done, value } = await reader.read();
    if (done) {
      cutter.end();
      return;
    }
    for (const frames of cutter.cut(value)) {
      const offset = cutter.offset - frames.length;
      for (const { start, end, replicated } of spans(frames)) {
        if (replicated) {
          throw invalid(
            `the frame at byte ${offset + start} of the stream is a replica's: pipe the bytes to writable()`,
          );
        }
        for (const delta of decoded(frames.subarray(start, end), offset + start)) {
          yield delta; // not delegated, which takes several times as long
        }
      }
    }
  }
}

/**
 * Encodes deltas as sealed frames: a piece of bytes for each delta.
 *
 * @example
 * ```ts
 * new Response(db.readable().pipeThrough(new DeltaEncoderStream()));
 * ```
 */
export class DeltaEncoderStream implements ReadableWritablePair<Uint8Array, VectorDelta> {
  /** @internal Whatever minifying makes of it. */
  static readonly name = "DeltaEncoderStream";
  /** The bytes. */
  readonly readable: ReadableStream<Uint8Array<ArrayBuffer>>;
  /** Takes the deltas. Fails with the DeltaError of one that cannot be encoded. */
  readonly writable: WritableStream<VectorDelta>;

  /** @param options - all optional */
  constructor(options: EncodeOptions = {}) {
    const { readable, writable } = new TransformStream<VectorDelta, Uint8Array<ArrayBuffer>>({
      transform(delta, controller) {
        controller.enqueue(encodeDeltas([delta], options));
      },
    });
    this.readable = readable;
    this.writable = writable;
  }
}
