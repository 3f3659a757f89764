import assert from "node:assert/strict";
import { test } from "node:test";
import { withOurLibrary } from "../src/library.ts";
import { fieldsOf } from "../src/wat.ts";

/** Functions after the replacement, by identifier. */
function replaced(fields: string): Map<string | undefined, string> {
  return new Map(withOurLibrary(fieldsOf(`(module ${fields})`)).map((f) => [f.id, f.text]));
}

test("a function that is one instruction becomes it, and keeps its type", () => {
  const text =
    "(func $java.lang.Math::max_1 (type $2) (param $a f64) (param $b f64) (result f64) (local $2 i32) (unreachable))";
  assert.equal(
    replaced(text).get("$java.lang.Math::max_1"),
    "(func $java.lang.Math::max_1 (type $2) (param $a f64) (param $b f64) (result f64) (f64.max (local.get $a) (local.get $b)))",
  );
});

test("other overloads and other functions stay as they are", () => {
  const ints =
    "(func $java.lang.Math::max (param $a i32) (param $b i32) (result i32) (unreachable))";
  const ours = "(func $dev.Math::max (param $a f64) (param $b f64) (result f64) (unreachable))";
  const fields = replaced(`${ints} ${ours}`);
  assert.equal(fields.get("$java.lang.Math::max"), ints);
  assert.equal(fields.get("$dev.Math::max"), ours);
});

const BUILDER = "(ref null $java.lang.StringBuilder)";
const append = (id: string, parameter: string) =>
  `(func $java.lang.StringBuilder::${id} (param $this ${BUILDER}) ${parameter} (result ${BUILDER}) (unreachable))`;

test("a function calls another by the number that it has here", () => {
  const fields = replaced(
    `(type $java.lang.StringBuilder (struct (field $buffer (mut (ref null $Array<&C>))) (field $length_7 (mut i32))))
    (type $Array<&C> (struct (field $@data (mut (ref $9)))))
    ${append("append", "(param $c i32)")} ${append("append_3", "(param $value i64)")} ${append("append_4", "(param $value i32)")}`,
  );
  const text = (id: string) => fields.get(`$java.lang.StringBuilder::${id}`) ?? "";
  assert.match(
    text("append_4"),
    /\(call \$java\.lang\.StringBuilder::append_3 \(local\.get \$this\)/,
  );
  assert.match(
    text("append_3"),
    /\(call \$java\.lang\.StringBuilder::append \(local\.get \$this\)/,
  );
  assert.match(text("append"), /\(array\.set \$9 .*\$length_7/s);
});

test("a function that needs what is not there stays as it is", () => {
  const text = append("append", "(param $value i32)");
  assert.equal(replaced(text).get("$java.lang.StringBuilder::append"), text);
});
