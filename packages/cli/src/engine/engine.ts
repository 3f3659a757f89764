/** Where deltavec runs. */
export type EngineName = "jvm" | "node" | "chromium";

/** All engines, in the order in which reports name them. */
export const ENGINES: readonly EngineName[] = ["jvm", "node", "chromium"];

/** Those that run the WebAssembly module. */
export const WASM_ENGINES: readonly EngineName[] = ["node", "chromium"];

/**
 * deltavec somewhere else: in a process or a page of its own, which does one call at a time and is idle otherwise.
 *
 * Every engine knows the calls `demo` ({@link DemoRequest}, reports {@link DemoEvent}s), `init`, `open`, `run` and
 * `memory` (see `bench/protocol.ts`), and `churn` (see `bench/churn/protocol.ts`); those in WebAssembly also
 * `history open`, `history run`, `history present` and `history bytes` (see `bench/history-protocol.ts`), `bridge` (see
 * `bench/bridge/protocol.ts`) and `storage prepare`. All know `storage` (see `bench/storage/protocol.ts`), the JVM its part `open`.
 * Those in WebAssembly know `scale` to follow a service, the JVM its parts `shards` and `direct` (see `bench/scale`).
 * Node alone knows `component` (see `bench/component/protocol.ts`).
 */
export interface Engine {
  readonly name: EngineName;
  /**
   * Does a call.
   *
   * @param onEvent - gets what the call reports on its way
   * @throws Error with the engine's message
   */
  call<T>(method: string, params: object, onEvent?: (event: unknown) => void): Promise<T>;
  /** Ends the process or page. */
  close(): Promise<void>;
}

/** What an engine is asked: one line of JSON. */
export interface Request {
  readonly id: number;
  readonly method: string;
  readonly params: object;
}

/** What an engine says: one line of JSON; any number of events, then a result or an error. */
export type Reply =
  | { readonly id: number; readonly event: unknown }
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly error: string };
