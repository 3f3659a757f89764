import base64 from "../target/relaxed.wasm";
import { fromBase64 } from "./base64.ts";
import { sharedBuild } from "./shared-build.ts";

/** The table's entries in order (docs/abi.md), by the names under which kernels are exported. */
const ENTRIES = ["codeDotBatch", "codeDotBatch4"] as const;

/**
 * The kernels in relaxed SIMD, for memory that is not shared and that is; null if the engine does not have that, undefined
 * before it was asked.
 */
const compiled: [own?: WebAssembly.Module | null, shared?: WebAssembly.Module | null] = [];

/** Compiles the kernels once: some 1,500 bytes, which every engine compiles at once. */
function kernels(shared: boolean): WebAssembly.Module | null {
  const kind = shared ? 1 : 0;
  let module = compiled[kind];
  if (module === undefined) {
    const own = fromBase64(base64);
    const bytes = shared ? sharedBuild(own) : own;
    module =
      bytes !== undefined && WebAssembly.validate(bytes) ? new WebAssembly.Module(bytes) : null;
    compiled[kind] = module;
  }
  return module;
}

/**
 * Gives an instance of the module the kernels in relaxed SIMD where the engine has it. They compute the same, faster.
 *
 * @param memory - the instance's memory
 * @param table - its table `kernels`
 */
export function relax(memory: WebAssembly.Memory, table: WebAssembly.Table): void {
  const module = kernels(!(memory.buffer instanceof ArrayBuffer));
  if (module !== null) {
    const { exports } = new WebAssembly.Instance(module, { deltavec: { memory } });
    ENTRIES.forEach((name, entry) => {
      table.set(entry, exports[name]);
    });
  }
}
