/** The Chromium engine: what the page runs. */
import { DeltaVectorDB, type DurableDeltaVectorDB } from "deltavec";
import { COUNTER, type Thread } from "../bench/bridge/threads.ts";
import type { StrictFigures } from "../bench/storage/protocol.ts";
import { fetched } from "../data/fetched.ts";
import { Calls } from "./calls.ts";

declare global {
  /** Given by the program that drives the browser. */
  var deltavecEmit: (event: unknown) => Promise<void>;
  /** Called by it. */
  var deltavecCall: (method: string, params: object) => Promise<unknown>;
}

function thread(script: string): Thread {
  const worker = new Worker(script, { type: "module" });
  return {
    post: (message, transfer) => worker.postMessage(message, [...transfer]),
    answer: () =>
      new Promise((resolve, reject) => {
        worker.onmessage = ({ data }) => resolve(data);
        worker.onerror = ({ message }) => reject(new Error(`a thread died: ${message}`));
      }),
    end: () => worker.terminate(),
  };
}

/** The package's worker script. */
const worker = new URL("/worker.js", location.href);

const module = async (): Promise<WebAssembly.Module> =>
  await WebAssembly.compileStreaming(fetch("deltavec.wasm"));

const version = /Chrome\/([\d.]+)/.exec(navigator.userAgent)?.[1] ?? "";
const calls = new Calls({
  runtime: `WebAssembly in Chromium ${version}`,
  source: fetched,
  module,
  threads: {
    worker,
    soak: () => thread("/soak.js"),
    counter: () => thread(`data:text/javascript,${encodeURIComponent(COUNTER)}`),
  },
  places: {
    worker,
    cpu: () => 0,
    url: (_, name) => `opfs://${name}`,
    open: (storage, options) =>
      DeltaVectorDB.connect({
        ...options,
        ...{ worker, storage },
      }) as Promise<unknown> as Promise<DurableDeltaVectorDB>,
    async strict(request) {
      const disk = thread("/disk.js");
      try {
        disk.post(request, []);
        const answer = (await disk.answer()) as { figures: StrictFigures } | { error: string };
        if ("error" in answer) {
          throw new Error(answer.error);
        }
        return answer.figures;
      } finally {
        disk.end();
      }
    },
  },
});

globalThis.deltavecCall = (method, params) =>
  calls.call(method, params, (event) => globalThis.deltavecEmit(event));
