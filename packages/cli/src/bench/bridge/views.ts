import { Random } from "../../random.ts";
import { Inspector, Living } from "../churn/living.ts";
import type { ChurnData } from "../churn/vectors.ts";
import { vectorId } from "../protocol.ts";
import type { ViewFigures } from "./protocol.ts";
import { inRounds, SHORT } from "./spread.ts";

/** Calls between two looks at the clock, and such blocks in a round. */
const BLOCK = 500;
const BLOCKS = 50;
/** Ids that are asked for in turn, for those that are warm. */
const WARM_IDS = 64;

/** Measures part `views`. */
export async function measureViews(
  data: ChurnData,
  n: number,
  rounds: number,
): Promise<ViewFigures> {
  using living = Living.of(data, n, new Inspector());
  const { db } = living;
  const random = new Random(0x71e35);
  const warm = Array.from({ length: WARM_IDS }, () => vectorId(random.below(n)));
  // Made just before they are used, as in use: no map has seen these strings.
  const anew = (): string[] => Array.from({ length: BLOCK }, () => vectorId(random.below(n)));
  const again = (): string[] => Array.from({ length: BLOCK }, (_, i) => warm[i % WARM_IDS]!);
  return await inRounds(SHORT * rounds, () => ({
    view_us: time(anew, (id) => db.getVectorView(id)![0]!),
    warm_us: time(again, (id) => db.getVectorView(id)![0]!),
  }));
}

/** What the calls gave: keeps the engine from leaving them out. */
export let sink = 0;

/** Microseconds of a call, in the mean. */
function time(make: () => readonly string[], call: (id: string) => number): number {
  let ms = 0;
  for (let b = 0; b < BLOCKS; b++) {
    const ids = make();
    let sum = 0;
    const start = performance.now();
    for (let i = 0; i < BLOCK; i++) {
      sum += call(ids[i]!);
    }
    ms += performance.now() - start;
    sink += sum;
  }
  return (1000 * ms) / (BLOCKS * BLOCK);
}
