import type { StreamTarget, WritableOptions } from "./stream-types.ts";
import type { VectorDelta } from "./types.ts";

/** Bytes that may wait in a writable stream unless said. */
const HIGH_WATER_MARK = 262_144;
/** What a delta is taken for. */
const DELTA_BYTES = 256;

/**
 * Makes the stream that applies what is written to it. What it takes to do so is loaded meanwhile.
 *
 * @param target - where deltas go
 * @param options - as given
 * @throws RangeError for a highWaterMark that is none; the other options are checked by the stream
 */
export function openWritable(
  target: StreamTarget,
  options: WritableOptions = {},
): WritableStream<VectorDelta | Uint8Array> {
  let sink: Required<Pick<UnderlyingSink<VectorDelta | Uint8Array>, "write" | "close" | "abort">>;
  return new WritableStream<VectorDelta | Uint8Array>(
    {
      async start(controller) {
        const { DeltaSink } = await import("./delta-sink.ts");
        sink = new DeltaSink(target, options, controller);
      },
      write: (chunk, controller) => sink.write(chunk, controller),
      close: () => sink.close(),
      abort: (reason) => sink.abort(reason),
    },
    {
      highWaterMark: options.highWaterMark ?? HIGH_WATER_MARK,
      size: (chunk) => (ArrayBuffer.isView(chunk) ? chunk.byteLength : DELTA_BYTES),
    },
  );
}

/** Makes a stream of what an iterator gives, read as it is asked for. */
export function openReadable<T>(items: AsyncIterator<T, unknown>): ReadableStream<T> {
  return new ReadableStream<T>(
    {
      async pull(controller) {
        const { done, value } = await items.next();
        if (done) {
          controller.close();
        } else {
          controller.enqueue(value);
        }
      },
      async cancel() {
        await items.return?.();
      },
    },
    { highWaterMark: 0 },
  );
}
