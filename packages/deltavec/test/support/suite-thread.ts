// A worker of Node that runs the behaviour suite through the door that it is told, test by test.
import { parentPort, Worker, workerData } from "node:worker_threads";
import { DIRECT, workerDoor } from "../doors.ts";
import { listed } from "./listed.ts";

const script = new URL(import.meta.resolve("deltavec/worker"));
const door =
  workerData === DIRECT.name
    ? DIRECT
    : workerDoor(() => {
        const worker = new Worker(script);
        worker.unref();
        return worker;
      });
const page = listed(door, { runs: 5 });

parentPort?.on("message", async (name: string | undefined) => {
  parentPort?.postMessage(name === undefined ? await page.load() : await page.run(name));
});
