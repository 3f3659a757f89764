import { readCarried } from "../data/carried.ts";
import { folder } from "../data/folder.ts";
import { ChromiumHost } from "../engine/chromium.ts";
import type { Engine, EngineName } from "../engine/engine.ts";
import { startJvm, startNode } from "../engine/process-engine.ts";
import { CARRIED_DATA } from "../paths.ts";
import type { DemoEvent, DemoRequest } from "./events.ts";

/** Options of `demo`. */
export interface DemoOptions {
  readonly engine: EngineName;
  /** Edits to replay at most. */
  readonly edits: number;
}

/** Runs the demo on an engine, and hands on what it reports. */
export async function demo(
  { engine: name, edits }: DemoOptions,
  show: (event: DemoEvent) => void,
): Promise<void> {
  const host = name === "chromium" ? await ChromiumHost.start(CARRIED_DATA) : undefined;
  let engine: Engine | undefined;
  try {
    engine = host ? await host.open() : name === "jvm" ? startJvm() : startNode();
    const request: DemoRequest = { data: host ? "data" : CARRIED_DATA, events: edits };
    await engine.call("demo", request, (event) => show(event as DemoEvent));
  } finally {
    await engine?.close();
    await host?.close();
  }
}

/** The carried data, for whoever prints what the demo reports. */
export async function demoData(): ReturnType<typeof readCarried> {
  return await readCarried(folder(CARRIED_DATA));
}
