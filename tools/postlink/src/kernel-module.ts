import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { run, STRIP } from "./binaryen.ts";
import { RELAXED_FEATURES } from "./features.ts";
import { LinkError } from "./link.ts";
import { customSections } from "./sections.ts";

/** What a module of kernels exports: functions for the table `kernels` of the main module, in the order of its entries. */
export const ENTRIES: readonly string[] = ["codeDotBatch", "codeDotBatch4"];

/**
 * Assembles and optimises a module of kernels that work on the memory of another: `deltavec.memory` is its only import.
 *
 * @param kernels the module in text form
 * @param workDirectory directory for intermediate files, which stay there for a look
 * @throws LinkError if the module imports or exports anything else than it should
 */
export function assemble(kernels: string, workDirectory: string): Uint8Array<ArrayBuffer> {
  const file = (name: string) => join(workDirectory, name);
  writeFileSync(file("kernels.wat"), kernels);
  run("wasm-as", ...RELAXED_FEATURES, file("kernels.wat"), "-o", file("assembled.wasm"));
  run(
    "wasm-opt",
    ...RELAXED_FEATURES,
    file("assembled.wasm"),
    "-Os",
    ...STRIP,
    "-o",
    file("optimised.wasm"),
  );
  const module = new Uint8Array(readFileSync(file("optimised.wasm")));
  verifyKernels(module);
  return module;
}

/** Checks a module of kernels: its import, its exports, no custom sections. */
export function verifyKernels(bytes: Uint8Array<ArrayBuffer>): void {
  const module = new WebAssembly.Module(bytes);
  const imports = WebAssembly.Module.imports(module).map(
    (i) => `${i.module}.${i.name} (${i.kind})`,
  );
  if (imports.join() !== "deltavec.memory (memory)") {
    throw new LinkError(`kernels must import deltavec.memory only, not ${imports.join(", ")}`);
  }
  const exports = WebAssembly.Module.exports(module).map((e) => `${e.name} (${e.kind})`);
  if (exports.join() !== ENTRIES.map((name) => `${name} (function)`).join()) {
    throw new LinkError(`kernels must export ${ENTRIES.join(", ")}, not ${exports.join(", ")}`);
  }
  const custom = customSections(bytes);
  if (custom.length > 0) throw new LinkError(`custom sections are left: ${custom.join(", ")}`);
}
