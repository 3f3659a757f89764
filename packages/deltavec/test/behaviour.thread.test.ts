// The behaviour suite within a worker of Node: the database there, and one in a further worker.
import { once } from "node:events";
import { test } from "node:test";
import { Worker } from "node:worker_threads";

for (const door of ["direct", "worker"]) {
  test(`in a worker of Node, ${door}`, async (t) => {
    const worker = new Worker(new URL("support/suite-thread.ts", import.meta.url), {
      workerData: door,
    });
    const ask = async (name?: string): Promise<unknown> => {
      worker.postMessage(name);
      const [answer] = await once(worker, "message");
      return answer;
    };
    try {
      for (const name of (await ask()) as string[]) {
        await t.test(name, async () => {
          const failure = await ask(name);
          if (failure !== undefined) {
            throw new Error(String(failure));
          }
        });
      }
    } finally {
      await worker.terminate();
    }
  });
}
