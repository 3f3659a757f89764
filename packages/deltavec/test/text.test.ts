// UTF-8 in memory.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { readUtf8, writeUtf8 } from "../src/text.ts";

test("any text is written and read as the platform does", () => {
  const text = fc.oneof(
    fc.string({ maxLength: 200 }),
    fc.string({ unit: "grapheme", maxLength: 200 }),
    fc.string({ unit: "binary", maxLength: 200 }),
  );
  fc.assert(
    fc.property(text, fc.nat(9), (given, at) => {
      const bytes = new Uint8Array(at + 3 * given.length);
      const length = writeUtf8(bytes, at, given);
      assert.deepEqual(bytes.slice(at, at + length), new TextEncoder().encode(given));
      assert.equal(readUtf8(bytes, at, length), given);
    }),
  );
});
