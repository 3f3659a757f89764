import base64 from "../target/relaxed.wasm";
import { fromBase64 } from "./base64.ts";

/** The table's entries in order (docs/abi.md), by the names under which kernels are exported. */
const ENTRIES = ["codeDotBatch", "codeDotBatch4"] as const;

/** The kernels in relaxed SIMD; null if the engine does not have that, undefined before it was asked. */
let compiled: WebAssembly.Module | null | undefined;

/** Compiles the kernels once: some 1,500 bytes, which every engine compiles at once. */
function kernels(): WebAssembly.Module | null {
  if (compiled === undefined) {
    const bytes = fromBase64(base64);
    compiled = WebAssembly.validate(bytes) ? new WebAssembly.Module(bytes) : null;
  }
  return compiled;
}

/**
 * Gives an instance of the module the kernels in relaxed SIMD where the engine has it. They compute the same, faster.
 *
 * @param memory - the instance's memory
 * @param table - its table `kernels`
 */
export function relax(memory: WebAssembly.Memory, table: WebAssembly.Table): void {
  const module = kernels();
  if (module !== null) {
    const { exports } = new WebAssembly.Instance(module, { deltavec: { memory } });
    ENTRIES.forEach((name, entry) => {
      table.set(entry, exports[name]);
    });
  }
}
