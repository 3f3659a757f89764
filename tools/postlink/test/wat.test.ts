import assert from "node:assert/strict";
import { test } from "node:test";
import {
  bytesOf,
  exportOf,
  FormatError,
  field,
  fieldsOf,
  importOf,
  parse,
  print,
  quotedOf,
  signatureOf,
} from "../src/wat.ts";

test("fields are split at the top level only", () => {
  const fields = fieldsOf("(module (type $0 (func (param i32))) (func $f (nop)) (start $f))");
  assert.deepEqual(
    fields.map((f) => [f.kind, f.id]),
    [
      ["type", "$0"],
      ["func", "$f"],
      ["start", "$f"],
    ],
  );
});

test("a field's text is as it was written", () => {
  const text = "(func $f ;; a comment (\n  (nop))";
  assert.equal(fieldsOf(`(module ${text})`)[0]?.text, text);
});

test("parentheses in strings do not count", () => {
  const text = '(data (i32.const 0) ")(\\")\\22(")';
  assert.deepEqual(
    fieldsOf(`(module ${text} (func $g))`).map((f) => f.kind),
    ["data", "func"],
  );
});

test("parentheses in comments do not count", () => {
  const fields = fieldsOf("(module ;; ((\n (; ( (; nested ) ;) ;) (func $f) ;; )\n)");
  assert.deepEqual(
    fields.map((f) => f.id),
    ["$f"],
  );
});

for (const [what, text] of [
  ["text without a module", "(func $f)"],
  ["a module that does not end", "(module (func $f)"],
  ["a string that does not end", '(module (data "abc)'],
  ["a comment that does not end", "(module (; (func $f))"],
  ["an atom between fields", "(module (func $f) nonsense)"],
] as const) {
  test(`${what} is refused`, () => {
    assert.throws(() => fieldsOf(text), FormatError);
  });
}

test("an s-expression is read and written back", () => {
  const text = '(func $f (export "a b") (i32.const -1))';
  assert.equal(print(parse(text)), text);
});

test("comments are no part of an s-expression", () => {
  assert.deepEqual(parse("(a (; b ;) c ;; d\n)"), ["a", "c"]);
});

test("two s-expressions are refused where one is expected", () => {
  assert.throws(() => parse("(a) (b)"), FormatError);
});

test("an import is taken apart", () => {
  const what = importOf(field('(import "m" "n" (func $f (type $1) (param i32) (result f32)))'));
  assert.deepEqual(
    [what.module, what.name, what.kind, what.id, signatureOf(what.type)],
    ["m", "n", "func", "$f", "(i32) -> (f32)"],
  );
});

test("an import without an identifier is refused", () => {
  assert.throws(() => field('(import "m" "n" (func (param i32)))'), FormatError);
});

test("a name with an escape is refused", () => {
  assert.throws(() => field('(import "m\\41" "n" (func $f))'), FormatError);
});

test("an export is taken apart", () => {
  const { name, kind, id } = exportOf(field('(export "n" (func $f))'));
  assert.deepEqual([name, kind, id], ["n", "func", "$f"]);
});

test("names of parameters are no part of a signature", () => {
  const type = parse("(func (param $a i32) (param $b f32) (param i64 i64) (result i32))");
  assert.equal(signatureOf(type as string[]), "(i32 f32 i64 i64) -> (i32)");
});

for (const [quoted, bytes] of [
  ['""', 0],
  ['"abc"', 3],
  ['"\\00\\ff\\n\\"\\\\"', 5],
  ['"é"', 2],
  ['"\\u{1f600}"', 4],
] as const) {
  test(`${quoted} stands for ${bytes} bytes`, () => {
    assert.equal(bytesOf(quoted).length, bytes);
  });
}

test("bytes come back from their quoted form", () => {
  const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
  assert.deepEqual(bytesOf(quotedOf(bytes)), bytes);
});

test("escapes stand for their bytes", () => {
  assert.deepEqual(
    [...bytesOf('"a\\t\\n\\r\\"\\\\"', '"\\ffü\\u{fc}"')],
    [97, 9, 10, 13, 34, 92, 255, 0xc3, 0xbc, 0xc3, 0xbc],
  );
});
