// The example of docs/follow.md compiles; it needs a server, so it is not run.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { PACKAGE } from "./support/process.ts";

test("the example of docs/follow.md compiles", () => {
  const text = readFileSync(join(PACKAGE, "../../docs/follow.md"), "utf8");
  const examples = [...text.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code]) => code!);
  assert.equal(examples.length, 1);
  // Within the package, so that "deltavec" is this package.
  const directory = join(PACKAGE, "target/follow");
  mkdirSync(directory, { recursive: true });
  try {
    const file = join(directory, "example.ts");
    writeFileSync(file, examples[0]!);
    const typescript = createRequire(import.meta.url).resolve("typescript/package.json");
    const options = ["--noEmit", "--strict", "--target", "es2024", "--module", "nodenext"];
    const libraries = ["--lib", "es2024,esnext.disposable,dom", "--types", "node"];
    execFileSync(process.execPath, [
      join(dirname(typescript), "bin/tsc"),
      ...options,
      ...libraries,
      "--ignoreConfig",
      file,
    ]);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
