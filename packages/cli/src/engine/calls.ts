import { measureBridge } from "../bench/bridge/bench.ts";
import type { BridgeRequest } from "../bench/bridge/protocol.ts";
import type { Threads } from "../bench/bridge/threads.ts";
import { measureChurn } from "../bench/churn/bench.ts";
import type { ChurnRequest } from "../bench/churn/protocol.ts";
import { HistoryBench } from "../bench/history-operations.ts";
import type { HistoryRequest, PresentRequest } from "../bench/history-protocol.ts";
import { AdrBench } from "../bench/operations.ts";
import type { OpenRequest, RunRequest } from "../bench/protocol.ts";
import { FollowingPage } from "../bench/scale/following.ts";
import type { ScaleRequest } from "../bench/scale/protocol.ts";
import { measureStorage, prepareStorage } from "../bench/storage/bench.ts";
import type { Places } from "../bench/storage/places.ts";
import type { StorageRequest } from "../bench/storage/protocol.ts";
import type { Source } from "../data/source.ts";
import type { DemoRequest } from "../demo/events.ts";
import { runDemo } from "../demo/script.ts";

/** What differs between the WebAssembly engines. */
export interface Platform {
  /** Name and version of what runs the module. */
  readonly runtime: string;
  /** The data in a folder or behind a URL. */
  source(location: string): Source;
  /** Compiles the WebAssembly module. */
  module(): Promise<WebAssembly.Module>;
  readonly threads: Threads;
  readonly places: Places;
}

/** The calls that the engines in WebAssembly know; the same code in Node and in a browser. */
export class Calls {
  readonly #platform: Platform;
  #bench: AdrBench | undefined;
  #history: HistoryBench | undefined;
  readonly #following = new FollowingPage();

  constructor(platform: Platform) {
    this.#platform = platform;
  }

  /** Does one call; see {@link Engine}. */
  async call(
    method: string,
    params: object,
    emit: (event: unknown) => void | Promise<void>,
  ): Promise<unknown> {
    switch (method) {
      case "demo": {
        const { data, events } = params as DemoRequest;
        await runDemo(this.#platform.source(data), events, this.#platform.runtime, emit);
        return null;
      }
      case "init":
        return await AdrBench.init();
      case "open": {
        const request = params as OpenRequest;
        const { source, module } = this.#platform;
        this.#bench = await AdrBench.open(source(request.data), request, module);
        return { runtime: this.#platform.runtime };
      }
      case "run":
        return await this.#opened().run(params as RunRequest);
      case "memory":
        return this.#opened().memory();
      case "history open": {
        const { data } = params as { data: string };
        this.#history = await HistoryBench.open(this.#platform.source(data));
        return { runtime: this.#platform.runtime };
      }
      case "history run":
        return this.#openedHistory().run(params as HistoryRequest);
      case "history present":
        return this.#openedHistory().present(params as PresentRequest);
      case "history bytes":
        return this.#openedHistory().bytes();
      case "churn": {
        const request = params as ChurnRequest;
        const { source, runtime } = this.#platform;
        const figures = await measureChurn(source(request.data), request, emit);
        return { runtime, figures };
      }
      case "bridge": {
        const request = params as BridgeRequest;
        const { source, runtime, threads } = this.#platform;
        const figures = await measureBridge(source(request.data), request, threads, emit);
        return { runtime, figures };
      }
      case "scale":
        return await this.#following.call(params as ScaleRequest);
      case "storage": {
        const request = params as StorageRequest;
        const { source, runtime, places } = this.#platform;
        const figures = await measureStorage(source(request.data), request, places, emit);
        return { runtime, figures };
      }
      case "storage prepare": {
        const request = params as StorageRequest;
        const { source, places } = this.#platform;
        await prepareStorage(source(request.data), request, places, emit);
        return null;
      }
      default:
        throw new Error(`unknown call ${method}`);
    }
  }

  #opened(): AdrBench {
    if (this.#bench === undefined) {
      throw new Error("open comes first");
    }
    return this.#bench;
  }

  #openedHistory(): HistoryBench {
    if (this.#history === undefined) {
      throw new Error("history open comes first");
    }
    return this.#history;
  }
}
