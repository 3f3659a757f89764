import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { CREATE, frame, Instance, shipped } from "./support.ts";

/** Functions that docs/abi.md lists. */
function documented(): string[] {
  const text = readFileSync(join(import.meta.dirname, "../../../../docs/abi.md"), "utf8");
  return [...text.matchAll(/^\| `(dv_[a-z_]+)` \|/gm)].map((match) => match[1] as string);
}

test("the module imports nothing", () => {
  assert.deepEqual(WebAssembly.Module.imports(shipped), []);
});

test("the module exports its memory, its table and the functions of docs/abi.md, nothing else", () => {
  const exports = WebAssembly.Module.exports(shipped).map((e) => `${e.name} ${e.kind}`);
  const expected = [
    "memory memory",
    "kernels table",
    ...documented().map((name) => `${name} function`),
  ];
  assert.deepEqual(exports.sort(), expected.sort());
});

test("a fresh instance takes one page of memory", () => {
  const { memory } = new WebAssembly.Instance(shipped).exports as { memory: WebAssembly.Memory };
  assert.equal(memory.buffer.byteLength, 65536);
});

test("a hundred instances live side by side", () => {
  const instances = Array.from({ length: 100 }, () => new Instance(shipped));
  const vector = (i: number) => [i, 1, 2, 3];
  const handles = instances.map((instance) => instance.open());
  instances.forEach((instance, i) => {
    assert.equal(instance.apply(handles[i] as number, frame(CREATE, "a", vector(i))), 1);
  });
  instances.forEach((instance, i) => {
    assert.deepEqual(instance.vector(handles[i] as number, "a", 4), vector(i));
  });
});
