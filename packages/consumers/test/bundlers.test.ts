// The packed package in projects of bundlers: built, run in Chromium, the module once in what they write.
import assert from "node:assert/strict";
import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { nodeResolve } from "@rollup/plugin-node-resolve";
import * as esbuild from "esbuild";
import { rollup } from "rollup";
import * as vite from "vite";
import webpack from "webpack";
import { open, page } from "../src/page.ts";
import { EXPECTED, modulesIn, Project } from "../src/project.ts";

const MAIN = 'import { program } from "./program.js";\nglobalThis.result = await program();\n';
/** Together with a database in a worker, for bundlers that know how workers are made. */
const MAIN_AND_WORKER = `import { program } from "./program.js";
import { inWorker } from "./worker.js";
globalThis.result = [await program(), await inWorker({})];
`;
/** For those that do not: the script lies where the application has put it. */
const MAIN_AND_PLACE = MAIN_AND_WORKER.replace(
  "inWorker({})",
  'inWorker({ worker: new URL("deltavec-worker.js", location.href) })',
);
const ONCE = { files: 0, embedded: 1 };
/** The script of the worker is one file, with a module of its own. */
const ONCE_EACH = { files: 0, embedded: 2 };

async function built(project: Project, expected: unknown): Promise<void> {
  const { result, complaints } = await open(project.path("dist"));
  assert.deepEqual({ result, complaints }, { result: expected, complaints: [] });
}

/** Puts the page and the worker's script beside what a bundler wrote that does neither. */
function withPage(project: Project): void {
  writeFileSync(project.path("dist/index.html"), page("main.js"));
  const script = project.path("node_modules/deltavec/dist/worker.js");
  copyFileSync(script, project.path("dist/deltavec-worker.js"));
}

const viteOptions = (project: Project): vite.InlineConfig => ({
  root: project.folder,
  configFile: false,
  logLevel: "error",
  build: { target: "es2022", chunkSizeWarningLimit: 1000 },
});

test("Vite builds the package, with the module once, and its worker with another", async () => {
  const project = new Project("vite", {
    "index.html": page("main.js"),
    "main.js": MAIN_AND_WORKER,
  });
  await vite.build({ ...viteOptions(project), worker: { format: "es" } });
  assert.deepEqual(modulesIn(project), ONCE_EACH);
  await built(project, [EXPECTED, ["a"]]);
});

test("Vite builds deltavec/slim with the module's file once, as the package's page says", async () => {
  const readme = readFileSync(join(import.meta.dirname, "../../deltavec/README.md"), "utf8");
  const [, example] = /^```ts vite\n(.*?)^```$/ms.exec(readme) ?? [];
  assert.ok(example !== undefined, "the package's page has no example for Vite");
  const project = new Project("vite-slim", {
    "index.html": page("main.ts"),
    "main.ts": `${example}\nimport { DeltaVectorDB } from "deltavec/slim";
globalThis.result = new DeltaVectorDB({ dimensions: 3 }).size;\n`,
  });
  await vite.build({
    ...viteOptions(project),
    build: { target: "es2022", assetsInlineLimit: 0 },
  });
  // As a file, and in the script of workers that `connect` would start.
  assert.deepEqual(modulesIn(project), { files: 1, embedded: 1 });
  await built(project, 0);
});

test("webpack builds the package, with the module once, and its worker with another", async () => {
  const project = new Project("webpack", { "main.js": MAIN_AND_WORKER });
  await new Promise<void>((resolve, reject) => {
    const options: webpack.Configuration = {
      context: project.folder,
      entry: "./main.js",
      mode: "production",
      output: { path: project.path("dist"), filename: "main.js", publicPath: "auto" },
      performance: { hints: false },
    };
    webpack(options, (error, stats) => {
      const problems =
        stats?.hasErrors() || stats?.hasWarnings() ? stats.toString("errors-warnings") : "";
      if (error || problems) reject(error ?? new Error(problems));
      else resolve();
    });
  });
  writeFileSync(project.path("dist/index.html"), page("main.js"));
  assert.deepEqual(modulesIn(project), ONCE_EACH);
  await built(project, [EXPECTED, ["a"]]);
});

test("esbuild builds the package, with the module once", async () => {
  const project = new Project("esbuild", { "main.js": MAIN_AND_PLACE });
  const { warnings } = await esbuild.build({
    absWorkingDir: project.folder,
    entryPoints: ["main.js"],
    outdir: "dist",
    bundle: true,
    minify: true,
    splitting: true,
    format: "esm",
    target: "es2022",
    logLevel: "silent",
  });
  assert.deepEqual(warnings, []);
  assert.deepEqual(modulesIn(project), ONCE);
  withPage(project);
  await built(project, [EXPECTED, ["a"]]);
});

test("Rollup builds the package, with the module once", async () => {
  const project = new Project("rollup", { "main.js": MAIN_AND_PLACE });
  const warnings: string[] = [];
  const bundle = await rollup({
    input: project.path("main.js"),
    plugins: [nodeResolve({ browser: true })],
    onwarn: (warning) => warnings.push(warning.message),
  });
  await bundle.write({ dir: project.path("dist"), format: "es" });
  await bundle.close();
  assert.deepEqual(warnings, []);
  assert.deepEqual(modulesIn(project), ONCE);
  withPage(project);
  await built(project, [EXPECTED, ["a"]]);
});

test("a page without a bundler imports the package's files", async () => {
  const map = '{"imports": {"deltavec": "./node_modules/deltavec/dist/index.js"}}';
  const project = new Project("plain", {
    "index.html": page("main.js", `<script type="importmap">${map}</script>\n`),
    "main.js": MAIN_AND_WORKER,
  });
  const { result, complaints } = await open(project.folder);
  assert.deepEqual({ result, complaints }, { result: [EXPECTED, ["a"]], complaints: [] });
});

test("a page without a bundler imports deltavec/slim, which fetches the module", async () => {
  const map = '{"imports": {"deltavec": "./node_modules/deltavec/dist/slim.js"}}';
  const project = new Project("plain-slim", {
    "index.html": page("main.js", `<script type="importmap">${map}</script>\n`),
    "main.js": MAIN,
  });
  const { result, complaints } = await open(project.folder);
  assert.deepEqual({ result, complaints }, { result: EXPECTED, complaints: [] });
});
