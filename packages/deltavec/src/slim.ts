/**
 * deltavec without the WebAssembly module in it: the same interface, `init` loads `deltavec.wasm` by URL.
 *
 * @packageDocumentation
 */
import { load } from "./module.ts";
import type { InitSource } from "./types.ts";

export * from "./api.ts";

/**
 * Loads the WebAssembly module. To be awaited once before the first database is made; one load serves all databases, and
 * both entries of the package. Calling it again, also while it loads, gives the same promise and ignores the source; after
 * a failure the next call tries again.
 *
 * @param source - where the module comes from; by default `deltavec.wasm` beside this file. Bundlers that know
 * `new URL("…", import.meta.url)` bring it along; for others give the URL of `deltavec/deltavec.wasm`
 * @throws DeltaError (as a rejection) `UNSUPPORTED_PLATFORM` naming what the engine lacks, `INVALID_ARGUMENT` if the
 * source cannot be loaded, `CORRUPT_DATA` if it is not WebAssembly, `UNSUPPORTED_VERSION` if it is another module
 */
export function init(source?: InitSource): Promise<void> {
  return load(() => (source === undefined ? new URL("./deltavec.wasm", import.meta.url) : source));
}
