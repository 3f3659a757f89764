import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "../../../../tools/postlink/src/binaryen.ts";
import { featureArguments } from "../../../../tools/postlink/src/features.ts";
import type { Exports } from "./support.ts";

/** The kernels without the module: a file of `src/main/wat`, optimised, on a memory of the caller's. */
export function alone(file: string, memory: WebAssembly.Memory): Exports {
  const directory = mkdtempSync(join(tmpdir(), "kernels-"));
  const [assembled, optimised] = ["as.wasm", "opt.wasm"].map((name) => join(directory, name));
  const features = [...featureArguments(), "--enable-relaxed-simd"];
  try {
    const wat = join(import.meta.dirname, "../../main/wat", file);
    run("wasm-as", ...features, wat, "-o", assembled as string);
    run("wasm-opt", ...features, "-Os", assembled as string, "-o", optimised as string);
    const module = new WebAssembly.Module(readFileSync(optimised as string));
    const instance = new WebAssembly.Instance(module, { env: { memory }, deltavec: { memory } });
    return instance.exports as unknown as Exports;
  } finally {
    rmSync(directory, { recursive: true });
  }
}
