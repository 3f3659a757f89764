import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { assemble, verifyKernels } from "../src/kernel-module.ts";
import { LinkError } from "../src/link.ts";

const directory = mkdtempSync(join(tmpdir(), "kernel-module-"));
after(() => rmSync(directory, { recursive: true }));

const MEMORY = '(import "deltavec" "memory" (memory 1))';
/** Two functions that store a relaxed dot product, under the names of the table's entries. */
const [FIRST, SECOND] = ["codeDotBatch", "codeDotBatch4"].map(
  (name) => `(func (export "${name}") (param i32)
    (v128.store (local.get 0) (i16x8.relaxed_dot_i8x16_i7x16_s
      (v128.load (local.get 0)) (v128.const i8x16 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1))))`,
) as [string, string];

const made = (...fields: string[]) => assemble(`(module ${fields.join("\n")})`, directory);

function refusal(make: () => unknown): string {
  try {
    make();
  } catch (error) {
    assert.ok(error instanceof LinkError, String(error));
    return error.message;
  }
  return assert.fail("nothing was refused");
}

test("a module of kernels works on the memory that it is given", () => {
  const memory = new WebAssembly.Memory({ initial: 1 });
  const module = new WebAssembly.Module(made(MEMORY, FIRST, SECOND));
  const instance = new WebAssembly.Instance(module, { deltavec: { memory } });
  const { codeDotBatch } = instance.exports as { codeDotBatch(at: number): void };
  new Int8Array(memory.buffer).fill(-3, 0, 16);
  codeDotBatch(0);
  assert.deepEqual([...new Int16Array(memory.buffer, 0, 9)], [...Array(8).fill(-6), 0]);
});

test("kernels with a memory of their own are refused", () => {
  assert.match(
    refusal(() => made("(memory 1)", FIRST, SECOND)),
    /import deltavec\.memory only/,
  );
});

test("kernels with another import are refused", () => {
  const other = '(import "deltavec" "f" (func $f)) (start $f)';
  assert.match(
    refusal(() => made(MEMORY, other, FIRST, SECOND)),
    /deltavec\.f \(func/,
  );
});

test("kernels that lack an entry of the table are refused", () => {
  assert.match(
    refusal(() => made(MEMORY, FIRST)),
    /must export codeDotBatch, codeDotBatch4/,
  );
});

test("kernels with another export are refused", () => {
  const other = '(func (export "more"))';
  assert.match(
    refusal(() => made(MEMORY, FIRST, SECOND, other)),
    /more \(function\)/,
  );
});

test("kernels with a custom section are not passed", () => {
  const bytes = new Uint8Array([...made(MEMORY, FIRST, SECOND), 0, 2, 1, 97]);
  assert.match(
    refusal(() => verifyKernels(bytes)),
    /custom sections are left: a/,
  );
});
