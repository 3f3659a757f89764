/** The Chromium engine: what the page runs. */
import { COUNTER, type Thread } from "../bench/bridge/threads.ts";
import type { Source } from "../data/source.ts";
import { Calls } from "./calls.ts";

declare global {
  /** Given by the program that drives the browser. */
  var deltavecEmit: (event: unknown) => Promise<void>;
  /** Called by it. */
  var deltavecCall: (method: string, params: object) => Promise<unknown>;
}

function fetched(url: string): Source {
  return {
    async read(name) {
      const response = await fetch(`${url}/${name}`);
      if (!response.ok) {
        throw new Error(`cannot read the data file ${name}: ${await response.text()}`);
      }
      return await response.bytes();
    },
  };
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

const module = async (): Promise<WebAssembly.Module> =>
  await WebAssembly.compileStreaming(fetch("deltavec.wasm"));

const version = /Chrome\/([\d.]+)/.exec(navigator.userAgent)?.[1] ?? "";
const calls = new Calls({
  runtime: `WebAssembly in Chromium ${version}`,
  source: fetched,
  module,
  threads: {
    worker: new URL("/worker.js", location.href),
    soak: () => thread("/soak.js"),
    counter: () => thread(`data:text/javascript,${encodeURIComponent(COUNTER)}`),
  },
});

globalThis.deltavecCall = (method, params) =>
  calls.call(method, params, (event) => globalThis.deltavecEmit(event));
