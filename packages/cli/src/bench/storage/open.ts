import { Edits } from "../bridge/edits.ts";
import { inRounds } from "../bridge/spread.ts";
import type { ChurnData } from "../churn/vectors.ts";
import { fill, optionsOf } from "./databases.ts";
import type { Places } from "./places.ts";
import { type OpenFigures, type Spread, TAIL } from "./protocol.ts";

/** Names of the databases, which the JVM opens, too. */
const NAMES = { snapshot: "snapshot", tail: "tail", history: "history" } as const;

/** Deltas in a call of the tail. */
const BATCH = 100;

/** Makes the databases that are opened, each closed as it should be. */
export async function prepareOpen(
  data: ChurnData,
  n: number,
  places: Places,
  folder: string,
  tell: (doing: string) => Promise<void>,
): Promise<void> {
  for (const [key, name] of Object.entries(NAMES)) {
    await tell(`writing ${name}`);
    const history = key === "history";
    const db = await places.open(places.url(folder, name), optionsOf(data, history));
    await fill(db, data, n, history);
    await db.checkpoint();
    if (key === "tail") {
      const edits = new Edits(data, n, 0x7a11);
      for (let left = TAIL * n; left > 0; left -= BATCH) {
        await db.applyDeltas(edits.make(Math.min(BATCH, left)));
      }
    }
    await db.close();
  }
}

/**
 * Measures part `open`, with the databases of {@link prepareOpen}.
 *
 * @throws Error if what is opened is not what was written
 */
export async function measureOpen(
  data: ChurnData,
  n: number,
  rounds: number,
  places: Places,
  folder: string,
  tell: (doing: string) => Promise<void>,
): Promise<OpenFigures> {
  const times = async (name: string, history: boolean, records: number): Promise<Spread> => {
    await tell(name);
    const url = places.url(folder, name);
    const { ms } = await inRounds(Math.max(rounds, 3), async () => {
      const start = performance.now();
      const db = await places.open(url, optionsOf(data, history));
      const ms = performance.now() - start;
      const { snapshot, indexRebuilt, records: replayed } = db.recovery;
      const { length } = await db.search(data.queries[0]!, 10);
      await db.close();
      if (snapshot === 0 || indexRebuilt || replayed < records || length !== 10) {
        throw new Error(`${name}: it opened ${JSON.stringify(db.recovery)}`);
      }
      return { ms };
    });
    return ms;
  };
  const tail = TAIL * n;
  return {
    open_ms: await times(NAMES.snapshot, false, 0),
    tail,
    tail_ms: await times(NAMES.tail, false, Math.ceil(tail / BATCH)),
    history_ms: await times(NAMES.history, true, 0),
  };
}
