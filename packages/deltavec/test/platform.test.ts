// Feature detection.
import assert from "node:assert/strict";
import { test } from "node:test";
import { missingFeatures, requirePlatform } from "../src/platform.ts";

const includes = (bytes: BufferSource, part: readonly number[]): boolean =>
  Buffer.from(bytes as Uint8Array).includes(Buffer.from(part));

test("nothing is missing on this engine", () => {
  assert.deepEqual(missingFeatures(), []);
  assert.doesNotThrow(requirePlatform);
});

const features: [string, readonly number[]][] = [
  ["garbage collection (WasmGC)", [95, 1, 120, 0]],
  ["SIMD", [253, 15]],
  ["exceptions (try)", [6, 64, 25]],
];
for (const [name, code] of features) {
  test(`an engine without ${name} is refused by that name`, (t) => {
    const validate = WebAssembly.validate;
    t.mock.method(
      WebAssembly,
      "validate",
      (bytes: BufferSource) => !includes(bytes, code) && validate(bytes),
    );
    assert.deepEqual(missingFeatures(), [name]);
    assert.throws(requirePlatform, (error: Error & { code: string }) => {
      assert.equal(error.code, "UNSUPPORTED_PLATFORM");
      assert.ok(error.message.includes(name));
      return true;
    });
  });
}

test("an engine without any WebAssembly is refused", (t) => {
  const { WebAssembly: original } = globalThis;
  t.after(() => {
    globalThis.WebAssembly = original;
  });
  Reflect.deleteProperty(globalThis, "WebAssembly");
  assert.throws(requirePlatform, { code: "UNSUPPORTED_PLATFORM", message: /lacks WebAssembly/ });
});
