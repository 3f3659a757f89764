import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { run } from "../src/binaryen.ts";
import { componentOf } from "../src/component.ts";
import { featureArguments } from "../src/features.ts";
import { LinkError, link } from "../src/link.ts";
import { DELTA_VECTOR, DELTAVEC, PRODUCTS, type Product } from "../src/product.ts";
import { customSections } from "../src/sections.ts";
import { cli } from "./cli.ts";
import { assembled, teavmOutput } from "./teavm.ts";

const directory = mkdtempSync(join(tmpdir(), "postlink-component-"));
after(() => rmSync(directory, { recursive: true }));

const FIRST = "ruvector:delta/delta-db@0.1.0";
const SECOND = "deltavec:db/databases@0.1.0";

const HANDLE = (name: string) =>
  `(import "[export]${name}" "[resource-new]database" (func $handle (param i32) (result i32)))`;
const CLOCK = '(import "wasi:clocks/wall-clock@0.2.0" "now" (func $now (param i32)))';
const SIZE = (name: string, body = "(call $handle (i32.const 7))") =>
  `(func (export "${name}#size") (result i32) ${body})`;

function linked(
  input: Uint8Array<ArrayBuffer>,
  product: Product,
  kernels = "(module)",
): Uint8Array<ArrayBuffer> {
  return link({ teavm: input, kernels: [kernels], product, workDirectory: directory }).module;
}

function importsOf(module: Uint8Array<ArrayBuffer>): string[] {
  return WebAssembly.Module.imports(new WebAssembly.Module(module)).map((i) => i.name);
}

/** The message with which the post-link refuses a module. */
function refusal(product: Product, body: string, imports: string): string {
  try {
    linked(teavmOutput(directory, body, imports), product);
  } catch (error) {
    assert.ok(error instanceof LinkError, String(error));
    return error.message;
  }
  return assert.fail("nothing was refused");
}

test("a component's core imports the making of handles", () => {
  const module = linked(teavmOutput(directory, SIZE(FIRST), HANDLE(FIRST)), DELTA_VECTOR);
  assert.deepEqual(importsOf(module), ["[resource-new]database"]);
});

test("the handles of another interface are refused", () => {
  assert.match(
    refusal(DELTA_VECTOR, SIZE(FIRST), HANDLE(SECOND)),
    /still imports \[export\]deltavec:db\/databases@0\.1\.0\.\[resource-new\]database \(function\)/,
  );
});

test("the world without a clock refuses the clock", () => {
  const body = SIZE(FIRST, "(call $now (i32.const 0)) (i32.const 1)");
  assert.match(
    refusal(DELTA_VECTOR, body, CLOCK),
    /still imports wasi:clocks\/wall-clock@0\.2\.0\.now/,
  );
});

test("the world with a clock takes it", () => {
  const body = SIZE(SECOND, "(call $now (i32.const 0)) (i32.const 1)");
  assert.deepEqual(importsOf(linked(teavmOutput(directory, body, CLOCK), DELTAVEC)), ["now"]);
});

for (const [module, name] of [
  ["wasi:cli/environment@0.2.0", "get-environment"],
  ["wasi_snapshot_preview1", "fd_write"],
  ["wasi:clocks/wall-clock@0.2.0", "resolution"],
  ["wasi:clocks/wall-clock@0.2.1", "now"],
  ["teavmDate", "currentTimeMillis"],
]) {
  test(`both worlds refuse ${module} ${name}`, () => {
    const imports = `(import "${module}" "${name}" (func $f (param i32)))`;
    for (const [product, own] of [
      [DELTA_VECTOR, FIRST],
      [DELTAVEC, SECOND],
    ] as const) {
      const body = SIZE(own, "(call $f (i32.const 0)) (i32.const 1)");
      assert.ok(refusal(product, body, imports).includes(`still imports ${module}.${name} (func`));
    }
  });
}

test("an import of an allowed name that is no function is refused", () => {
  const imports = `(import "[export]${FIRST}" "[resource-new]database" (global $g i32))`;
  assert.match(refusal(DELTA_VECTOR, SIZE(FIRST, "(global.get $g)"), imports), /is a global/);
});

test("exports of another world go", () => {
  const body = `${SIZE(FIRST)} ${SIZE(SECOND)} (func (export "dv_f") (result i32) (i32.const 1))
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (local.get 0))`;
  const module = linked(teavmOutput(directory, body, HANDLE(FIRST)), DELTA_VECTOR);
  const names = WebAssembly.Module.exports(new WebAssembly.Module(module)).map((e) => e.name);
  assert.deepEqual(names.sort(), ["cabi_realloc", "memory", `${FIRST}#size`]);
});

/** The exports of a module whose `size` calls through the table of kernels; entry 0 triples. */
function tripling(product: Product): WebAssembly.Exports {
  const kernels = `(module
    (type $unary (func (param i32) (result i32)))
    (table $kernels (export "kernels") 1 1 (ref null $unary))
    (elem (table $kernels) (i32.const 0) (ref null $unary) (ref.func $thrice))
    (func $thrice (type $unary) (param $x i32) (result i32) (i32.mul (local.get $x) (i32.const 3)))
    (func $call (export "call") (param $x i32) (result i32)
      (call_indirect $kernels (type $unary) (local.get $x) (i32.const 0))))`;
  const body = SIZE(FIRST, "(call $call (i32.const 5))");
  const imports = '(import "deltavec" "call" (func $call (param i32) (result i32)))';
  const module = linked(teavmOutput(directory, body, imports), product, kernels);
  return new WebAssembly.Instance(new WebAssembly.Module(module)).exports;
}

test("a component's core calls through the table of kernels and does not export it", () => {
  const exports = tripling(DELTA_VECTOR);
  assert.deepEqual(Object.keys(exports).sort(), ["memory", `${FIRST}#size`]);
  assert.equal((exports[`${FIRST}#size`] as () => number)(), 15);
});

test("its twin for JavaScript takes other kernels", () => {
  const exports = tripling(PRODUCTS.get("delta-vector-js") as Product);
  const square = assembled(
    directory,
    '(module (func (export "f") (param i32) (result i32) (i32.mul (local.get 0) (local.get 0))))',
  );
  const { f } = new WebAssembly.Instance(new WebAssembly.Module(square)).exports;
  const { kernels } = exports;
  (kernels as WebAssembly.Table).set(0, f);
  assert.equal((exports[`${FIRST}#size`] as () => number)(), 25);
});

const CATCHING = `(tag $e (param i32))
  (func $g (param i32)
    (if (i32.gt_s (local.get 0) (i32.const 4)) (then (throw $e (local.get 0))))
    (call $g (i32.add (local.get 0) (i32.const 1))))
  ${SIZE(FIRST, "(block $h (result i32) (try_table (catch $e $h) (call $g (i32.const 0))) (unreachable))")}`;

for (const [name, form] of [
  ["delta-vector", /\(try_table\b/],
  ["delta-vector-js", /\(try\b/],
] as const) {
  test(`the product ${name} catches with ${form.source.slice(2)}`, () => {
    linked(teavmOutput(directory, CATCHING), PRODUCTS.get(name) as Product);
    assert.match(run("wasm-dis", ...featureArguments(), join(directory, "linked.wasm")), form);
  });
}

const WIT = `package some:thing@1.2.3;
  interface numbers { add: func(a: u32, b: u32) -> u32; }
  world adder { export numbers; }`;
const CORE = `(module (memory (export "memory") 1)
  (func (export "some:thing/numbers@1.2.3#add") (param i32 i32) (result i32)
    (i32.add (local.get 0) (local.get 1))))`;

test("a component is made of a core", async () => {
  const component = await componentOf(assembled(directory, CORE), WIT, "adder");
  assert.deepEqual([...component.subarray(0, 8)], [0, 0x61, 0x73, 0x6d, 13, 0, 1, 0]);
});

test("no custom section is left in a component nor in what is in it", async () => {
  const component = await componentOf(assembled(directory, CORE), WIT, "adder");
  assert.deepEqual(customSections(component), []);
  assert.ok(!Buffer.from(component).includes("producers"));
});

test("a core that lacks a function of the world is refused", async () => {
  await assert.rejects(
    componentOf(assembled(directory, '(module (memory (export "memory") 1))'), WIT, "adder"),
    /^LinkError: no component of world adder: .*add/s,
  );
});

test("a core that imports what the world does not is refused", async () => {
  const core = CORE.replace(
    "(module",
    '(module (import "wasi:cli/environment@0.2.0" "initial-cwd" (func (param i32)))',
  );
  await assert.rejects(
    componentOf(assembled(directory, core), WIT, "adder"),
    /^LinkError: no component of world adder: .*wasi:cli\/environment/s,
  );
});

test("a world that imports more than the clock is refused", async () => {
  const wit = `${WIT.replace("export numbers", "import wasi:random/random@0.2.0; export numbers")}
    package wasi:random@0.2.0 { interface random { get-random-u64: func() -> u64; } }`;
  const core = CORE.replace(
    "(module",
    '(module (import "wasi:random/random@0.2.0" "get-random-u64" (func (result i64)))',
  );
  await assert.rejects(
    componentOf(assembled(directory, core), wit, "adder"),
    new LinkError("the component imports wasi:random/random"),
  );
});

/** Arguments that make a component of a core; the files are written. */
function componentArguments(out: string): string[] {
  writeFileSync(join(directory, "core.wasm"), assembled(directory, CORE));
  writeFileSync(join(directory, "world.wit"), WIT);
  return [
    "--product=component",
    `--core=${join(directory, "core.wasm")}`,
    `--wit=${join(directory, "world.wit")}`,
    "--world=adder",
    `--out=${join(directory, out)}`,
  ];
}

test("the command line makes a component and tells its size", () => {
  const { code, text } = cli(...componentArguments("made.wasm"));
  assert.equal(code, 0, text);
  const bytes = readFileSync(join(directory, "made.wasm")).length;
  assert.match(text, new RegExp(`made\\.wasm: ${bytes} bytes, \\d+ gzip`));
});

test("the command line makes a component again when its WIT has changed", () => {
  const args = componentArguments("again.wasm");
  cli(...args);
  assert.match(cli(...args).text, /up to date/);
  writeFileSync(join(directory, "world.wit"), WIT.replace("world", "/// Adds.\n world"));
  assert.doesNotMatch(cli(...args).text, /up to date/);
});

test("the command line fails where a component is too large", () => {
  const { code, text } = cli(...componentArguments("large.wasm"), "--max-gzip=10");
  assert.equal(code, 1);
  assert.match(text, /are more than the 10 allowed/);
});

test("the command line fails where a core imports what it must not", () => {
  writeFileSync(
    join(directory, "teavm-in.wasm"),
    teavmOutput(directory, SIZE(FIRST, "(call $now (i32.const 0)) (i32.const 1)"), CLOCK),
  );
  writeFileSync(join(directory, "kernels.wat"), "(module)");
  const { code, text } = cli(
    "--product=delta-vector",
    `--teavm=${join(directory, "teavm-in.wasm")}`,
    `--kernels=${join(directory, "kernels.wat")}`,
    `--out=${join(directory, "refused.wasm")}`,
  );
  assert.equal(code, 1);
  assert.match(text, /^postlink: the module still imports wasi:clocks/m);
});

test("the command line fails where a component has no world", () => {
  const args = componentArguments("x.wasm").filter((each) => !each.startsWith("--world"));
  assert.deepEqual(cli(...args), { code: 1, text: "postlink: option --world is missing\n" });
});
