// Builds dist/component/: both components, and what jco makes of them for JavaScript.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import { transpileBytes } from "@bytecodealliance/jco-transpile";
import { type BuildOptions, build } from "esbuild";

/** The worlds: the name of their files, and a function that only this world's module exports. */
const WORLDS = [
  { name: "deltavec", entry: "index", mark: "[static]database.open" },
  { name: "delta-vector", entry: "delta-vector", mark: "[method]database.apply-deltas" },
] as const;

/** Where the components lie that Maven has built. */
const components = join(import.meta.dirname, "../../../component/target");

/**
 * Builds the component's entries.
 *
 * @param dist - where files go that are published
 * @param target - where files go that are only used on the way
 * @param common - how all of the package is bundled
 */
export async function buildComponents(
  dist: string,
  target: string,
  common: BuildOptions,
): Promise<void> {
  for (const folder of [dist, target]) {
    mkdirSync(folder, { recursive: true });
  }
  for (const { name, mark } of WORLDS) {
    await transpile(name, mark, dist, target);
  }
  await build({
    ...common,
    outdir: dist,
    entryPoints: WORLDS.map(({ entry }) => `src/component/${entry}.ts`),
    splitting: true,
    chunkNames: "shared-[hash]",
    loader: { ...common.loader, ".glue": "js" },
    // Read with every call otherwise, some six times: there is nothing to be told about the glue.
    define: { "globalThis.process.env.JCO_DEBUG": "undefined" },
    // Generated code, whose map would be larger than all else together.
    sourcemap: false,
  });
}

/** Transpiles a component into target/NAME.glue, a module that takes the core modules from outside. */
async function transpile(name: string, mark: string, dist: string, target: string): Promise<void> {
  const component = join(components, `${name}.component.wasm`);
  const core = join(components, `${name}.core-js.wasm`);
  for (const file of [component, core]) {
    if (!existsSync(file)) {
      throw new Error(`There is no ${file}: build it first with ./mvnw -pl component -am package`);
    }
  }
  const { files } = await transpileBytes(readFileSync(component), {
    name,
    instantiation: "async",
    bindgenEnableWasmExnref: true,
    nodejsCompat: false,
    noComponentErrorWrapping: false,
  });
  const parts: Record<string, string> = {};
  for (const [path, bytes] of Object.entries(files)) {
    if (path === `${name}.core.wasm`) {
      requireTwin(name, bytes, readFileSync(core));
    } else if (path.endsWith(".wasm")) {
      parts[path] = Buffer.from(bytes).toString("base64");
    } else if (path.endsWith(".d.ts")) {
      // For a test: what the package declares by hand must be this.
      const file = join(target, name, path);
      mkdirSync(join(file, ".."), { recursive: true });
      writeFileSync(file, bytes);
    }
  }
  const marked = WebAssembly.Module.exports(await WebAssembly.compile(readFileSync(core))).find(
    (each) => each.name.endsWith(mark),
  );
  if (marked === undefined) {
    throw new Error(`${core} does not export ${mark}`);
  }
  const text = withQuickCopies(withoutErrors(new TextDecoder().decode(files[`${name}.js`])));
  writeFileSync(
    join(target, `${name}.glue`),
    `import { ComponentError } from "../../src/component/component-error.ts";
import { readText, writeArray, writeText } from "../../src/component/texts.ts";
${text}
export const parts = ${JSON.stringify(parts)};
export const mark = ${JSON.stringify(marked.name)};
`,
  );
  await copyFile(core, join(dist, `${name}.core.wasm`));
  await copyFile(component, join(dist, `${name}.component.wasm`));
}

/** Throws unless two modules have the same imports and exports, in the same order; the other exports its kernels besides. */
function requireTwin(name: string, one: Uint8Array, other: Uint8Array): void {
  const [a, b] = [one, other].map((bytes) => {
    const module = new WebAssembly.Module(new Uint8Array(bytes));
    const exports = WebAssembly.Module.exports(module).filter((e) => e.name !== "kernels");
    return JSON.stringify([WebAssembly.Module.imports(module), exports]);
  });
  if (a !== b) {
    throw new Error(`${name}.core-js.wasm is no twin of the component's module:\n${a}\n${b}`);
  }
}

/** jco's class of errors, whose messages would be "[object Object] (see error.payload)". */
const JCO_ERROR = /^ *class ComponentError extends Error \{\n(?:.*\n){5} *\}\n/m;

/** Takes jco's class of errors out of its glue, so that the package's is used. */
export function withoutErrors(glue: string): string {
  const found = glue.match(new RegExp(JCO_ERROR, "gm"));
  if (found?.length !== 1 || !found[0].includes("Object.defineProperty(this, 'payload'")) {
    throw new Error("jco's glue has another ComponentError than the one that is replaced");
  }
  return glue.replace(JCO_ERROR, "");
}

/** How jco's glue reads a text, writes one, and writes an array of numbers: each with views of its own on the memory. */
const COPIES: readonly (readonly [RegExp, string])[] = [
  [
    /TEXT_DECODER_UTF8\.decode\(new Uint8Array\((memory\d+)\.buffer, (\w+), (\w+)\)\)/g,
    "readText($1, $2, $3)",
  ],
  [
    /const \{ read, written \} = TEXT_ENCODER_UTF8\.encodeInto\(\s*s,\s*new Uint8Array\(memory\.buffer, ptr, len\),\s*\);\s*if \(read !== s\.length \|\| written !== len\) \{\s*throw new Error\([^)]*\);\s*\}/g,
    "writeText(s, memory, ptr);",
  ],
  [/let valData(\w+);\s*const valLenBytes\1 =/g, "const valLenBytes$1 ="],
  [
    /valData(\w+) = new Uint8Array\(val\1\.buffer \|\| val\1, val\1\.byteOffset, valLenBytes\1\);\s*const out\1 = new Uint8Array\((memory\d+)\.buffer, ptr\1, valLenBytes\1\);\s*out\1\.set\(valData\1\);/g,
    "writeArray(val$1, $2, ptr$1, valLenBytes$1);",
  ],
];

/**
 * Has the glue copy texts and arrays by `texts.ts`, which keeps its views: of a call with a hundred sparse deltas, whose glue made five
 * hundred views, the glue's part becomes a half.
 */
export function withQuickCopies(glue: string): string {
  return COPIES.reduce((text, [from, to]) => {
    if (!from.test(text)) {
      throw new Error(`jco's glue does not copy any more as ${from} says`);
    }
    from.lastIndex = 0;
    return text.replace(from, to);
  }, glue);
}
