import { type Bar, measured, missedOf } from "../bars.ts";
import type { ComponentFigures, World } from "./protocol.ts";

/** The world that calls are held to; sizes and wasmtime's figures are the worse ones of both. */
const HELD: World = "delta-vector";

/** All bars of `bench component`; `bench/README.md` defines them. */
export const COMPONENT_BARS: readonly Bar[] = [
  { name: "component_gzip_kb", what: "component, gzip", unit: "kB", limit: 60 },
  { name: "wasmtime_compile_s", what: "compile, wasmtime", unit: "s", limit: 3 },
  { name: "wasmtime_instantiate_ms", what: "instantiate, wasmtime", unit: "ms", limit: 5 },
  { name: "jco_search_extra_us", what: "search by jco, above direct", unit: "us", limit: 8 },
  { name: "jco_get_us", what: "get vector by jco", unit: "us", limit: 8 },
  { name: "jco_batch100_us", what: "batch of 100 by jco", unit: "us", limit: 150 },
  { name: "soak_growth_mb", what: "memory grown in the soak", unit: "MB", limit: 8 },
];

/** The figures of the bars, of the parts that were measured. */
export function componentFigures(found: ComponentFigures): Record<string, number> {
  const { size, calls, wasmtime, soak } = found;
  const own = calls?.us[HELD];
  const figures: Record<string, number | undefined> = {
    component_gzip_kb: worst(size, ({ gzip_bytes }) => gzip_bytes / 1000),
    wasmtime_compile_s: worst(wasmtime, ({ compile_s }) => compile_s.median),
    wasmtime_instantiate_ms: worst(wasmtime, ({ instantiate_ms }) => instantiate_ms.median),
    jco_search_extra_us: calls?.extra_us[HELD].search.median,
    jco_get_us: own?.get.median,
    jco_batch100_us: own?.batch100.median,
    soak_growth_mb: worst(soak, ({ grown_mb }) => grown_mb),
  };
  return measured(COMPONENT_BARS, figures);
}

/** The names of the bars that are missed. */
export function missed(figures: Readonly<Record<string, number>>): string[] {
  return missedOf(COMPONENT_BARS, figures);
}

function worst<T>(
  worlds: Readonly<Record<World, T>> | undefined,
  of: (figures: T) => number,
): number | undefined {
  return worlds && Math.max(...Object.values(worlds).map(of));
}
