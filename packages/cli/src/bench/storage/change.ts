import { DeltaVectorDB } from "deltavec";
import { MemoryStorage } from "../../../../deltavec/src/storage/memory-storage.ts";
import { Random } from "../../random.ts";
import { inRounds } from "../bridge/spread.ts";
import { replacement } from "../churn/living.ts";
import type { ChurnData } from "../churn/vectors.ts";
import { vectorId } from "../protocol.ts";
import { CountingStorage } from "./counting.ts";
import { fill, optionsOf } from "./databases.ts";
import type { ChangeFigures } from "./protocol.ts";

/** Measures part `change`: the bytes do not depend on where they are written. */
export async function measureChange(
  data: ChurnData,
  n: number,
  rounds: number,
  tell: (doing: string) => Promise<void>,
): Promise<ChangeFigures> {
  const storage = new CountingStorage(new MemoryStorage());
  const db = await DeltaVectorDB.open(storage, optionsOf(data, true));
  try {
    await fill(db, data, n, false);
    await db.flush();
    await tell("base");
    await db.checkpoint();
    const base = await snapshotBytes(storage);
    await tell("changes");
    const random = new Random(0xc4a6e);
    const times = await inRounds(Math.max(rounds, 3), async () => {
      const { bytes } = storage;
      // Another vector of the data in its place: the index links it anew, and changes its neighbours.
      const vector = data.vector(n + random.below(n));
      await db.applyDelta(replacement(vectorId(random.below(n)), vector));
      await db.checkpoint();
      return { change_bytes: storage.bytes - bytes };
    });
    return { ...times, base_bytes: base };
  } finally {
    await db.close();
  }
}

/** Bytes of the newest whole snapshot. It may have been written before it was asked for. */
async function snapshotBytes(storage: CountingStorage): Promise<number> {
  const names = (await storage.list()).filter((name) => name.startsWith("snapshot-")).sort();
  const file = await storage.open(names.at(-1)!);
  try {
    return await file.size();
  } finally {
    await file.close();
  }
}
