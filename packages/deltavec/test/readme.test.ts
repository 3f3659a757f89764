// The examples of the documents, as they stand there: they compile under `strict` and print what is said.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";

const here = dirname(import.meta.dirname);
// Within the package, so that "deltavec" is this package.
const directory = join(here, "target/readme");
const documents = [
  "README.md",
  "packages/deltavec/README.md",
  ...[
    "component",
    "errors",
    "filter",
    "history",
    "index",
    "memory",
    "metrics",
    "storage",
    "streams",
    "workers",
  ].map((name) => `docs/${name}.md`),
].map((name) => ({
  name,
  text: readFileSync(join(here, "../..", name), "utf8"),
}));

const examples = documents.flatMap(({ name, text }) =>
  [...text.matchAll(/^```ts run\n(.*?)^```\n\nprints\n\n```text\n(.*?)^```$/gms)].map(
    ([, code, output], i) => ({
      title: `example ${i + 1} of ${name}`,
      file: join(directory, `${name.replace(/\W/g, "-")}-${i + 1}.ts`),
      code,
      output,
    }),
  ),
);

before(() => {
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  for (const { file, code } of examples) {
    writeFileSync(file, code!);
  }
});

after(() => rmSync(directory, { recursive: true, force: true }));

test("every TypeScript example says what it prints", () => {
  // What needs a bundler is run by the tests of packages.
  const blocks = documents.flatMap(({ text }) => [...text.matchAll(/^```(ts|js)\b(?! vite)/gm)]);
  assert.equal(examples.length, blocks.length);
  assert.notEqual(examples.length, 0);
});

test("the examples compile", () => {
  const typescript = createRequire(import.meta.url).resolve("typescript/package.json");
  const options = ["--noEmit", "--strict", "--target", "es2024", "--module", "nodenext"];
  const libraries = ["--lib", "es2024,esnext.disposable,dom", "--types", "node"];
  const compiler = join(dirname(typescript), "bin/tsc");
  run(compiler, ...options, ...libraries, "--ignoreConfig", ...examples.map(({ file }) => file));
});

for (const { title, file, output } of examples) {
  test(`${title} prints what is said`, () => {
    assert.equal(run(file), output);
  });
}

function run(...args: string[]): string {
  try {
    return execFileSync(process.execPath, args, {
      encoding: "utf8",
      cwd: directory,
      stdio: "pipe",
    });
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    throw new Error(`${args[0]} failed:\n${stdout}${stderr}`);
  }
}
