import { WasmtimeHost } from "../../../../deltavec/test/support/wasmtime/host.ts";
import { findPython, VERSION } from "../../../../deltavec/test/support/wasmtime/python.ts";
import { componentFile } from "../../paths.ts";
import { inRounds } from "../bridge/spread.ts";
import type { SoakFigures, SoakKind, WasmtimeFigures, World } from "./protocol.ts";

/** The version of wasmtime that is measured. */
export const WASMTIME_VERSION = VERSION;

/** Instantiations of a round, of which the mean counts. */
const INSTANCES = 100;

/** A Python that has wasmtime, or why there is none. */
export type Found = Awaited<ReturnType<typeof findPython>>;

/** Finds wasmtime; makes an environment that has it where Python can. */
export const findWasmtime: () => Promise<Found> = findPython;

/** Has a component run by wasmtime. */
async function inWasmtime<T>(
  python: string,
  world: World,
  use: (host: WasmtimeHost) => Promise<T>,
): Promise<T> {
  // The first world imports nothing, and is given nothing.
  const flags = world === "deltavec" ? (["wasi"] as const) : [];
  const host = await WasmtimeHost.start(python, componentFile(world), ...flags);
  try {
    return await use(host);
  } finally {
    await host.close();
  }
}

/** Measures part `wasmtime`: each round in a fresh process, without a cache. */
export async function measureWasmtime(
  python: string,
  world: World,
  rounds: number,
  tell: (doing: string) => void,
): Promise<WasmtimeFigures> {
  const { compile_s, instantiate_ms } = await inRounds(rounds, async (round) => {
    tell(`${world}, round ${round}`);
    return await inWasmtime(python, world, async (host) => ({
      compile_s: host.hello.compiled,
      instantiate_ms: 1000 * (await host.instantiate(INSTANCES)),
    }));
  });
  return { compile_s, instantiate_ms };
}

/**
 * Measures part `soak`: the package's own, `test/soak/component.ts`.
 *
 * @param calls - calls of each kind
 * @throws Error if a call answers with an error that should not, or without one that should
 */
export async function measureSoak(
  world: World,
  calls: number,
  tell: (doing: string) => void,
): Promise<SoakFigures> {
  // Looks for wasmtime as soon as it is loaded.
  const { soak } = await import("../../../../deltavec/test/soak/component.ts");
  const kinds: SoakKind[] = [];
  await soak(world, calls, ({ name, calls: made, grown, early, late }) => {
    tell(`${world}, ${name}`);
    kinds.push({ name, calls: made, grown_mb: grown, early_us: early, late_us: late });
  });
  const grown = kinds.reduce((sum, { grown_mb }) => sum + grown_mb, 0);
  return { calls, grown_mb: grown, kinds };
}
