import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { run } from "../src/binaryen.ts";
import { featureArguments } from "../src/features.ts";
import { shortened } from "../src/idioms.ts";
import { fieldsOf } from "../src/wat.ts";

const directory = mkdtempSync(join(tmpdir(), "postlink-idioms-"));
after(() => rmSync(directory, { recursive: true }));

const rewritten = (text: string) =>
  `(module ${shortened(fieldsOf(text))
    .map((f) => f.text)
    .join("\n")})`;

/** Assembles a module and gives its exports. */
function exportsOf(text: string): Record<string, (...values: (number | bigint)[]) => number> {
  writeFileSync(join(directory, "in.wat"), text);
  run(
    "wasm-as",
    ...featureArguments(),
    join(directory, "in.wat"),
    "-o",
    join(directory, "in.wasm"),
  );
  const module = new WebAssembly.Module(readFileSync(join(directory, "in.wasm")));
  return new WebAssembly.Instance(module).exports as ReturnType<typeof exportsOf>;
}

const RUNTIME = "$org.teavm.backend.wasm.WasmRuntime::compare";
/** A function that compares as TeaVM's do. */
const compare = (name: string, type: string, sign: string) =>
  `(func ${name} (param $a ${type}) (param $b ${type}) (result i32)
    (i32.sub (${type}.gt_${sign} (local.get $a) (local.get $b)) (${type}.lt_${sign} (local.get $a) (local.get $b))))`;
const COMPARES = [
  ["signed int", RUNTIME, "i32", "s"],
  ["signed long", `${RUNTIME}_3`, "i64", "s"],
  ["unsigned int", `${RUNTIME}Unsigned_0`, "i32", "u"],
  ["unsigned long", `${RUNTIME}Unsigned`, "i64", "u"],
] as const;

for (const [what, name, type, sign] of COMPARES) {
  test(`comparisons of ${what} with 0 become instructions that do the same`, () => {
    const operators = ["eq", "ne", "lt_s", "le_s", "gt_s", "ge_s"];
    const call = `(call ${name} (local.get $a) (local.get $b))`;
    const functions = operators.map(
      (operator) =>
        `(func $${operator} (export "${operator}") (param $a ${type}) (param $b ${type}) (result i32)
          (i32.${operator} ${call} (i32.const 0)))`,
    );
    functions.push(
      `(func $not (export "not") (param $a ${type}) (param $b ${type}) (result i32) (i32.eqz ${call}))`,
    );
    const text = `(module ${compare(name, type, sign)} ${functions.join("\n")})`;
    const after = rewritten(text);
    assert.doesNotMatch(after, /call/);
    const [before, now] = [exportsOf(text), exportsOf(after)];
    for (const a of [-2, -1, 0, 1, 5]) {
      for (const b of [-2, 0, 1, 7]) {
        const values = type === "i64" ? [BigInt(a), BigInt(b)] : [a, b];
        for (const operator of [...operators, "not"])
          assert.equal(
            now[operator]?.(...values),
            before[operator]?.(...values),
            `${operator} ${values}`,
          );
      }
    }
  });
}

for (const [what, expression] of [
  [
    "with another number",
    `(i32.lt_s (call ${RUNTIME} (local.get $a) (local.get $b)) (i32.const 1))`,
  ],
  [
    "that is kept",
    `(i32.lt_s (local.tee $c (call ${RUNTIME} (local.get $a) (local.get $b))) (i32.const 0))`,
  ],
]) {
  test(`a comparison ${what} stays`, () => {
    const text = `(func $f (param $a i32) (param $b i32) (result i32) (local $c i32) ${expression})`;
    assert.ok(rewritten(`(module ${compare(RUNTIME, "i32", "s")} ${text})`).includes(expression));
  });
}

/** A builder that notes what is appended as decimal digits, and a class whose constructor takes two values. */
const CLASSES = `
  (type $VT (struct))
  (type $java.lang.StringBuilder (struct (field $vt (mut (ref null $VT))) (field $value (mut i32))))
  (type $E (struct (field $vt (mut (ref null $VT))) (field $a (mut i32)) (field $b (mut i32))))
  (global $E@vt (ref $VT) (struct.new_default $VT))
  (global $log (mut i32) (i32.const 0))
  (func $java.lang.StringBuilder::<init> (param $this (ref null $java.lang.StringBuilder))
    (struct.set $java.lang.StringBuilder $value (local.get $this) (i32.const 1)))
  (func $java.lang.StringBuilder::append_0 (param $this (ref null $java.lang.StringBuilder)) (param $x i32)
    (result (ref null $java.lang.StringBuilder))
    (struct.set $java.lang.StringBuilder $value (local.get $this)
      (i32.add (i32.mul (struct.get $java.lang.StringBuilder $value (local.get $this)) (i32.const 10)) (local.get $x)))
    (local.get $this))
  (func $E::<init>_0 (param $this (ref null $E)) (param $a i32) (param $b i32)
    (struct.set $E $a (local.get $this) (local.get $a))
    (struct.set $E $b (local.get $this) (local.get $b)))
  (func $note (param $x i32) (result i32)
    (global.set $log (i32.add (i32.mul (global.get $log) (i32.const 10)) (local.get $x)))
    (local.get $x))`;

const build = (local: string) => `
  (struct.set $java.lang.StringBuilder $vt
    (local.tee ${local} (struct.new_default $java.lang.StringBuilder)) (global.get $E@vt))
  (call $java.lang.StringBuilder::<init> (local.get ${local}))`;
const append = (on: string, x: number) =>
  `(call $java.lang.StringBuilder::append_0 ${on} (call $note (i32.const ${x})))`;
const LOG = "log";
const VALUE = "struct.get $java.lang.StringBuilder $value";

/** Bodies that give a number, in each of the shapes that TeaVM writes. */
const SHAPES: readonly (readonly [string, string])[] = [
  [
    "a builder",
    `${build("$s")} (drop ${append(append("(local.get $s)", 2), 3)}) (${VALUE} (local.get $s))`,
  ],
  [
    "a builder that is copied",
    `${build("$s")} (drop ${append("(local.tee $t (local.get $s))", 4)}) (${VALUE} (local.get $t))`,
  ],
  [
    "a builder that is copied and used",
    `${build("$s")} (drop ${append("(local.tee $t (local.get $s))", 4)})
    (i32.add (${VALUE} (local.get $t)) (${VALUE} (local.get $s)))`,
  ],
  ["a builder by itself", `${build("$s")} (${VALUE} (local.get $s))`],
  [
    "an object",
    `(struct.set $E $vt (local.tee $e (struct.new_default $E)) (global.get $E@vt))
    (call $E::<init>_0 (local.get $e) (call $note (i32.const 5)) (call $note (i32.const 6)))
    (i32.mul (struct.get $E $a (local.get $e)) (struct.get $E $b (local.get $e)))`,
  ],
  [
    "an object made while another is",
    `(struct.set $E $vt (local.tee $e (struct.new_default $E)) (global.get $E@vt))
    (local.set $g (local.get $e)) (drop (call $note (i32.const 1)))
    ${build("$s")} (drop ${append("(local.get $s)", 7)})
    (call $E::<init>_0 (local.get $g) (${VALUE} (local.get $s)) (call $note (i32.const 2)))
    (i32.add (struct.get $E $a (local.get $g)) (struct.get $E $b (local.get $e)))`,
  ],
  [
    "an object with a copy",
    `(struct.set $E $vt (local.tee $e (struct.new_default $E)) (global.get $E@vt))
    (call $E::<init>_0 (local.tee $g (local.get $e)) (i32.const 5) (i32.const 6))
    (i32.mul (struct.get $E $a (local.get $g)) (struct.get $E $b (local.get $e)))`,
  ],
  [
    "an object that is used before it is constructed",
    `(struct.set $E $vt (local.tee $e (struct.new_default $E)) (global.get $E@vt))
    (struct.set $E $a (local.get $e) (i32.const 9))
    (call $E::<init>_0 (local.get $e) (i32.add (struct.get $E $a (local.get $e)) (i32.const 1)) (i32.const 3))
    (i32.add (struct.get $E $a (local.get $e)) (struct.get $E $b (local.get $e)))`,
  ],
];

test("objects are made by one function, in all shapes, and are the same", () => {
  const functions = SHAPES.map(
    ([, body], i) => `(func $f${i} (export "f${i}") (result i32)
      (local $s (ref null $java.lang.StringBuilder)) (local $t (ref null $java.lang.StringBuilder))
      (local $e (ref null $E)) (local $g (ref null $E)) ${body})`,
  );
  functions.push(
    `(func $l (export "${LOG}") (result i32) (global.get $log) (global.set $log (i32.const 0)))`,
  );
  const text = `(module ${CLASSES} ${functions.join("\n")})`;
  const after = rewritten(text);
  const [before, now] = [exportsOf(text), exportsOf(after)];
  SHAPES.forEach(([name], i) => {
    assert.equal(now[`f${i}`]?.(), before[`f${i}`]?.(), name);
    assert.equal(now[LOG]?.(), before[LOG]?.(), `${name}: order of evaluation`);
  });
  const count = (pattern: RegExp) => [...after.matchAll(pattern)].length;
  assert.equal(count(/struct\.new_default \$java/g), 1, "builders are allocated in one place");
  assert.equal(count(/struct\.new_default \$E\b/g), 2, "what is used too early stays as it is");
});

test("constructors that are called in few places are left alone", () => {
  const text = `(module ${CLASSES} (func $f (local $s (ref null $java.lang.StringBuilder)) ${build("$s")}))`;
  assert.doesNotMatch(rewritten(text), /\$new:/);
});
