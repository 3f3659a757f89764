import { SharedDeltaPool } from "deltavec";
import { Inspector, Living } from "../churn/living.ts";
import type { ChurnData } from "../churn/vectors.ts";
import { Edits, type STEPS } from "./edits.ts";
import { BATCH, type BatchFigures, type BatchTimes } from "./protocol.ts";
import { inRounds, SHORT } from "./spread.ts";

/** Batches of a round. */
const BATCHES = 50;
/** More than a batch takes. */
const POOL_BYTES = 2 ** 15;

/** Measures part `batch`. */
export async function measureBatch(
  data: ChurnData,
  n: number,
  rounds: number,
  tell: (doing: string) => Promise<void>,
): Promise<BatchFigures> {
  await tell("without history");
  const plain = await batches(data, n, rounds, false, "small");
  await tell("with history");
  const history = await batches(data, n, rounds, true, "small");
  await tell("large edits");
  return { plain, history, moving: await batches(data, n, rounds, false, "large") };
}

async function batches(
  data: ChurnData,
  n: number,
  rounds: number,
  history: boolean,
  step: keyof typeof STEPS,
): Promise<BatchTimes> {
  using living = Living.of(data, n, new Inspector(), { history });
  const edits = new Edits(data, n, 0xba7c4, step);
  const pool = new SharedDeltaPool(POOL_BYTES);
  return await inRounds(SHORT * rounds, () => {
    let encode = 0;
    let flush = 0;
    for (let b = 0; b < BATCHES; b++) {
      const deltas = edits.make(BATCH);
      const start = performance.now();
      for (let i = 0; i < BATCH; i++) {
        pool.writeDelta(deltas[i]!);
      }
      const written = performance.now();
      pool.flush(living.db);
      flush += performance.now() - written;
      encode += written - start;
    }
    const scale = 1000 / BATCHES;
    return {
      all_us: scale * (encode + flush),
      encode_us: scale * encode,
      flush_us: scale * flush,
    };
  });
}
