import { AdrBench } from "../bench/operations.ts";
import type { OpenRequest, RunRequest } from "../bench/protocol.ts";
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
}

/** The calls that the engines in WebAssembly know; the same code in Node and in a browser. */
export class Calls {
  readonly #platform: Platform;
  #bench: AdrBench | undefined;

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
}
