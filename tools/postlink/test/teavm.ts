import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "../src/binaryen.ts";
import { featureArguments } from "../src/features.ts";

/** What every output of TeaVM has, as far as the post-link is concerned. */
const COMMON = `
  (import "env" "memory" (memory $memory 17 32768))
  (import "teavmMemory" "heapOffset" (global $heapOffset i32))
  (import "teavmMemory" "maxSize" (global $maxSize i32))`;

/** Assembles a module in text form. */
export function assembled(directory: string, text: string): Uint8Array<ArrayBuffer> {
  const [from, to] = [join(directory, "in.wat"), join(directory, "in.wasm")];
  writeFileSync(from, text);
  run("wasm-as", ...featureArguments(), from, "-o", to);
  return new Uint8Array(readFileSync(to));
}

/** Makes a module that looks like TeaVM's output. */
export function teavmOutput(
  directory: string,
  body: string,
  imports = "",
  requirements = '{"dataSize":100}',
  common: string = COMMON,
): Uint8Array<ArrayBuffer> {
  const module = assembled(directory, `(module ${common} ${imports} ${body})`);
  const name = new TextEncoder().encode("teavm.memoryRequirements");
  const content = new TextEncoder().encode(requirements);
  const section = [0, 1 + name.length + content.length, name.length, ...name, ...content];
  assert.ok(section.length < 128);
  return new Uint8Array([...module, ...(requirements === "" ? [] : section)]);
}
