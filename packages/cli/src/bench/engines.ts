import { availableParallelism, cpus } from "node:os";
import type { ChromiumHost } from "../engine/chromium.ts";
import type { Engine, EngineName } from "../engine/engine.ts";
import { startJvm, startNode } from "../engine/process-engine.ts";

/**
 * Starts an engine.
 *
 * @param host - the browser, for `chromium`
 */
export async function start(name: EngineName, host: ChromiumHost | undefined): Promise<Engine> {
  switch (name) {
    case "jvm":
      return startJvm();
    case "node":
      return startNode();
    case "chromium":
      return await host!.open();
  }
}

/** A list begun at another place each time: no engine is always the first. */
export function turned<T>(list: readonly T[], by: number): T[] {
  const at = by % list.length;
  return [...list.slice(at), ...list.slice(0, at)];
}

/** Adds samples to those of a key. */
export function collect<K, T>(map: Map<K, T[]>, key: K, values: readonly T[]): void {
  const all = map.get(key) ?? [];
  map.set(key, all);
  all.push(...values);
}

/** What the figures were measured on. */
export function machine(): string {
  return `${cpus()[0]?.model.trim() ?? "unknown"}, ${availableParallelism()} cores`;
}
