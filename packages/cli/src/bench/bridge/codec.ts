import { SharedDeltaPool, type VectorDelta } from "deltavec";
import { decodeDeltas, encodeDeltas } from "deltavec/streams";
import type { ChurnData } from "../churn/vectors.ts";
import { Edits } from "./edits.ts";
import type { CodecFigures } from "./protocol.ts";
import { inRounds, SHORT } from "./spread.ts";

/** Deltas that fill a pool once, and fills of a round. */
const FILL = 1000;
const FILLS = 5;
/** More than {@link FILL} deltas take. */
const POOL_BYTES = 2 ** 18;

/** Measures part `codec`. */
export async function measureCodec(
  data: ChurnData,
  n: number,
  rounds: number,
): Promise<CodecFigures> {
  const edits = new Edits(data, n, 0xc0dec);
  const pool = new SharedDeltaPool(POOL_BYTES);
  let bytes = 0;
  let count = 0;
  let most = 0;
  const times = await inRounds(SHORT * rounds, () => {
    const ms = { encode_us: 0, decode_us: 0, seal_us: 0, decode_many_us: 0, decode_pool_us: 0 };
    const timed = <T>(name: keyof typeof ms, run: () => T): T => {
      const start = performance.now();
      const result = run();
      ms[name] += performance.now() - start;
      return result;
    };
    for (let fill = 0; fill < FILLS; fill++) {
      const deltas = edits.make(FILL);
      const frames = deltas.map((delta) => encodeDeltas([delta]));
      pool.clear();
      timed("encode_us", () => {
        for (const delta of deltas) {
          pool.writeDelta(delta);
        }
      });
      timed("decode_us", () => {
        for (const frame of frames) {
          sink += decodeDeltas(frame).length;
        }
      });
      const sealed = timed("seal_us", () => encodeDeltas(deltas));
      requireSame(
        deltas,
        timed("decode_many_us", () => decodeDeltas(sealed)),
      );
      requireSame(
        deltas,
        timed("decode_pool_us", () => pool.deltas()),
      );
      bytes += pool.length;
      count += pool.count;
      most = Math.max(most, ...frames.map((frame) => frame.length));
    }
    const scale = 1000 / (FILL * FILLS);
    return {
      encode_us: scale * ms.encode_us,
      decode_us: scale * ms.decode_us,
      seal_us: scale * ms.seal_us,
      decode_many_us: scale * ms.decode_many_us,
      decode_pool_us: scale * ms.decode_pool_us,
    };
  });
  return { ...times, frame_bytes: bytes / count, frame_bytes_most: most };
}

/** What the calls gave: keeps the engine from leaving them out. */
export let sink = 0;

/** Deltas of another content would be of another price. */
function requireSame(deltas: readonly VectorDelta[], decoded: readonly VectorDelta[]): void {
  const text = ({ vectorId, operation }: VectorDelta): string =>
    operation.type === "sparse" ? `${vectorId} ${operation.indices} ${operation.values}` : "";
  const wrong = deltas.findIndex((delta, i) => text(delta) !== text(decoded[i]!));
  if (wrong >= 0 || decoded.length !== deltas.length) {
    throw new Error(`delta ${wrong} of ${deltas.length} is decoded as another`);
  }
}
