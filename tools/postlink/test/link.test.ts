import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { run } from "../src/binaryen.ts";
import { FEATURES, featureArguments } from "../src/features.ts";
import { LinkError, type LinkOutput, link, verify } from "../src/link.ts";
import { MODULE, type Product } from "../src/product.ts";
import { cli } from "./cli.ts";
import { teavmOutput } from "./teavm.ts";

const directory = mkdtempSync(join(tmpdir(), "postlink-"));
after(() => rmSync(directory, { recursive: true }));

const KERNELS = `(module
  (import "env" "memory" (memory $memory 1))
  (func $twice (param $x i32) (result i32) (i32.add (local.get $x) (local.get $x)))
  (func $four (export "four") (param $x i32) (result i32)
    (call $twice (call $twice (local.get $x)))))`;

/** Makes a module that looks like TeaVM's output. */
function teavm(body: string, ...rest: (string | undefined)[]): Uint8Array<ArrayBuffer> {
  return teavmOutput(directory, body, rest[0], rest[1], rest[2]);
}

function linked(
  input: Uint8Array<ArrayBuffer>,
  product: Product = MODULE,
  ...kernels: string[]
): LinkOutput {
  const files = kernels.length > 0 ? kernels : [KERNELS];
  return link({ teavm: input, kernels: files, product, workDirectory: directory });
}

interface Exports {
  readonly memory: WebAssembly.Memory;
  readonly kernels: WebAssembly.Table;
  dv_f(): number;
  four(x: number): number;
}

function exportsOf(module: Uint8Array<ArrayBuffer>): Exports {
  return new WebAssembly.Instance(new WebAssembly.Module(module)).exports as unknown as Exports;
}

/** Links and calls the export `dv_f`. */
function result(input: Uint8Array<ArrayBuffer>): number {
  return exportsOf(linked(input).module).dv_f();
}

const F = '(func (export "dv_f") (result i32) (i32.const 7))';

function refusal(input: Uint8Array<ArrayBuffer>, ...kernels: string[]): string {
  try {
    linked(input, MODULE, ...kernels);
  } catch (error) {
    assert.ok(error instanceof LinkError, String(error));
    return error.message;
  }
  return assert.fail("nothing was refused");
}

test("our exports and the memory stay, all others go", () => {
  const output = linked(teavm(`${F} (func (export "main")) (tag (export "teavm.javaException"))`));
  const names = WebAssembly.Module.exports(new WebAssembly.Module(output.module)).map(
    (e) => e.name,
  );
  assert.deepEqual(names.sort(), ["dv_f", "memory"]);
  assert.deepEqual(
    output.dropped.includes("main") && output.dropped.includes("teavm.javaException"),
    true,
  );
});

test("the module needs no imports", () => {
  assert.deepEqual(WebAssembly.Module.imports(new WebAssembly.Module(linked(teavm(F)).module)), []);
});

test("an export of ours that is no function is refused", () => {
  const input = teavm(`${F} (global (export "dv_g") i32 (i32.const 1))`);
  assert.match(refusal(input), /dv_g is a global/);
});

test("a module without any of our exports is refused", () => {
  assert.match(refusal(teavm('(func (export "main"))')), /none of our functions/);
});

test("an unknown import that is called is refused by name", () => {
  const input = teavm(
    '(func (export "dv_f") (result f64) (call $now))',
    '(import "teavmDate" "currentTimeMillis" (func $now (result f64)))',
  );
  assert.match(refusal(input), /teavmDate\.currentTimeMillis/);
});

test("an unknown import that nothing of ours calls goes away", () => {
  const input = teavm(
    `${F} (func (export "other") (result f64) (call $now))`,
    '(import "teavmDate" "currentTimeMillis" (func $now (result f64)))',
  );
  assert.deepEqual(WebAssembly.Module.imports(new WebAssembly.Module(linked(input).module)), []);
});

test("a known import is bound", () => {
  const input = teavm(
    '(func (export "dv_f") (result i32) (i32.trunc_f64_s (call $sqrt (f64.const 49))))',
    '(import "teavmMath" "sqrt" (func $sqrt (param f64) (result f64)))',
  );
  assert.deepEqual(linked(input).bound, ["teavmMath.sqrt"]);
  assert.equal(result(input), 7);
});

test("Java calls a kernel that it imports", () => {
  const input = teavm(
    '(func (export "dv_f") (result i32) (call $four (i32.const 3)))',
    '(import "deltavec" "four" (func $four (param i32) (result i32)))',
  );
  assert.equal(result(input), 12);
});

test("kernels keep what they are told in a global", () => {
  const input = teavm(
    '(func (export "dv_f") (result i32) (call $keep (i32.const 5)) (call $kept))',
    `(import "deltavec" "keep" (func $keep (param i32)))
     (import "deltavec" "kept" (func $kept (result i32)))`,
  );
  const kernels = `(module (import "env" "memory" (memory $memory 1))
    (global $value (mut i32) (i32.const 0))
    (func $set (export "keep") (param i32) (global.set $value (local.get 0)))
    (func $get (export "kept") (result i32) (global.get $value)))`;
  assert.equal(exportsOf(linked(input, MODULE, kernels).module).dv_f(), 5);
});

test("a kernel that ends the call by a store outside of the memory does so", () => {
  const input = teavm(
    '(func (export "dv_f") (result i32) (call $end) (i32.const 7))',
    '(import "deltavec" "end" (func $end))',
  );
  const kernels = `(module (import "env" "memory" (memory $memory 1))
    (func $end (export "end") (i32.store (i32.const -1) (i32.const 0))))`;
  const exports = exportsOf(linked(input, MODULE, kernels).module);
  assert.throws(() => exports.dv_f(), WebAssembly.RuntimeError);
});

test("an import of a kernel that is not there is refused", () => {
  assert.match(
    refusal(teavm(F, '(import "deltavec" "five" (func $five))')),
    /deltavec\.five, which is no kernel/,
  );
});

test("a helper of the kernels is no kernel", () => {
  const imports = '(import "deltavec" "twice" (func $two (param i32) (result i32)))';
  assert.match(refusal(teavm(F, imports)), /deltavec\.twice, which is no kernel/);
});

test("an import of a kernel with another signature is refused", () => {
  const imports = '(import "deltavec" "four" (func $four (param i32 i32) (result i32)))';
  assert.match(
    refusal(teavm(F, imports)),
    /four is \(i32\) -> \(i32\), Java imports \(i32 i32\) -> \(i32\)/,
  );
});

test("kernels that define more than functions need are refused", () => {
  assert.match(
    refusal(teavm(F), '(module (data (i32.const 0) "x"))'),
    /a function with an identifier/,
  );
});

test("kernels with an identifier of TeaVM's are refused", () => {
  // Disassembly without names numbers the functions.
  assert.match(refusal(teavm(F), "(module (func $0))"), /both define \$0/);
});

const TABLE = `(module
  (type $unary (func (param i32) (result i32)))
  (table $kernels (export "kernels") 1 1 (ref null $unary))
  (elem (table $kernels) (i32.const 0) (ref null $unary) (ref.func $thrice))
  (func $thrice (type $unary) (param $x i32) (result i32) (i32.mul (local.get $x) (i32.const 3)))
  (func $call (export "call") (param $x i32) (result i32)
    (call_indirect $kernels (type $unary) (local.get $x) (i32.const 0))))`;

test("kernels come from several files and call through a table whose entries can be set", () => {
  const input = teavm(
    `(func (export "dv_f") (result i32) (call $call (call $four (i32.const 5))))`,
    `(import "deltavec" "call" (func $call (param i32) (result i32)))
    (import "deltavec" "four" (func $four (param i32) (result i32)))`,
  );
  const options = { ...MODULE, kernelExports: true };
  const exports = exportsOf(linked(input, options, KERNELS, TABLE).module);
  assert.equal(exports.dv_f(), 60);
  const other = exportsOf(linked(teavm(F), options).module);
  exports.kernels.set(0, other.four);
  assert.equal(exports.dv_f(), 80);
});

test("an identifier in two files of kernels is refused", () => {
  assert.match(refusal(teavm(F), KERNELS, KERNELS), /two files of kernels define \$twice/);
});

test("Java learns where its data ends", () => {
  for (const [bytes, end] of [
    [1100, 1152],
    [1152, 1152],
    [100, 1024],
  ]) {
    const input = teavm(
      '(func (export "dv_f") (result i32) (call $dataEnd))',
      '(import "deltavec" "dataEnd" (func $dataEnd (result i32)))',
      `{"dataSize":${bytes}}`,
    );
    assert.equal(result(input), end);
  }
});

test("data behind the declared size is refused", () => {
  assert.match(refusal(teavm(`${F} (data (i32.const 98) "abc")`)), /data ends at 101/);
});

test("data up to the declared size is accepted", () => {
  assert.equal(result(teavm(`${F} (data (i32.const 97) "abc")`)), 7);
});

for (const requirements of ["", "{}", '{"dataSize":-1}', '{"dataSize":"1"}']) {
  test(`memory requirements of ${requirements || "nothing"} are refused`, () => {
    assert.match(refusal(teavm(F, "", requirements)), /teavm\.memoryRequirements/);
  });
}

test("a heap of direct buffers that may grow is refused", () => {
  const input = teavm(
    '(func (export "dv_f") (result i32) (call $resized) (i32.const 7))',
    '(import "teavmMemory" "notifyHeapResized" (func $resized))',
  );
  assert.match(refusal(input), /teavmMemory\.notifyHeapResized/);
});

test("a memory of TeaVM's own is refused", () => {
  assert.match(refusal(teavm(F, "", undefined, "(memory 1)")), /defines a memory/);
});

test("a module without a memory is refused", () => {
  assert.match(refusal(teavm(F, "", undefined, "")), /one import env\.memory expected, found 0/);
});

test("the memory begins with a page and may grow to the product's maximum", () => {
  const { module } = linked(teavm(F), { ...MODULE, maximumPages: 3 });
  const { memory } = exportsOf(module);
  assert.equal(memory.buffer.byteLength, 65536);
  assert.equal(memory.grow(2), 1);
  assert.throws(() => memory.grow(1), RangeError);
});

test("kernels are exported where the product asks for it", () => {
  const { module } = linked(teavm(F), { ...MODULE, kernelExports: true });
  assert.equal(exportsOf(module).four(3), 12);
});

test("no custom section is left", () => {
  const { module } = linked(teavm(F));
  const names = ["name", "producers", "target_features", "teavm.memoryRequirements"];
  const found = names.filter(
    (name) => WebAssembly.Module.customSections(new WebAssembly.Module(module), name).length,
  );
  assert.deepEqual(found, []);
});

test("a module with a custom section is not passed", () => {
  const { module } = linked(teavm(F));
  assert.throws(
    () => verify(new Uint8Array([...module, 0, 2, 1, 97]), MODULE, []),
    /custom sections are left: a/,
  );
});

test("a module with a foreign export is not passed", () => {
  const { module } = linked(teavm(F), { ...MODULE, kernelExports: true });
  assert.throws(() => verify(module, MODULE, []), /not ours: four/);
});

const CATCHING = `(tag $e (param i32))
  (func $g (param i32)
    (if (i32.gt_s (local.get 0) (i32.const 4)) (then (throw $e (local.get 0))))
    (call $g (i32.add (local.get 0) (i32.const 1))))
  (func (export "dv_f") (result i32)
    (block $h (result i32) (try_table (catch $e $h) (call $g (i32.const 0))) (unreachable)))`;

/** The module that has been linked last, in text form. */
function disassembled(): string {
  return run("wasm-dis", ...featureArguments(), join(directory, "linked.wasm"));
}

test("the module catches with the legacy try", () => {
  assert.equal(result(teavm(CATCHING)), 5);
  const text = disassembled();
  assert.match(text, /\(try\b/);
  assert.doesNotMatch(text, /try_table/);
});

test("try_table stays where the product asks for it", () => {
  const { module } = linked(teavm(CATCHING), { ...MODULE, exceptions: "try_table" });
  assert.equal(exportsOf(module).dv_f(), 5);
  assert.match(disassembled(), /\(try_table\b/);
});

test("only features that engines have are enabled", () => {
  const later = [
    "custom-descriptors",
    "compact-imports",
    "relaxed-simd",
    "threads",
    "shared-everything",
    "memory64",
  ];
  later.push(
    "stack-switching",
    "strings",
    "fp16",
    "custom-page-sizes",
    "multimemory",
    "wide-arithmetic",
  );
  assert.deepEqual(
    later.filter((name) => FEATURES.has(name)),
    [],
  );
});

test("the list of features begins with nothing, so what is not on it is off", () => {
  assert.equal(featureArguments()[0], "--mvp-features");
  assert.ok(featureArguments().every((argument) => !/^(-all|--all-features)$/.test(argument)));
});

test("output that needs a feature not on the list is refused", () => {
  writeFileSync(
    join(directory, "in.wat"),
    "(module (memory 1 1 shared) (func (drop (i32.atomic.load (i32.const 0)))))",
  );
  run("wasm-as", "--enable-threads", join(directory, "in.wat"), "-o", join(directory, "in.wasm"));
  assert.throws(
    () =>
      run(
        "wasm-opt",
        ...featureArguments(),
        join(directory, "in.wasm"),
        "-o",
        join(directory, "out.wasm"),
      ),
    /threads|atomic|shared/i,
  );
});

function files(): string[] {
  writeFileSync(join(directory, "teavm-in.wasm"), teavm(F));
  writeFileSync(join(directory, "kernels.wat"), KERNELS);
  return [
    `--teavm=${join(directory, "teavm-in.wasm")}`,
    `--kernels=${join(directory, "kernels.wat")}`,
  ];
}

test("the command line writes the module and tells its size", () => {
  const out = join(directory, "cli.wasm");
  const { code, text } = cli(...files(), `--out=${out}`);
  assert.equal(code, 0, text);
  assert.ok(WebAssembly.validate(readFileSync(out)));
  assert.match(text, new RegExp(`${readFileSync(out).length} bytes, \\d+ gzip`));
});

test("the command line does nothing when nothing has changed", () => {
  const args = [...files(), `--out=${join(directory, "again.wasm")}`];
  cli(...args);
  assert.match(cli(...args).text, /up to date/);
});

test("the command line links again when the kernels have changed", () => {
  const args = [...files(), `--out=${join(directory, "changed.wasm")}`];
  cli(...args);
  writeFileSync(join(directory, "kernels.wat"), KERNELS.replace("i32.add", "i32.mul"));
  assert.doesNotMatch(cli(...args).text, /up to date/);
});

test("the command line fails where the module is too large", () => {
  const { code, text } = cli(...files(), `--out=${join(directory, "large.wasm")}`, "--max-gzip=10");
  assert.equal(code, 1);
  assert.match(text, /are more than the 10 allowed/);
});

test("the command line fails where exceptions are handled in an unknown way", () => {
  const args = [...files(), `--out=${join(directory, "exceptions.wasm")}`];
  const body =
    '(func (export "dv_f") (result i32) (block $h (try_table (catch_all $h))) (i32.const 7))';
  writeFileSync(join(directory, "teavm-in.wasm"), teavm(body));
  const { code, text } = cli(...args);
  assert.equal(code, 1);
  assert.match(text, /^postlink: try_table without a catch that is known/);
});

test("the command line fails for an unknown product", () => {
  const { code, text } = cli(
    ...files(),
    `--out=${join(directory, "x.wasm")}`,
    "--product=nonsense",
  );
  assert.equal(code, 1);
  assert.match(text, /module, test, profile, .*relaxed/);
});

test("the command line fails without an output", () => {
  assert.deepEqual(cli(...files()), { code: 1, text: "postlink: option --out is missing\n" });
});
