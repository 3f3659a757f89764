import assert from "node:assert/strict";
import { test } from "node:test";
import { withoutRuntime } from "../src/runtime.ts";
import { exportOf, fieldsOf } from "../src/wat.ts";

/** Output of TeaVM's, reduced to what is looked at. The function `$f` is exported as `dv_f`. */
function teavm(functions: string, start = "", strings: readonly string[] = [], data = ""): string {
  const globals = strings.map((id) => `(global ${id} (ref $String) (struct.new_default $String))`);
  const gets = strings.map((id) => `(global.get ${id})`).join(" ");
  return `(module
    (type $String (struct (field $characters i32)))
    (rec
      (type $VT<A> (sub (struct (field $class (mut (ref null $org.teavm.runtime.reflect.ClassInfo)))
        (field $clone (mut (ref null $method))) (field $one (mut (ref null $method))) (field $two (mut (ref null $method))))))
      (type $method (func)))
    ${globals.join("\n")}
    (global $A@vt (ref $VT<A>) (struct.new_default $VT<A>))
    ${data}
    (export "dv_f" (func $f))
    (export "teavm.main" (func $main))
    (start $teavm@initializer)
    (elem declare func $a1 $a2)
    (func $teavm@initStrings (type $fill) (param $strings (ref $teavm@stringArray)) (nop))
    (func $main (call $unused))
    (func $unused (nop))
    (func $a1 (nop))
    (func $a2 (nop))
    ${functions}
    (func $teavm@initializer (type $method)
      (call $teavm@fillRegularClass (global.get $A@class))
      ${start}
      (call $teavm@initStrings (array.new_fixed $teavm@stringArray ${strings.length} ${gets}))
      (call $org.teavm.runtime.heap.Heap::init (i32.const 0))))`;
}

/** The fields that are left, by identifier. */
function stripped(text: string): Map<string | undefined, string> {
  const fields = withoutRuntime(fieldsOf(text), (f) => exportOf(f).name.startsWith("dv_"));
  return new Map(
    fields.map((f) => [f.kind === "data" ? "data" : f.kind === "start" ? "start" : f.id, f.text]),
  );
}

test("functions and globals that our exports do not reach go", () => {
  const fields = stripped(teavm("(func $f (call $g)) (func $g (nop))"));
  assert.deepEqual(
    ["$f", "$g", "$main", "$unused", "$A@vt", "$a1"].map((id) => fields.has(id)),
    [true, true, false, false, false, false],
  );
});

test("the start function is left without classes and heap", () => {
  const start = stripped(teavm("(func $f (nop))")).get("$teavm@initializer");
  assert.equal(start, "(func $teavm@initializer (type $method))");
});

test("strings that are reached are kept, with their text", () => {
  const data = '(data $0 (i32.const 0) "\\03one\\00\\03\\f0\\9f\\98\\80t\\02\\c3\\bcx")';
  const use = "(func $f (drop (global.get $s2)) (drop (global.get $s0)))";
  const fields = stripped(teavm(use, "", ["$s0", "$s1", "$s2", "$s3"], data));
  assert.equal(fields.get("data"), '(data $0 (i32.const 0) "\\03one\\03\\f0\\9f\\98\\80t")');
  assert.equal(
    fields.get("$teavm@initializer"),
    "(func $teavm@initializer (type $method) (call $teavm@initStrings " +
      "(array.new_fixed $teavm@stringArray 2 (global.get $s0) (global.get $s2))))",
  );
  assert.equal(fields.has("$s1"), false);
});

test("a string of more than 127 units is found", () => {
  const data = `(data $0 (i32.const 0) "\\82\\01${"x".repeat(130)}\\01y")`;
  const fields = stripped(teavm("(func $f (drop (global.get $s1)))", "", ["$s0", "$s1"], data));
  assert.equal(fields.get("data"), '(data $0 (i32.const 0) "\\01y")');
});

test("data that holds more than the strings is refused", () => {
  const data = '(data $0 (i32.const 0) "\\01ab")';
  assert.throws(
    () => stripped(teavm("(func $f (drop (global.get $s0)))", "", ["$s0"], data)),
    /strings fill 2 of 3 bytes/,
  );
});

test("a table of virtual methods that is reached is a constant, and its methods stay", () => {
  const start = "(struct.set $VT<A> $two (global.get $A@vt) (ref.func $a2))";
  const fields = stripped(teavm("(func $f (drop (global.get $A@vt)))", start));
  assert.equal(
    fields.get("$A@vt"),
    "(global $A@vt (ref $VT<A>) (struct.new $VT<A> (ref.null none) (ref.null nofunc) (ref.null nofunc) (ref.func $a2)))",
  );
  assert.deepEqual([fields.has("$a1"), fields.has("$a2")], [false, true]);
});

/** A class that notes in its initialiser that it was initialised. */
function klass(name: string, body = ""): string {
  return `(global $${name}@initializer (mut (ref null $method)) (ref.func $${name}::<clinit>))
    (func $${name}::<clinit> (global.set $${name}@initializer (ref.func $teavm@dummyInitializer)) ${body})`;
}
const use = (name: string) => `(call_ref $method (global.get $${name}@initializer))`;

test("classes are initialised by the start function, behind those they need, and nowhere else", () => {
  const fields = stripped(
    teavm(`(func $f ${use("B")} ${use("A")} (nop)) (func $help ${use("A")})
      ${klass("B", "(call $help)")} ${klass("A")} ${klass("Unused")}`),
  );
  const start = fields.get("$teavm@initializer");
  assert.match(start ?? "", /\(call \$A::<clinit>\) \(call \$B::<clinit>\)\)$/);
  assert.doesNotMatch(start ?? "", /Unused/);
  assert.equal(fields.get("$f"), "(func $f (nop) (nop) (nop))");
  assert.equal(fields.get("$A::<clinit>"), "(func $A::<clinit> (nop))");
  assert.deepEqual(
    [...fields.keys()].filter((id) => id?.endsWith("@initializer")),
    ["$teavm@initializer"],
  );
});

test("classes that need each other are refused by name", () => {
  const text = teavm(`(func $f ${use("A")}) ${klass("A", use("B"))} ${klass("B", use("A"))}`);
  assert.throws(() => stripped(text), /need each other first: \$[AB]@initializer, \$[AB]@init/);
});

test("an initialiser that is used in an unknown way is refused", () => {
  const text = teavm(`(func $f (drop (global.get $A@initializer))) ${klass("A")}`);
  assert.throws(() => stripped(text), /\$A@initializer is used in an unknown way/);
});

test("an enum's constants have no names, and values() does not copy", () => {
  const fields = stripped(
    teavm(`(global $E#$VALUES (mut (ref null $Array)) (ref.null none))
      ${klass("E", "(call $E::<init> (local.get $0) (global.get $s0) (i32.const 1)) (global.set $E#$VALUES (local.get $1))")}
      (func $E::<init> (param $this (ref null $E)) (param $1 (ref null $String)) (param $2 i32) (nop))
      (func $E::values (type $0) (result (ref null $Array)) (local $0 (ref null $Array))
        ${use("E")} (ref.cast (ref null $Array) (call_ref $clone (local.tee $0 (global.get $E#$VALUES))
          (struct.get $VT<Object> $clone (struct.get $Object $vt (local.get $0))))))
      (func $f (drop (call $E::values)))`),
  );
  assert.equal(
    fields.get("$E::values"),
    "(func $E::values (type $0) (result (ref null $Array)) (nop) (global.get $E#$VALUES))",
  );
  assert.match(
    fields.get("$E::<clinit>") ?? "",
    /\(call \$E::<init> \(local\.get \$0\) \(ref\.null none\) \(i32\.const 1\)\)/,
  );
});

test("a constructor of an error does not take a stack trace", () => {
  const fields = stripped(
    teavm(`(func $f (drop (call $java.lang.Throwable::fillInStackTrace (ref.null none))))
      (func $java.lang.Throwable::fillInStackTrace (param $this (ref null $T)) (result (ref null $T))
        (call $expensive) (local.get $this))
      (func $expensive (nop))`),
  );
  assert.match(fields.get("$java.lang.Throwable::fillInStackTrace") ?? "", /\(local\.get 0\)\)$/);
  assert.equal(fields.has("$expensive"), false);
});

for (const [what, instruction] of [
  ["a class's name", "(struct.get $org.teavm.runtime.reflect.ClassInfo $name (local.get $c))"],
  ["its class", "(struct.get $VT<java.lang.Object> $class (local.get $vt))"],
  ["a clone", "(struct.get $VT<java.lang.Object> $clone (local.get $vt))"],
  ["an enum constant's name", "(struct.get $java.lang.Enum $name (local.get $e))"],
  ["a direct buffer", "(call $org.teavm.runtime.heap.Heap::alloc (i32.const 8))"],
]) {
  test(`a function that asks for ${what} is refused by name, if it is reached`, () => {
    assert.throws(
      () => stripped(teavm(`(func $f (call $g)) (func $g (drop ${instruction}))`)),
      /^RuntimeUseError: \$g (?:asks|uses)/,
    );
    assert.ok(stripped(teavm(`(func $f (nop)) (func $g (drop ${instruction}))`)).has("$f"));
  });
}

test("the start function must be there by its name", () => {
  const text = teavm("(func $f (nop))").replaceAll("$teavm@initializer", "$17");
  assert.throws(() => stripped(text), /must give debug information/);
});

test("a module without a start function stays as it is", () => {
  const fields = fieldsOf('(module (func $f (nop)) (func $g (nop)) (export "dv_f" (func $f)))');
  assert.deepEqual(
    withoutRuntime(fields, () => true),
    fields,
  );
});
