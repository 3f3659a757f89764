import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { run } from "../src/binaryen.ts";
import { ExceptionFormError, legacyExceptions } from "../src/exceptions.ts";
import { featureArguments } from "../src/features.ts";
import { FormatError } from "../src/wat.ts";

const directory = mkdtempSync(join(tmpdir(), "postlink-exceptions-"));
after(() => rmSync(directory, { recursive: true }));

const TAGS = `
  (tag $e (param i32))
  (tag $other (param i32))
  (tag $none)
  (tag $two (param i32 i32))
  (tag $object (param (ref null $box)))
  (type $box (struct (field i32)))`;

function written(body: string): string {
  return legacyExceptions(`(module ${TAGS} ${body})`);
}

/** Rewrites, assembles and instantiates a module; its export `f`. */
function compiled(body: string): (x: number) => number {
  const [wat, wasm] = [join(directory, "in.wat"), join(directory, "in.wasm")];
  writeFileSync(wat, written(body));
  run("wasm-as", ...featureArguments(), wat, "-o", wasm);
  const text = run("wasm-dis", ...featureArguments(), wasm);
  assert.match(text, /\(try\b/);
  assert.doesNotMatch(text, /try_table/);
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(readFileSync(wasm)));
  return (exports as { f: (x: number) => number }).f;
}

/** Throws its argument where that is negative, and returns 7. */
const THROWER = `(func $g (param i32) (result i32)
  (if (i32.lt_s (local.get 0) (i32.const 0)) (then (throw $e (local.get 0))))
  (i32.const 7))`;

test("what is thrown reaches the handler with its value", () => {
  const f = compiled(`${THROWER} (func (export "f") (param i32) (result i32)
    (block $h (result i32)
      (try_table (catch $e $h) (return (call $g (local.get 0))))
      (unreachable)))`);
  assert.equal(f(1), 7);
  assert.equal(f(-5), -5);
});

test("a reference that is thrown reaches the handler", () => {
  const f = compiled(`(func (export "f") (param i32) (result i32)
    (struct.get $box 0 (block $h (result (ref null $box))
      (try_table (catch $object $h) (throw $object (struct.new $box (local.get 0))))
      (unreachable))))`);
  assert.equal(f(3), 3);
});

test("each tag goes to its own handler", () => {
  const f = compiled(`(func (export "f") (param i32) (result i32)
    (i32.add (i32.const 100) (block $h (result i32)
      (return (i32.add (i32.const 200) (block $k (result i32)
        (try_table (catch $e $h) (catch $other $k)
          (if (local.get 0) (then (throw $e (i32.const 1))))
          (throw $other (i32.const 2)))
        (unreachable)))))))`);
  assert.equal(f(1), 101);
  assert.equal(f(0), 202);
});

test("a tag that is not caught goes on to the next try", () => {
  const f = compiled(`(func (export "f") (param i32) (result i32)
    (block $h (result i32)
      (try_table (catch $e $h)
        (return (i32.add (i32.const 100) (block $k (result i32)
          (try_table (catch $other $k) (throw $e (local.get 0)))
          (unreachable)))))
      (unreachable)))`);
  assert.equal(f(9), 9);
});

test("a body yields its result", () => {
  const f = compiled(`${THROWER} (func (export "f") (param i32) (result i32)
    (block $h (result i32)
      (i32.add (i32.const 1)
        (try_table (result i32) (catch $e $h) (call $g (local.get 0))))))`);
  assert.equal(f(1), 8);
  assert.equal(f(-5), -5);
});

test("a branch to the label of a try_table stays one", () => {
  const f = compiled(`(func (export "f") (param i32) (result i32)
    (block $h (result i32)
      (i32.add (i32.const 1)
        (try_table $l (result i32) (catch $e $h)
          (drop (br_if $l (i32.const 7) (local.get 0)))
          (throw $e (i32.const 40))))))`);
  assert.equal(f(1), 8);
  assert.equal(f(0), 40);
});

test("branches by number out of a body stay as they are", () => {
  const f = compiled(`(func (export "f") (param i32) (result i32)
    (block $h (result i32)
      (i32.add (i32.const 1) (block (result i32)
        (try_table (catch $e $h)
          (drop (br_if 1 (i32.const 7) (local.get 0)))
          (throw $e (i32.const 40)))
        (unreachable)))))`);
  assert.equal(f(1), 8);
  assert.equal(f(0), 40);
});

test("an exception of JavaScript's passes through", () => {
  const wat = join(directory, "js.wat");
  writeFileSync(
    wat,
    legacyExceptions(`(module (import "js" "g" (func $g)) ${TAGS}
      (func (export "f") (result i32)
        (block $h (result i32) (try_table (catch $e $h) (call $g)) (i32.const 1))))`),
  );
  run("wasm-as", ...featureArguments(), wat, "-o", `${wat}.wasm`);
  const g = () => {
    throw new RangeError("from outside");
  };
  const module = new WebAssembly.Module(readFileSync(`${wat}.wasm`));
  const { f } = new WebAssembly.Instance(module, { js: { g } }).exports as { f: () => number };
  assert.throws(f, RangeError);
});

test("a function without try_table stays as it was written", () => {
  const text = "(func $f (nop) ;; a comment\n  (nop))";
  assert.ok(written(text).includes(text));
});

test("data that speaks of exceptions stays as it was written", () => {
  const text = '(data "(exnref) throw_ref ")';
  assert.ok(written(text).includes(text));
});

const handled = (clauses: string, body = "(nop)") =>
  `(func (block $h (result i32) (try_table ${clauses} ${body}) (unreachable)))`;

const refused: [what: string, body: string, message: RegExp][] = [
  ["catch_all", handled("(catch_all $h)"), /without a catch that is known.*catch_all/],
  ["catch_all behind a catch", handled("(catch $e $h) (catch_all $h)"), /with \(catch_all/],
  ["catch_ref", handled("(catch_ref $e $h)"), /without a catch that is known.*catch_ref/],
  ["catch_all_ref", handled("(catch $e $h) (catch_all_ref $h)"), /with \(catch_all_ref/],
  ["no catch", handled(""), /without a catch/],
  ["a handler by number", handled("(catch $e 0)"), /catch of unknown shape/],
  ["a tag by number", handled("(catch 0 $h)"), /catch of unknown shape/],
  ["a catch without a handler", handled("(catch $e)"), /catch of unknown shape/],
  ["a catch with more", handled("(catch $e $h $h)"), /catch of unknown shape/],
  ["a tag that is not defined", handled("(catch $x $h)"), /no tag \$x/],
  ["a tag without a value", handled("(catch $none $h)"), /no tag \$none/],
  ["a tag of two values", handled("(catch $two $h)"), /no tag \$two/],
  ["a handler with its own label", handled("$h (catch $e $h)"), /the label \$h/],
  ["a type by name", handled("(type $t) (catch $e $h)"), /without a catch that is known/],
  ["parameters", handled("(param i32) (catch $e $h)"), /without a catch that is known/],
  ["two results", handled("(result i32) (result i32) (catch $e $h)"), /without a catch/],
  ["a body that is not folded", handled("(catch $e $h)", "nop"), /with nop/],
  ["try_table that is not folded", "(func try_table (catch $e 0) end)", /outside of parentheses/],
  ["an unknown form within a known", handled("(catch $e $h)", handled("")), /without a catch/],
  ["throw_ref", "(func (throw_ref (local.get 0)))", /exception references.*throw_ref/],
  ["exnref", "(func (param exnref))", /exception references.*exnref/],
  ["a type of exception references", "(type $r (struct (field (ref null exn))))", /references/],
];
for (const [what, body, message] of refused) {
  test(`${what} is refused`, () => {
    assert.throws(
      () => written(body),
      (error) => error instanceof ExceptionFormError && message.test(error.message),
    );
  });
}

test("text that is no module is refused", () => {
  assert.throws(() => legacyExceptions("(func)"), FormatError);
});
