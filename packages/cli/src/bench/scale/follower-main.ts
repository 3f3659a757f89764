/**
 * A follower that edits, as a process of its own: `follower-main.ts FOLDER URL ID DIMENSIONS`. Its database is in the folder, so what it
 * has made is sent after a crash, too. Adds 1 to all values of its vector again and again, and says `acknowledged N` once
 * the service has taken N of these.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { DeltaVectorDB, init } from "deltavec";

const [folder, url, id, dimensions] = process.argv.slice(2) as [string, string, string, string];
await init();
const db = await DeltaVectorDB.open(`file:${folder}`, { dimensions: Number(dimensions) });
const following = await db.follow(url, { minDelayMs: 200, maxDelayMs: 1000, onError: () => {} });
let stopping = false;
process.once("SIGTERM", () => {
  stopping = true;
});
console.log("ready");
while (!stopping) {
  if (!(await db.has(id))) {
    await db.applyDelta({
      vectorId: id,
      operation: { type: "create", vector: new Float32Array(Number(dimensions)) },
    });
  }
  await db.applyDelta({ vectorId: id, operation: { type: "offset", amount: 1 } });
  const made = (await db.getVector(id))![0]!;
  await db.flush();
  await following.flush();
  console.log(`acknowledged ${made}`);
  await sleep(100);
}
await following.close();
await db.close();
process.exit(0);
