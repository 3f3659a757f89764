/** The Node engine: calls on standard input, replies on standard output, a line of JSON each. */

import { once } from "node:events";
import { closeSync, fdatasyncSync, openSync, readFileSync, writeSync } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import { registerHooks } from "node:module";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type Transferable, Worker } from "node:worker_threads";
import { DeltaVectorDB } from "deltavec";
import { COUNTER, type Thread } from "../bench/bridge/threads.ts";
import type { ComponentProgress, ComponentRequest } from "../bench/component/protocol.ts";
import type { RawFile } from "../bench/storage/places.ts";
import { measureStrict } from "../bench/storage/strict.ts";
import { folder } from "../data/folder.ts";
import { messageOf } from "../errors.ts";
import { PACKAGE, WASM_FILE } from "../paths.ts";
import { Calls } from "./calls.ts";
import type { Reply, Request } from "./engine.ts";

// The sources of the package import what its build puts in as base64.
registerHooks({
  load(url, context, next) {
    if (!url.endsWith(".wasm")) {
      return next(url, context);
    }
    const base64 = readFileSync(new URL(url), "base64");
    return { format: "module", source: `export default "${base64}"`, shortCircuit: true };
  },
});

const calls = new Calls({
  runtime: `WebAssembly on Node ${process.versions.node}`,
  source: folder,
  module: async () => await WebAssembly.compile(await readFile(WASM_FILE)),
  threads: {
    worker: true,
    soak: () => thread(new Worker(join(PACKAGE, "test/support/channel-consumer.ts"))),
    counter: () =>
      thread(
        new Worker(`const self = require("node:worker_threads").parentPort;${COUNTER}`, {
          eval: true,
        }),
      ),
  },
  places: {
    worker: true,
    cpu: () => {
      const { user, system } = process.cpuUsage();
      return (user + system) / 1000;
    },
    url: databaseUrl,
    open: (url, options) => DeltaVectorDB.open(url, options),
    strict: async ({ data, n, rounds, folder: directory }) => {
      await mkdir(directory, { recursive: true });
      const url = databaseUrl(directory, "strict");
      return await measureStrict(folder(data), n, rounds, url, () => raw(directory));
    },
  },
});

/** A file beside databases. */
async function raw(directory: string): Promise<RawFile> {
  const descriptor = openSync(join(directory, "raw"), "w");
  return {
    write: (at, bytes) => void writeSync(descriptor, bytes, 0, bytes.length, at),
    flush: () => fdatasyncSync(descriptor),
    close: () => closeSync(descriptor),
  };
}

/** Only here, not in pages: what it measures is loaded when it is called. */
async function component(
  request: ComponentRequest,
  emit: (event: ComponentProgress) => void,
): Promise<unknown> {
  const { measureComponent } = await import("../bench/component/bench.ts");
  return await measureComponent(folder(request.data), request, emit);
}

function databaseUrl(directory: string, name: string): string {
  return `file:${join(directory, name)}`;
}

function thread(worker: Worker): Thread {
  return {
    post: (message, transfer) => worker.postMessage(message, transfer as unknown as Transferable[]),
    answer: async () => (await once(worker, "message"))[0],
    end: () => void worker.terminate(),
  };
}

function reply(value: Reply): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

for await (const line of createInterface({ input: process.stdin })) {
  const { id, method, params } = JSON.parse(line) as Request;
  try {
    const emit = (event: unknown): void => reply({ id, event });
    const result =
      method === "component"
        ? await component(params as ComponentRequest, emit)
        : await calls.call(method, params, emit);
    reply({ id, result: result ?? null });
  } catch (error) {
    reply({ id, error: messageOf(error) });
  }
}
