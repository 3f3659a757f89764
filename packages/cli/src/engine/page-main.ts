/** The Chromium engine: what the page runs. */
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

const module = async (): Promise<WebAssembly.Module> =>
  await WebAssembly.compileStreaming(fetch("deltavec.wasm"));

const version = /Chrome\/([\d.]+)/.exec(navigator.userAgent)?.[1] ?? "";
const calls = new Calls({ runtime: `WebAssembly in Chromium ${version}`, source: fetched, module });

globalThis.deltavecCall = (method, params) =>
  calls.call(method, params, (event) => globalThis.deltavecEmit(event));
