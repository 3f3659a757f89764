import base64 from "../target/relaxed.wasm";
import { fromBase64 } from "./base64.ts";

/** The table's entries in order (docs/abi.md), by the names under which kernels are exported. */
const ENTRIES = ["codeDotBatch", "codeDotBatch4"] as const;

/** The kernels in relaxed SIMD; null if the engine does not have that, undefined before it was asked. */
let compiled: WebAssembly.Module | null | undefined;
/** The same for memory that is shared; undefined if nobody has asked for them. */
let shared: WebAssembly.Module | null | undefined;

/** Compiles kernels: some 1,500 bytes, which every engine compiles at once. */
function compile(bytes: Uint8Array<ArrayBuffer>): WebAssembly.Module | null {
  try {
    return WebAssembly.validate(bytes) ? new WebAssembly.Module(bytes) : null;
  } catch {
    return null; // a platform that compiles only what is deployed
  }
}

/**
 * From now on instances of the shared build get these kernels, too.
 *
 * @param build - makes the shared build of a module
 */
export function relaxShared(
  build: (module: Uint8Array) => Uint8Array<ArrayBuffer> | undefined,
): void {
  if (shared === undefined) {
    const bytes = build(fromBase64(base64));
    shared = bytes === undefined ? null : compile(bytes);
  }
}

/**
 * Gives an instance of the module the kernels in relaxed SIMD where the engine has it. They compute the same, faster.
 *
 * @param memory - the instance's memory
 * @param table - its table `kernels`
 */
export function relax(memory: WebAssembly.Memory, table: WebAssembly.Table): void {
  const own = memory.buffer instanceof ArrayBuffer;
  if (own && compiled === undefined) {
    compiled = compile(fromBase64(base64));
  }
  const module = own ? compiled : shared;
  if (module) {
    const { exports } = new WebAssembly.Instance(module, { deltavec: { memory } });
    ENTRIES.forEach((name, entry) => {
      table.set(entry, exports[name]);
    });
  }
}
