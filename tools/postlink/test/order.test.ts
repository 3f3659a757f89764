import assert from "node:assert/strict";
import { test } from "node:test";
import { localsInOrder, renamedInOrder } from "../src/order.ts";
import { fieldsOf } from "../src/wat.ts";

const MODULE = `(module
  (elem declare func $z::a)
  (export "dv_f" (func $b::one))
  (export "dv_g" (func $y::longs))
  (func $b::one (param $0 i32) (call $y::longs (i64.const 0)))
  (func $y::longs (param $0 i64) (drop (ref.func $z::a)))
  (func $z::a (param $0 i32) (return_call $b::one (local.get $0)))
  (start $a::start)
  (func $a::start (nop)))`;

test("functions of the same signature stand together by name, and all mentions follow", () => {
  const text = renamedInOrder(MODULE);
  assert.deepEqual(
    fieldsOf(text).map((f) => f.text),
    [
      '(export "dv_f" (func $f00001))',
      '(export "dv_g" (func $f00003))',
      "(func $f00001 (param $0 i32) (call $f00003 (i64.const 0)))",
      "(func $f00003 (param $0 i64) (drop (ref.func $f00002)))",
      "(func $f00002 (param $0 i32) (return_call $f00001 (local.get $0)))",
      "(start $f00000)",
      "(func $f00000 (nop))",
    ],
  );
});

test("the order does not depend on the order of the fields", () => {
  const fields = fieldsOf(MODULE);
  const reversed = `(module ${fields
    .map((f) => f.text)
    .reverse()
    .join("\n")})`;
  const sorted = (text: string) =>
    fieldsOf(text)
      .map((f) => f.text)
      .sort();
  assert.deepEqual(sorted(renamedInOrder(reversed)), sorted(renamedInOrder(MODULE)));
});

test("locals are ordered by type, the type that most have first, and keep their order within it", () => {
  const text = localsInOrder(`(module
    (func $a (param $0 f32) (local $1 f64) (local $2 (ref null $T)) (local $3 i32) (local $4 (ref null $T)) (nop))
    (func $b (local $0 i32) (local $1 (ref null $T)) (local.set $1 (ref.null none)))
    (func $c (param $0 i32) (nop)))`);
  assert.deepEqual(
    fieldsOf(text).map((f) => f.text),
    [
      "(func $a (param $0 f32) (local $2 (ref null $T)) (local $4 (ref null $T)) (local $3 i32) (local $1 f64) (nop))",
      "(func $b (local $1 (ref null $T)) (local $0 i32) (local.set $1 (ref.null none)))",
      "(func $c (param $0 i32) (nop))",
    ],
  );
});
