import { Random } from "../../random.ts";
import { vectorId } from "../protocol.ts";
import { compare, creation, deletion, Inspector, Living, warmUp } from "./living.ts";
import type { TurnoverResult } from "./protocol.ts";
import { type ChurnData, noisy, normalised, shuffled, turnoverSteps } from "./vectors.ts";

const TURNOVERS = 10;
/** How many more or fewer live at a time, by the number of vectors. */
const SPREAD = 0.01;
/** Noise of a new vector beside the one of the data that it is made of. */
const NOISE = 0.1;

/** Measures part `turnover`. */
export async function measureTurnover(
  data: ChurnData,
  n: number,
  tell: (doing: string) => Promise<void>,
): Promise<TurnoverResult> {
  const inspector = new Inspector();
  const random = new Random(12);
  await tell("warm-up");
  warmUp(data, n);
  using living = Living.of(data, n, inspector);
  const used: number[] = [];
  const us = { create: 0, delete: 0 };
  let next = n;
  let created: string[] = [];
  for (let t = 1; t <= TURNOVERS; t++) {
    await tell(`turnover ${t} of ${TURNOVERS}`);
    const old = shuffled(living.rows.ids(), random);
    created = Array.from({ length: n }, () => vectorId(next++));
    const coming = created.map((id) => {
      const like = data.vector(random.below(2 * n));
      return creation(id, normalised(noisy(like, NOISE, random)));
    });
    const deltas = { create: coming.values(), delete: old.map(deletion).values() };
    const steps = [...turnoverSteps(n, Math.ceil(SPREAD * n), random)];
    const order = steps.map((step) => deltas[step].next().value!);
    living.apply(order).forEach((time, i) => {
      us[steps[i]!] += time;
    });
    living.inspect(data.queries);
    used.push(living.db.stats().usedBytes);
  }
  // What is still queued, by halves: creates and deletes are equally many.
  const rest = living.repair() / 2;
  const last = compare(`${TURNOVERS} turnovers`, living, created, data, random);
  using fresh = living.rebuilt();
  return {
    create_us: (us.create + rest) / (TURNOVERS * n),
    delete_us: (us.delete + rest) / (TURNOVERS * n),
    used_bytes: used,
    fresh_bytes: fresh.db.stats().usedBytes,
    case: last,
    wrong: inspector.wrong,
  };
}
