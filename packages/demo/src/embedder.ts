/** To the worker: embed a text. */
export interface ToEmbedder {
  readonly call: number;
  readonly text: string;
}

/** From the worker. */
export type FromEmbedder =
  | { readonly type: "progress"; readonly share: number }
  | { readonly type: "ready"; readonly ms: number }
  | { readonly type: "failed"; readonly why: string }
  | {
      readonly type: "vector";
      readonly call: number;
      readonly vector: Float32Array<ArrayBuffer>;
      readonly ms: number;
    }
  | { readonly type: "refused"; readonly call: number; readonly why: string };

/** How far the model is. */
export type ModelState =
  | { readonly is: "loading"; readonly share: number }
  | { readonly is: "ready"; readonly ms: number }
  | { readonly is: "missing" }
  | { readonly is: "failed"; readonly why: string };

/** An embedding, and how long the model took. */
export interface Embedded {
  readonly vector: Float32Array;
  readonly ms: number;
}

interface Waiting {
  readonly resolve: (embedded: Embedded) => void;
  readonly reject: (error: Error) => void;
}

/** Texts that are kept once they were embedded. */
const KEPT = 200;

/** Embeds texts in a worker. */
export class Embedder {
  readonly #recent = new Map<string, Float32Array>();
  readonly #waiting = new Map<number, Waiting>();
  readonly #worker: Worker;
  #calls = 0;

  /** @param tell - gets how far the model is, whenever that changes */
  private constructor(worker: Worker, tell: (state: ModelState) => void) {
    this.#worker = worker;
    worker.onmessage = ({ data }: MessageEvent<FromEmbedder>) => this.#receive(data, tell);
    worker.onerror = ({ message }) => {
      tell({ is: "failed", why: message });
      for (const { reject } of this.#waiting.values()) {
        reject(new Error(message));
      }
      this.#waiting.clear();
    };
  }

  /** Looks whether there is a model, and begins to load it. */
  static async start(tell: (state: ModelState) => void): Promise<Embedder | undefined> {
    tell({ is: "loading", share: 0 });
    const about = await fetch("/model/info.json").then((response) => response.json());
    if (about.there !== true) {
      tell({ is: "missing" });
      return undefined;
    }
    return new Embedder(new Worker("/embed-worker.js", { type: "module" }), tell);
  }

  /** Embeds a text. */
  async embed(text: string): Promise<Embedded> {
    const kept = this.#recent.get(text);
    if (kept !== undefined) {
      return { vector: kept, ms: 0 };
    }
    const call = ++this.#calls;
    const answer = new Promise<Embedded>((resolve, reject) => {
      this.#waiting.set(call, { resolve, reject });
    });
    this.#worker.postMessage({ call, text } satisfies ToEmbedder);
    const embedded = await answer;
    this.#recent.set(text, embedded.vector);
    const [oldest] = this.#recent.keys();
    if (this.#recent.size > KEPT && oldest !== undefined) {
      this.#recent.delete(oldest);
    }
    return embedded;
  }

  #receive(message: FromEmbedder, tell: (state: ModelState) => void): void {
    switch (message.type) {
      case "progress":
        tell({ is: "loading", share: message.share });
        return;
      case "ready":
        tell({ is: "ready", ms: message.ms });
        return;
      case "failed":
        tell({ is: "failed", why: message.why });
        return;
      case "vector":
        this.#waiting.get(message.call)?.resolve({ vector: message.vector, ms: message.ms });
        this.#waiting.delete(message.call);
        return;
      case "refused":
        this.#waiting.get(message.call)?.reject(new Error(message.why));
        this.#waiting.delete(message.call);
        return;
    }
  }
}
