import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { run } from "../src/binaryen.ts";
import { featureArguments } from "../src/features.ts";
import { bareArrays, sharedLayout } from "../src/layout.ts";
import { FormatError } from "../src/wat.ts";

const directory = mkdtempSync(join(tmpdir(), "postlink-layout-"));
after(() => rmSync(directory, { recursive: true }));

/** Assembles a module and gives its exports. */
function exportsOf(text: string): Record<string, (...values: (number | bigint)[]) => number> {
  const [from, to] = [join(directory, "in.wat"), join(directory, "in.wasm")];
  writeFileSync(from, text);
  run("wasm-as", ...featureArguments(), from, "-o", to);
  const module = new WebAssembly.Module(readFileSync(to));
  return new WebAssembly.Instance(module).exports as ReturnType<typeof exportsOf>;
}

const ARRAYS = `(module
  (type $object (sub (struct)))
  (type $ints (array (mut i32)))
  (type $Array (sub $object (struct (field $data (ref $ints)))))
  (type $Array2 (sub (struct (field $data (ref $ints)))))
  (type $Box (sub $object (struct (field $value (mut i32)))))
  (global $none (ref null $object) (ref.null none))
  (func $make (param $n i32) (result (ref null $object))
    (struct.new $Array (array.new_default $ints (local.get $n))))
  (func $data (param $object (ref null $object)) (result (ref $ints))
    (struct.get $Array $data (ref.cast (ref $Array) (local.get $object))))
  (func $length (export "length") (param $n i32) (result i32)
    (local $second (ref null $Array2))
    (local.set $second (struct.new $Array2 (array.new_default $ints (i32.const 100))))
    (i32.add
      (array.len (call $data (call $make (local.get $n))))
      (array.len (struct.get $Array2 $data (local.get $second)))))
  (func $box (export "box") (param $n i32) (result i32)
    (local $any (ref null $object))
    (local.set $any (struct.new $Box (local.get $n)))
    (struct.get $Box $value (ref.cast (ref null $Box) (local.get $any))))
  (func $isNone (export "isNone") (result i32) (ref.is_null (global.get $none))))`;

test("arrays without the object around them do the same", () => {
  const text = bareArrays(ARRAYS);
  assert.doesNotMatch(text, /\$Array|struct\.get \$Array/);
  for (const module of [ARRAYS, text]) {
    const { length, box, isNone } = exportsOf(module);
    assert.deepEqual([length?.(7), box?.(5), isNone?.()], [107, 5, 1]);
  }
});

test("an object around an array stays if the code tests for it, or the array may be exchanged", () => {
  const test =
    "(func (param $a (ref null $object)) (result i32) (ref.test (ref $Array) (local.get $a)))";
  const text = bareArrays(
    ARRAYS.replace(/\)$/, `${test})`).replace("$data (ref $ints)))))", "$data (ref $ints))))) "),
  );
  assert.match(text, /struct\.get \$Array /);
  assert.doesNotMatch(text, /struct\.get \$Array2/);
  const mutable = ARRAYS.replaceAll("(field $data (ref $ints))", "(field $data (mut (ref $ints)))");
  assert.match(bareArrays(mutable), /struct\.get \$Array /);
});

const CLASSES = `(module
  (rec (type $a (sub (struct (field $x (mut i32)) (field $y i64) (field $next (mut (ref null $b))))))
  (type $b (sub (struct (field $p i32) (field $q i32) (field $flag (mut i8)) (field $a (ref $a))))))
  (type $parent (sub (struct (field $x i32))))
  (type $child (sub $parent (struct (field $x i32) (field $y i32))))
  (type $many (struct (field $x i32)))
  (type $f (func (param (ref null $a)) (result i32)))
  (type $g (func (param (ref null $b)) (result i32)))
  (table 2 funcref)
  (elem (i32.const 0) $ofA $ofB)
  (func $ofA (type $f) (param $a (ref null $a)) (result i32) (struct.get $a $x (local.get $a)))
  (func $ofB (type $g) (param $b (ref null $b)) (result i32)
    (i32.sub (struct.get $b $q (local.get $b)) (struct.get $b $p (local.get $b))))
  (func $flag (param $b (ref null $b)) (param $value i32) (result i32)
    (struct.set $b $flag (local.get $b) (local.get $value))
    (struct.get_u $b $flag (local.get $b)))
  (func $run (export "run") (param $n i32) (result i32)
    (local $a (ref null $a)) (local $b (ref null $b)) (local $c (ref null $parent)) (local $m (ref null $many))
    (local.set $b
      (struct.new $b (i32.const 0) (local.get $n) (i32.const 0)
        (ref.as_non_null (local.tee $a (struct.new $a (i32.const 3) (i64.const 9) (ref.null none))))))
    (struct.set $a $next (local.get $a) (local.get $b))
    (local.set $c (struct.new $child (i32.const 1000) (i32.const 0)))
    (local.set $m (struct.new $many (i32.const 10000)))
    (i32.add (struct.get $many $x (local.get $m))
      (i32.add (struct.get $parent $x (local.get $c))
        (i32.add
          (call $flag (struct.get $a $next (struct.get $b $a (local.get $b))) (i32.const 257))
          (i32.add
            (call_indirect (type $f) (local.get $a) (i32.const 0))
            (call_indirect (type $g) (local.get $b) (i32.const 1))))))))`;

test("classes with one layout do the same as with their own", () => {
  const text = sharedLayout(CLASSES, "$shared", (id) => id !== "$many");
  assert.doesNotMatch(text, /\$[ab][ )]\(struct|struct\.\w+ \$[ab] /);
  for (const module of [CLASSES, text]) {
    const { run: result } = exportsOf(module);
    assert.equal(result?.(40), 11044);
  }
});

test("the shared type has as many fields of a kind as the class that has most", () => {
  const [, layout] =
    /\(type \$shared (.*?)\(type /.exec(sharedLayout(CLASSES, "$shared", (id) => id !== "$many")) ??
    [];
  assert.equal(layout?.match(/\(field /g)?.length, 5);
});

test("classes with heirs, those that are tested for and those that are named keep their types", () => {
  const test = "(func (param $a (ref null eq)) (result i32) (ref.test (ref $a) (local.get $a)))";
  const text = sharedLayout(CLASSES.replace(/\)$/, `${test})`), "$shared", (id) => id !== "$many");
  for (const id of ["a", "parent", "child", "many"]) {
    assert.match(text, new RegExp(`\\(type \\$${id} `));
  }
  assert.doesNotMatch(text, /\(type \$b /);
});

test("functions of the same parameters and results have one type", () => {
  const text = sharedLayout(CLASSES, "$shared", () => true);
  assert.equal(text.match(/\(func \(param \(ref null \$shared\)\) \(result i32\)\)/g)?.length, 1);
});

test("without classes that share, a module stays as it is", () => {
  assert.equal(
    sharedLayout(CLASSES, "$shared", () => false),
    CLASSES,
  );
});

test("a struct that holds functions is refused", () => {
  const text = `(module (type $f (func)) (type $s (struct (field $f (ref $f)))) (type $c (struct (field $x i32))))`;
  assert.throws(() => sharedLayout(text, "$shared", (id) => id === "$c"), FormatError);
});
