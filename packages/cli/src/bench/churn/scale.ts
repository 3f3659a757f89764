import { Inspector, warmUp } from "./living.ts";
import { SCALE_QUERIES, SCALE_RECALL, type ScaleFigures } from "./protocol.ts";
import { built, timedAtRecall } from "./search.ts";
import type { ChurnData } from "./vectors.ts";

/** Vectors from which on one build is timed: it takes long. */
const ONE_BUILD = 50_000;

/** Measures part `scale` at one size. */
export async function measureScale(
  data: ChurnData,
  n: number,
  rounds: number,
  tell: (doing: string) => Promise<void>,
): Promise<ScaleFigures> {
  const inspector = new Inspector();
  await tell("warm-up");
  warmUp(data, n);
  const builds: number[] = [];
  for (let r = 1; r < rounds && n < ONE_BUILD; r++) {
    await tell(`build, round ${r}`);
    builds.push(built(data, n, inspector, {}, (_, us) => us));
  }
  await tell("build and search");
  const figures = built(data, n, inspector, {}, (living, us) => {
    builds.push(us);
    living.check();
    const memory = living.memory();
    const queries = data.queries.slice(0, SCALE_QUERIES);
    return { memory, search: timedAtRecall(living, queries, SCALE_RECALL, rounds) };
  });
  builds.sort((a, b) => a - b);
  const build_us = builds[(builds.length - 1) >> 1]! / n;
  return { build_us, ...figures, wrong: inspector.wrong };
}
