// A worker that opens the database that its fragment names, and obeys.
import { DeltaVectorDB, init } from "deltavec";
import { Victim } from "../crash/victim.ts";
import { DIMENSIONS } from "../crash/work.ts";

const answer = (line: string): void => globalThis.postMessage(line);
try {
  await init();
  const url = decodeURIComponent(location.hash.slice(1));
  const victim = new Victim(
    await DeltaVectorDB.open(url, {
      dimensions: DIMENSIONS,
      durability: "strict",
      tabs: "exclusive",
    }),
    answer,
  );
  globalThis.onmessage = ({ data }) => void victim.obey(data);
  await victim.begin();
} catch (error) {
  answer(`failed: ${error instanceof Error ? error.stack : error}`);
}
