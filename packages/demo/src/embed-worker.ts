import { Tokenizer } from "@huggingface/tokenizers";
import { env, InferenceSession, Tensor } from "onnxruntime-web/wasm";
import type { FromEmbedder, ToEmbedder } from "./embedder.ts";
import { DIMENSIONS } from "./prepared.ts";

/** Tokens that the model was made for; more are cut off. */
const MOST_TOKENS = 256;
const END_TOKEN = 102;

interface Scope {
  postMessage(message: FromEmbedder, transfer?: Transferable[]): void;
  onmessage: ((event: MessageEvent<ToEmbedder>) => void) | null;
}
const scope = globalThis as unknown as Scope;

/** Sentence encoder: tokens, the model, the mean of what it says of each token, to length 1. */
class Encoder {
  readonly #tokenizer: Tokenizer;
  readonly #session: InferenceSession;

  private constructor(tokenizer: Tokenizer, session: InferenceSession) {
    this.#tokenizer = tokenizer;
    this.#session = session;
  }

  static async load(): Promise<Encoder> {
    env.wasm.numThreads = 1; // a query is too short for more to gain anything
    env.wasm.wasmPaths = { wasm: new URL("/ort.wasm", location.origin).href };
    const [rules, model] = await Promise.all([
      fetched("/model/tokenizer.json").then((response) => response.json()),
      fetched("/model/model.onnx").then(withProgress),
    ]);
    const session = await InferenceSession.create(model, { executionProviders: ["wasm"] });
    return new Encoder(new Tokenizer(rules, {}), session);
  }

  async embed(text: string): Promise<Float32Array<ArrayBuffer>> {
    let { ids } = this.#tokenizer.encode(text);
    if (ids.length > MOST_TOKENS) {
      ids = [...ids.slice(0, MOST_TOKENS - 1), END_TOKEN];
    }
    const shape = [1, ids.length];
    const tensor = (values: readonly number[]): Tensor =>
      new Tensor("int64", BigInt64Array.from(values, BigInt), shape);
    const { last_hidden_state: output } = await this.#session.run({
      input_ids: tensor(ids),
      attention_mask: tensor(ids.map(() => 1)),
      token_type_ids: tensor(ids.map(() => 0)),
    });
    const states = output?.data as Float32Array;
    const vector = new Float32Array(DIMENSIONS);
    for (let i = 0; i < states.length; i++) {
      vector[i % DIMENSIONS]! += states[i]!;
    }
    const length = Math.hypot(...vector);
    return vector.map((value) => value / length);
  }
}

async function fetched(path: string): Promise<Response> {
  const response = await fetch(path);
  if (!response.ok) {
    throw new Error(`${path}: status ${response.status}`);
  }
  return response;
}

async function withProgress(response: Response): Promise<Uint8Array> {
  const total = Number(response.headers.get("content-length")) || 23_000_000;
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
    chunks.push(chunk);
    length += chunk.length;
    scope.postMessage({ type: "progress", share: Math.min(1, length / total) });
  }
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

async function start(): Promise<Encoder> {
  const started = performance.now();
  const encoder = await Encoder.load();
  await encoder.embed("warm"); // what the first run prepares is not the first query's to wait for
  scope.postMessage({ type: "ready", ms: performance.now() - started });
  return encoder;
}

const encoder = start();
encoder.catch((error: unknown) => {
  scope.postMessage({
    type: "failed",
    why: error instanceof Error ? error.message : String(error),
  });
});

scope.onmessage = async ({ data: { call, text } }) => {
  try {
    const loaded = await encoder;
    const started = performance.now();
    const vector = await loaded.embed(text);
    const ms = performance.now() - started;
    scope.postMessage({ type: "vector", call, vector, ms }, [vector.buffer]);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    scope.postMessage({ type: "refused", call, why });
  }
};
