import { readFileSync } from "node:fs";
import { LinkError } from "./link.ts";
import { withoutCustomSections } from "./sections.ts";

/** Version of the tools that {@link componentOf} calls. */
export const version: string = JSON.parse(
  readFileSync(
    new URL("../package.json", import.meta.resolve("@bytecodealliance/jco-transpile")),
    "utf8",
  ),
).version;

/**
 * Interfaces that a component may import, without their versions: the clock, and types alone, which no host has to provide.
 * Nothing else of WASI, and no shim for it.
 */
const INTERFACES: ReadonlySet<string> = new Set([
  "ruvector:delta/delta-types",
  "deltavec:db/types",
  "wasi:clocks/wall-clock",
]);

/**
 * Makes a component of a core module that follows the canonical ABI.
 *
 * @param core the core module
 * @param wit text of the WIT package
 * @param world name of the world in it
 * @returns the component, without custom sections
 * @throws LinkError if the module is not one for the world, or the component imports what it must not
 */
export async function componentOf(
  core: Uint8Array,
  wit: string,
  world: string,
): Promise<Uint8Array> {
  // Large, and only needed here.
  const tools = await import("@bytecodealliance/jco-transpile/wasm-tools");
  let component: Uint8Array;
  try {
    const embedded = await tools.componentEmbed({
      binary: core,
      witSource: wit,
      world,
      stringEncoding: "utf8",
    });
    component = await tools.componentNew(embedded, []);
  } catch (error) {
    throw new LinkError(`no component of world ${world}: ${messageOf(error)}`);
  }
  const foreign = importsOf(await tools.componentWit(component)).filter(
    (name) => !INTERFACES.has(name),
  );
  if (foreign.length > 0) throw new LinkError(`the component imports ${foreign.join(", ")}`);
  return withoutCustomSections(component);
}

/** The tools throw texts, errors, or errors with the text as a payload. */
function messageOf(error: unknown): string {
  const payload = (error as { payload?: unknown } | undefined)?.payload;
  return String(payload ?? (error instanceof Error ? error.message : error));
}

/** What a world imports, without versions; `wit` is as the tools print it. */
function importsOf(wit: string): string[] {
  return [...wit.matchAll(/^ *import ([^;@]+)(?:@[^;]*)?;$/gm)].map((match) => match[1] as string);
}
