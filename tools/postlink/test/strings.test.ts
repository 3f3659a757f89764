import assert from "node:assert/strict";
import { test } from "node:test";
import { numberedStrings } from "../src/strings.ts";
import { fieldsOf } from "../src/wat.ts";

const NEXT = "$org.teavm.backend.wasm.runtime.WasmGCSupport::nextCharArray";

/** What is left, by identifier, of functions that use the strings `$s0`, `$s1` and `$s2`. */
function numbered(functions: string, data = "\\01a\\01b\\01c"): Map<string | undefined, string> {
  const ids = ["$s0", "$s1", "$s2"];
  const fields = fieldsOf(`(module
    (type $Array<&C> (struct (field $@data (mut (ref $9)))))
    ${ids.map((id) => `(global ${id} (ref $java.lang.String) (struct.new_default $java.lang.String))`).join("\n")}
    (data $0 (i32.const 0) "${data}")
    (func $teavm@initStrings (type $1) (param $strings (ref $teavm@stringArray)) (nop))
    (func ${NEXT} (type $2) (result (ref null $Array<&C>)) (unreachable))
    (func $teavm@initializer (type $0) (call $teavm@initStrings
      (array.new_fixed $teavm@stringArray 3 ${ids.map((id) => `(global.get ${id})`).join(" ")}))
      (call $A::<clinit>))
    ${functions})`);
  return new Map(numberedStrings(fields).map((f) => [f.id, f.text]));
}

test("a string is fetched by its number, and has no global", () => {
  const fields = numbered("(func $f (drop (global.get $s1)) (drop (global.get $other)))");
  assert.equal(
    fields.get("$f"),
    "(func $f (drop (call $get@text (i32.const 1))) (drop (global.get $other)))",
  );
  assert.equal(fields.has("$s1"), false);
  assert.ok(fields.has("$get@text"));
});

test("the start function fills as many strings as there are", () => {
  const fields = numbered("");
  assert.equal(
    fields.get("$teavm@initializer"),
    "(func $teavm@initializer (type $0) (call $teavm@initStrings) (call $A::<clinit>))",
  );
  assert.match(
    fields.get("$teavm@initStrings") ?? "",
    /array\.new_default \$texts \(i32\.const 3\)/,
  );
});

test("a function that is given a string in many places has one that is given the number", () => {
  const callee =
    "(func $say (param $this (ref null $A)) (param $what (ref null $java.lang.String)) (nop))";
  const calls = Array.from({ length: 10 }, () => "(call $say (local.get $a) (global.get $s2))");
  const fields = numbered(`${callee} (func $f ${calls.join(" ")})`);
  assert.equal(
    fields.get("$f"),
    `(func $f ${calls.map(() => "(call $say1@text (local.get $a) (i32.const 2))").join(" ")})`,
  );
  assert.equal(
    fields.get("$say1@text"),
    "(func $say1@text (param $0 (ref null $A)) (param $1 i32) (call $say (local.get $0) (call $get@text (local.get $1))))",
  );
});

test("a function that is given a string in few places stays", () => {
  const fields = numbered("(func $f (call $say (global.get $s0)))");
  assert.equal(fields.get("$f"), "(func $f (call $say (call $get@text (i32.const 0))))");
});

for (const [what, data] of [
  ["not ASCII", "\\02\\c3\\bcx"],
  ["longer than 127", `\\80\\01${"x".repeat(128)}`],
]) {
  test(`strings are read as TeaVM reads them if one is ${what}`, () => {
    assert.match(numbered("", data).get(NEXT) ?? "", /unreachable/);
    assert.doesNotMatch(numbered("").get(NEXT) ?? "", /unreachable/);
  });
}

test("a module without strings stays as it is", () => {
  const fields = fieldsOf("(module (func $f (nop)))");
  assert.deepEqual(numberedStrings(fields), fields);
});
