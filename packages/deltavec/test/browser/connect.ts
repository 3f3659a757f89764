// A page that opens databases in workers: each of its functions is one of the tests.
import { DeltaVectorDB, type RemoteDeltaVectorDB } from "deltavec";

const vector = Float32Array.of(1, 0);

/** Writes and searches; what is found. */
async function use(db: RemoteDeltaVectorDB): Promise<unknown> {
  await db.applyDelta({ vectorId: "a", operation: { type: "create", vector } });
  const hits = await db.search(vector, 1);
  await db.close();
  return hits;
}

/** What a rejection says. */
async function refusal(promise: Promise<unknown>): Promise<unknown> {
  try {
    return await promise;
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    return [code, message];
  }
}

const violations: string[] = [];
document.addEventListener("securitypolicyviolation", (event) => {
  violations.push(event.effectiveDirective);
});

const tests = {
  /** The script that lies beside this one. */
  async beside(): Promise<unknown> {
    const hits = await use(await DeltaVectorDB.connect({ dimensions: 2 }));
    new DeltaVectorDB({ dimensions: 2 }).close(); // the module is here now, too
    return { hits, violations };
  },
  async url(): Promise<unknown> {
    const worker = new URL("/assets/database.js", location.href);
    return use(await DeltaVectorDB.connect({ dimensions: 2, worker, name: "mine" }));
  },
  async missing(): Promise<unknown> {
    return refusal(DeltaVectorDB.connect({ dimensions: 2, worker: "/nowhere.js" }));
  },
  async broken(): Promise<unknown> {
    return refusal(DeltaVectorDB.connect({ dimensions: 2, worker: "/broken.js" }));
  },
  async elsewhere(): Promise<unknown> {
    const worker = "http://localhost:1/worker.js";
    return refusal(DeltaVectorDB.connect({ dimensions: 2, worker }));
  },
  /** A worker that somebody else ends. */
  async terminated(): Promise<unknown> {
    const worker = new Worker("/worker.js", { type: "module" });
    const db = await DeltaVectorDB.connect({ dimensions: 2, worker, name: "mortal" });
    const waiting = db.deltas().next();
    const channel = await db.channel();
    worker.terminate();
    const first = await refusal(waiting);
    const second = await refusal(db.size);
    let third: unknown;
    try {
      third = channel.send({ vectorId: "a", operation: { type: "create", vector } });
    } catch (error) {
      third = (error as { code?: string }).code;
    }
    return { first, second, third };
  },
  /** Readers of which one is ended by somebody else while it searches, and one throws, outside of deltavec. */
  async readers(): Promise<unknown> {
    const workers: Worker[] = [];
    const make = (): Worker => {
      const worker = new Worker("/isolated/mortal.js", { type: "module" });
      workers.push(worker);
      return worker;
    };
    const db = await DeltaVectorDB.connect({ dimensions: 2, readers: 2, worker: make });
    await db.applyDelta({ vectorId: "a", operation: { type: "create", vector } });
    const queries = new Float32Array(2 * 20_000).fill(1);
    const counts = [db.readers];
    const hits: number[] = [];
    for (const [i, end] of [
      (worker: Worker) => worker.terminate(),
      (worker: Worker) => worker.postMessage("die"),
    ].entries()) {
      const found = db.searchBatch(queries, 1);
      end(workers[i + 1]);
      hits.push((await found).length);
      while (db.readers > 1 - i) {
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      await db.applyDelta({ vectorId: "a", operation: { type: "scale", factor: 2 } });
      hits.push((await db.search(vector, 1)).length);
      counts.push(db.readers);
    }
    await db.close();
    return { counts, hits };
  },
  /** A worker that throws, outside of deltavec. */
  async thrown(): Promise<unknown> {
    const worker = new Worker("/mortal.js", { type: "module" });
    const db = await DeltaVectorDB.connect({ dimensions: 2, worker });
    const waiting = db.deltas().next();
    await db.size;
    worker.postMessage("die");
    return refusal(waiting);
  },
};

declare global {
  var connectTests: typeof tests;
}

globalThis.connectTests = tests;
