import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { run, STRIP } from "./binaryen.ts";
import { BINDINGS } from "./bindings.ts";
import { legacyExceptions } from "./exceptions.ts";
import { featureArguments } from "./features.ts";
import { shortened } from "./idioms.ts";
import { bareArrays, sharedLayout } from "./layout.ts";
import { withOurLibrary } from "./library.ts";
import { localsInOrder, renamedInOrder } from "./order.ts";
import type { Product } from "./product.ts";
import { withoutRuntime } from "./runtime.ts";
import { customSections } from "./sections.ts";
import { numberedStrings } from "./strings.ts";
import {
  bytesOf,
  type Expression,
  exportOf,
  type Field,
  fieldsOf,
  type Import,
  importOf,
  lists,
  parse,
  print,
  signatureOf,
} from "./wat.ts";

/** What `link` is given. */
export interface LinkInput {
  /** TeaVM's output for the target WEBASSEMBLY_GC. */
  readonly teavm: Uint8Array<ArrayBuffer>;
  /** Files of kernels in text form: a memory import, functions with inline exports, a table of functions. */
  readonly kernels: readonly string[];
  readonly product: Product;
  /** Directory for intermediate files, which stay there for a look. */
  readonly workDirectory: string;
}

/** The finished module. */
export interface LinkOutput {
  readonly module: Uint8Array<ArrayBuffer>;
  /** Exports of TeaVM's that were dropped. */
  readonly dropped: readonly string[];
  /** Imports of TeaVM's runtime that were bound. */
  readonly bound: readonly string[];
}

/** The input is not what this program knows how to turn into the product. */
export class LinkError extends Error {
  override name = "LinkError";
}

/** Module name under which Java imports the kernels and what the post-link knows. */
const OURS = "deltavec";
const PAGE = 65536;
/** Where Java's memory begins at least: the optimiser may take it that nobody reads or writes below 1024 but the start function. */
const LOW = 1024;

/**
 * Turns TeaVM's output into a module of its own: our exports, its own memory, no imports but the product's, the kernels joined.
 *
 * Memory layout: TeaVM's static data at 0, then what Java learns as `dataEnd` (a multiple of 64, at least 1024).
 *
 * @throws LinkError if anything is not as expected, {@link ExceptionFormError} if exceptions are not handled as expected,
 *   {@link RuntimeUseError} if Java uses what is left out of TeaVM's runtime, {@link FormatError} if the text form is not as expected
 */
export function link(input: LinkInput): LinkOutput {
  const { product, workDirectory } = input;
  const file = (name: string) => join(workDirectory, name);
  writeFileSync(file("teavm.wasm"), input.teavm);
  run("wasm-dis", ...featureArguments(), file("teavm.wasm"), "-o", file("teavm.wat"));
  const linked = rewrite(
    readFileSync(file("teavm.wat"), "utf8"),
    input.kernels,
    staticData(input.teavm),
    product,
  );
  const text = product.exceptions === "try" ? legacyExceptions(linked.text) : linked.text;
  writeFileSync(file("linked.wat"), text);
  const optimise = (passes: readonly string[], from: string, ...out: string[]) =>
    run("wasm-opt", ...featureArguments(), "-g", ...ASSUMPTIONS, ...passes, file(from), ...out);
  optimise(OPTIMISATION, "linked.wat", "-S", "-o", file("optimised.wat"));
  const optimised = readFileSync(file("optimised.wat"), "utf8");
  writeFileSync(file("shared.wat"), shared(optimised));
  const out = product.names ? ["-o", file("linked.wasm")] : ["-S", "-o", file("again.wat")];
  optimise(OPTIMISATION_OF_SHARED, "shared.wat", ...out);
  if (!product.names) {
    const again = readFileSync(file("again.wat"), "utf8");
    writeFileSync(file("ordered.wat"), localsInOrder(renamedInOrder(again)));
    const order = ["--reorder-functions-by-name", ...STRIP, "-o", file("linked.wasm")];
    run("wasm-opt", ...featureArguments(), file("ordered.wat"), ...order);
  }
  const module = new Uint8Array(readFileSync(file("linked.wasm")));
  verify(module, product, product.kernelExports ? linked.kernels : []);
  return { module, dropped: linked.dropped, bound: linked.bound };
}

/**
 * What the optimiser may take for granted, and what it is to leave, whenever it runs. Figures are bytes of the compressed module,
 * of about 44,000.
 *
 * - `--closed-world`: what is not exported is ours alone.
 * - `--traps-never-happen` (2,700): loads and casts whose results nobody needs go. They are there because they might trap, which no
 *   correct program does; the trap that is wanted is a call that stores outside of the memory (`trap` in kernels.wat).
 * - `--low-memory-unused` (150): an address plus a constant below 1024 becomes an offset. Our data begins above that.
 * - `--always-inline-max-function-size=5` (450): getters are shorter where they are used; 7 and more cost again.
 * - `--skip-pass=local-subtyping` (280): fewer types of locals, fewer groups to declare.
 * - The batch kernels stay functions of their own, as their loops need all registers.
 */
const ASSUMPTIONS = [
  "--closed-world",
  "--traps-never-happen",
  "--low-memory-unused",
  "--always-inline-max-function-size=5",
  "--skip-pass=local-subtyping",
  "--no-inline=dotBatch",
  "--no-inline=squaredDistanceBatch",
  "--no-inline=*@text",
];

/**
 * How the module is optimised at first: `--gufa` follows values through the whole program and finds what Java's types do not say.
 * TeaVM has inlined already: -O3 in place of -Oz costs 1,700 and wins no speed.
 */
const OPTIMISATION = [
  "-Oz",
  "--gufa",
  "--type-ssa",
  "-Oz",
  "--type-merging",
  "--cfp-reftest",
  "-Oz",
];

/**
 * And again when arrays are bare (850) and classes share layouts (2,500). What joins an allocation with the values that are set
 * next stays out of it: that would name all fields of all classes. `--minimize-rec-groups` (1,500): else the types are one group,
 * sorted by need, not by use.
 */
const OPTIMISATION_OF_SHARED = [
  "--skip-pass=heap-store-optimization",
  "-Oz",
  "--minimize-rec-groups",
];

/** Classes of which objects come and go with deltas that have metadata, and with filters: they should be small. */
const PASSING = /\.core\.json\.|\.filter\.Scalar|\.index\.Selection/;

/** The optimised module with what `layout.ts` does to it. Few objects live of the classes that share the larger layout. */
function shared(optimised: string): string {
  const isOurs = (id: string) => id.startsWith("$dev.deltavec.");
  const isLasting = (id: string) => isOurs(id) && !PASSING.test(id);
  const large = sharedLayout(bareArrays(optimised), "$shared", isLasting);
  return sharedLayout(large, "$passing", (id) => isOurs(id) && PASSING.test(id));
}

/** Bytes of static data, from the custom section in which TeaVM tells its loader. */
function staticData(teavm: Uint8Array<ArrayBuffer>): number {
  const [section] = WebAssembly.Module.customSections(
    new WebAssembly.Module(teavm),
    "teavm.memoryRequirements",
  );
  if (section === undefined) throw new LinkError("section teavm.memoryRequirements is missing");
  const { dataSize } = JSON.parse(new TextDecoder().decode(section)) as { dataSize?: unknown };
  if (typeof dataSize !== "number" || !Number.isInteger(dataSize) || dataSize < 0) {
    throw new LinkError("section teavm.memoryRequirements has no dataSize");
  }
  return dataSize;
}

/** The rewriting itself, on the text form. */
export function rewrite(
  teavm: string,
  kernels: readonly string[],
  dataBytes: number,
  product: Product,
): { text: string; dropped: string[]; bound: string[]; kernels: string[] } {
  const isOurs = (f: Field) => product.exports.test(exportOf(f).name);
  const fields = numberedStrings(
    shortened(withoutRuntime(withOurLibrary(fieldsOf(teavm)), isOurs)),
  );
  checkData(fields, dataBytes);
  const dataEnd = Math.max(LOW, align(dataBytes, 64));
  const pieces = kernels.flatMap(fieldsOf).filter((f) => !isMemoryImport(f));
  checkIds(fields, pieces);
  const joined = pieces.filter((f) => !OTHER_FIELDS.has(f.kind)).map(kernelOf);

  const kept: string[] = [];
  const added: string[] = [];
  const dropped: string[] = [];
  const bound: string[] = [];
  let memories = 0;
  for (const f of fields) {
    if (f.kind === "export") {
      const { name, kind } = exportOf(f);
      if (product.exports.test(name)) {
        if (kind !== "func") throw new LinkError(`export ${name} is a ${kind}, not a function`);
        kept.push(f.text);
      } else dropped.push(name);
      continue;
    }
    if (f.kind === "memory") throw new LinkError("TeaVM defines a memory; it used to import one");
    if (f.kind !== "import") {
      kept.push(f.text);
      continue;
    }
    const what = importOf(f);
    const key = `${what.module}.${what.name}`;
    if (key === "env.memory" && what.kind === "memory") {
      memories++;
      added.push(
        `(memory ${what.id} ${Math.ceil(dataEnd / PAGE)} ${product.maximumPages})`,
        `(export "memory" (memory ${what.id}))`,
      );
    } else if (product.imports.has(key)) {
      if (what.kind !== "func") throw new LinkError(`import ${key} is a ${what.kind}`);
      kept.push(f.text);
    } else if (what.module === OURS) {
      added.push(ours(what, joined, dataEnd));
    } else {
      const binding = what.kind === "func" ? BINDINGS.get(key) : undefined;
      if (binding === undefined) {
        kept.push(f.text); // dead code, or verify() complains
      } else {
        bound.push(key);
        added.push(define(what, binding.body));
      }
    }
  }
  if (memories !== 1) throw new LinkError(`one import env.memory expected, found ${memories}`);
  const others = pieces.filter((f) => OTHER_FIELDS.has(f.kind));
  added.push(...others.map((f) => (product.table ? f.text : withoutExport(f))));
  for (const k of joined) {
    added.push(k.text);
    if (product.kernelExports && k.name !== undefined)
      added.push(`(export "${k.name}" (func ${k.id}))`);
  }
  const names = joined.flatMap((k) => k.name ?? []);
  return {
    text: `(module\n${[...kept, ...added].join("\n")}\n)\n`,
    dropped,
    bound,
    kernels: names,
  };
}

/** A function of the kernels. */
interface Kernel {
  /** The name it is exported under; helpers have none. */
  readonly name: string | undefined;
  readonly id: string;
  readonly signature: string;
  /** The function without its inline export. */
  readonly text: string;
}

/** What else but functions the kernels may define: a table through which they call, its type, its first entries; globals. */
const OTHER_FIELDS: ReadonlySet<string> = new Set(["type", "table", "elem", "global"]);

/** A field of the kernels without the name under which it is exported. */
function withoutExport(f: Field): string {
  const items = parse(f.text) as Expression[];
  return print(items.filter((item) => !(Array.isArray(item) && item[0] === "export")));
}

function isMemoryImport(f: Field): boolean {
  return f.kind === "import" && importOf(f).kind === "memory";
}

/** Reads a function, exported inline if Java may call it. */
function kernelOf(f: Field): Kernel {
  if (f.kind !== "func" || f.id === undefined) {
    throw new LinkError(`kernels: a function with an identifier expected: ${f.text.slice(0, 60)}`);
  }
  const items = parse(f.text) as Expression[];
  const name = lists(items, "export")[0]?.[1];
  if (name !== undefined && typeof name !== "string")
    throw new LinkError(`kernels: export of ${f.id} has no name`);
  return {
    name: name?.slice(1, -1),
    id: f.id,
    signature: signatureOf(items),
    text: withoutExport(f),
  };
}

/** The definition that takes the place of a function which Java imports from us. */
function ours(what: Import, kernels: readonly Kernel[], dataEnd: number): string {
  const signature = signatureOf(what.type);
  if (what.name === "dataEnd" && signature === "() -> (i32)")
    return define(what, `(i32.const ${dataEnd})`);
  const kernel = kernels.find((k) => k.name === what.name);
  if (kernel === undefined)
    throw new LinkError(`Java imports ${OURS}.${what.name}, which is no kernel`);
  if (what.kind !== "func" || signature !== kernel.signature) {
    throw new LinkError(`kernel ${what.name} is ${kernel.signature}, Java imports ${signature}`);
  }
  // A call that only passes on: the optimiser removes it.
  const parameters = lists([...what.type], "param").flatMap((list) => list.slice(1)).length;
  const passed = Array.from({ length: parameters }, (_, i) => ` (local.get ${i})`).join("");
  return define(what, `(call ${kernel.id}${passed})`);
}

function define(what: Import, body: string): string {
  return `(func ${what.id} ${what.type.map(print).join(" ")} ${body})`;
}

/** Static data must lie where TeaVM says, or the memory layout is wrong. */
function checkData(fields: readonly Field[], dataBytes: number): void {
  for (const f of fields.filter((each) => each.kind === "data")) {
    const items = (parse(f.text) as Expression[]).slice(1);
    const place = lists(items, "i32.const")[0]?.[1];
    const bytes = items.filter(
      (item): item is string => typeof item === "string" && item.startsWith('"'),
    );
    if (typeof place !== "string")
      throw new LinkError(`data at an unknown place: ${f.text.slice(0, 60)}`);
    const end = Number(place) + bytesOf(...bytes).length;
    if (end > dataBytes)
      throw new LinkError(`data ends at ${end}, behind the ${dataBytes} bytes that TeaVM declares`);
  }
}

/** No identifier of the kernels may be one of TeaVM's, nor stand in two of their files. */
function checkIds(fields: readonly Field[], kernels: readonly Field[]): void {
  const taken = new Set(fields.map((f) => f.id));
  const own = new Set<string>();
  for (const { id } of kernels) {
    if (id === undefined) continue;
    if (taken.has(id)) throw new LinkError(`the kernels and TeaVM both define ${id}`);
    if (own.has(id)) throw new LinkError(`two files of kernels define ${id}`);
    own.add(id);
  }
}

/**
 * Checks the finished module: no imports but the product's, only our exports (the memory, the table `kernels`, functions), no
 * custom sections.
 *
 * @param kernels names of kernels that are exported on purpose
 */
export function verify(
  bytes: Uint8Array<ArrayBuffer>,
  product: Product,
  kernels: readonly string[],
): void {
  const module = new WebAssembly.Module(bytes);
  const imports = WebAssembly.Module.imports(module)
    .filter((i) => i.kind !== "function" || !product.imports.has(`${i.module}.${i.name}`))
    .map((i) => `${i.module}.${i.name} (${i.kind})`);
  if (imports.length > 0) {
    throw new LinkError(
      `the module still imports ${imports.join(", ")}. ` +
        "Avoid what needs them in Java, or bind them in bindings.ts with a reason.",
    );
  }
  const exports = WebAssembly.Module.exports(module);
  const kindOf = (name: string) =>
    (name === "memory" ? "memory" : undefined) ??
    (name === "kernels" && product.table ? "table" : undefined) ??
    (product.exports.test(name) || kernels.includes(name) ? "function" : undefined);
  const foreign = exports.filter((e) => e.kind !== kindOf(e.name));
  if (foreign.length > 0)
    throw new LinkError(`exports that are not ours: ${foreign.map((e) => e.name).join(", ")}`);
  if (!exports.some((e) => product.exports.test(e.name)))
    throw new LinkError("the module exports none of our functions");
  const custom = customSections(bytes).filter((name) => !(product.names && name === "name"));
  if (custom.length > 0) throw new LinkError(`custom sections are left: ${custom.join(", ")}`);
}

/** `value` rounded up to a multiple of `unit`. */
function align(value: number, unit: number): number {
  return Math.ceil(value / unit) * unit;
}
