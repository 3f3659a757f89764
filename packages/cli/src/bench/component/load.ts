import { readFile } from "node:fs/promises";
import { componentFile } from "../../paths.ts";
import type { Load, World } from "./protocol.ts";

/** Milliseconds of one load in this process, which has loaded nothing of it before. */
export async function measureLoad(world: World, load: Load): Promise<number> {
  if (load === "compile") {
    const core = await readFile(componentFile(world, "core"));
    const start = performance.now();
    await WebAssembly.compile(core);
    return performance.now() - start;
  }
  const start = performance.now();
  const { init } =
    world === "deltavec"
      ? await import("deltavec/component")
      : await import("deltavec/component/delta-vector");
  await init();
  return performance.now() - start;
}
