import { DeltaVectorDB, init } from "deltavec";
import { openStorage } from "../../../../deltavec/src/storage/url.ts";
import type { Source } from "../../data/source.ts";
import { Edits } from "../bridge/edits.ts";
import { inRounds } from "../bridge/spread.ts";
import { ChurnData } from "../churn/vectors.ts";
import { CountingStorage } from "./counting.ts";
import { fill, optionsOf } from "./databases.ts";
import type { RawFile } from "./places.ts";
import { CALLERS, type StrictFigures } from "./protocol.ts";

/** Deltas that each caller applies in a round, one when the one before is on disk. */
const EACH = 8;

/**
 * Measures part `strict`, on the thread of the database and its storage.
 *
 * @param raw - opens a file of the platform beside it
 */
export async function measureStrict(
  source: Source,
  n: number,
  rounds: number,
  url: string,
  raw: () => Promise<RawFile>,
): Promise<StrictFigures> {
  await init();
  const data = await ChurnData.read(source);
  const storage = new CountingStorage(await openStorage(url));
  const db = await DeltaVectorDB.open(storage, { ...optionsOf(data, true), durability: "strict" });
  const file = await raw();
  try {
    await fill(db, data, n, false);
    await db.checkpoint();
    const edits = new Edits(data, n, 0x57a1c7);
    let at = 0;
    return await inRounds(Math.max(rounds, 3), async () => {
      const deltas = edits.make(CALLERS * EACH);
      const { bytes, flushes } = storage;
      const start = performance.now();
      await Promise.all(
        Array.from({ length: CALLERS }, async (_, caller) => {
          for (let i = 0; i < EACH; i++) {
            await db.applyDelta(deltas[caller * EACH + i]!);
          }
        }),
      );
      const ms = performance.now() - start;
      const groups = storage.flushes - flushes;
      const group = new Uint8Array(Math.ceil((storage.bytes - bytes) / groups));
      const begun = performance.now();
      for (let i = 0; i < groups; i++, at += group.length) {
        file.write(at, group);
        file.flush();
      }
      const rawMs = performance.now() - begun;
      return {
        appends_per_s: (1000 * deltas.length) / ms,
        group: deltas.length / groups,
        raw_ms: rawMs / groups,
        share: rawMs / ms,
      };
    });
  } finally {
    file.close();
    await db.close();
  }
}
