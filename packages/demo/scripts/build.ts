// Builds dist/: the page, its workers, what it begins with, and the service worker that keeps all of it.
import { createHash } from "node:crypto";
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { type BuildOptions, build } from "esbuild";
import { fetchModel, MODEL_VERSION } from "../server/model.ts";
import { prepare } from "./prepare.ts";

const here = fileURLToPath(new URL("..", import.meta.url));
const dist = join(here, "dist");

/** What the page's scripts are made of besides deltavec. */
const BUNDLED = [
  "preact",
  "@preact/signals",
  "uplot",
  "@huggingface/tokenizers",
  "onnxruntime-web",
];

const prepared = await prepare();
rmSync(dist, { recursive: true, force: true });
mkdirSync(dist);
cpSync(prepared, join(dist, "data"), { recursive: true });
for (const [specifier, name] of [
  ["deltavec/worker", "database-worker.js"],
  ["deltavec/deltavec.wasm", "deltavec.wasm"],
  ["onnxruntime-web/ort-wasm-simd-threaded.wasm", "ort.wasm"],
]) {
  copyFileSync(fileURLToPath(import.meta.resolve(specifier!)), join(dist, name!));
}

const common: BuildOptions = {
  absWorkingDir: here,
  bundle: true,
  format: "esm",
  target: "es2023",
  minify: true,
  sourcemap: "linked",
  legalComments: "linked",
  jsx: "automatic",
  jsxImportSource: "preact",
  logLevel: "warning",
};
await build({
  ...common,
  entryPoints: [
    { in: "src/main.tsx", out: "main" },
    { in: "src/embed-worker.ts", out: "embed-worker" },
    { in: "src/style.css", out: "style" },
  ],
  outdir: dist,
});
for (const name of ["index.html", "icon.svg", "manifest.webmanifest"]) {
  copyFileSync(join(here, "src", name), join(dist, name));
}

writeFileSync(join(dist, "NOTICE.txt"), notices());

// Whatever changes changes the service worker, by which browsers know that there is something new.
const files = readdirSync(dist, { recursive: true, encoding: "utf8", withFileTypes: true })
  .filter((each) => each.isFile() && !/\.(map|txt)$/.test(each.name))
  .map((each) => relative(dist, join(each.parentPath, each.name)).replaceAll("\\", "/"))
  .sort();
const hash = createHash("sha256");
for (const file of files) {
  hash.update(file).update(readFileSync(join(dist, file)));
}
const paths = files.map((file) => (file === "index.html" ? "/" : `/${file}`));
await build({
  ...common,
  entryPoints: [{ in: "service-worker/main.ts", out: "service-worker" }],
  outdir: dist,
  format: "iife",
  sourcemap: false,
  legalComments: "none",
  define: {
    VERSION: JSON.stringify(hash.digest("hex").slice(0, 12)),
    FILES: JSON.stringify(paths),
    MODEL: JSON.stringify(MODEL_VERSION),
  },
});

// Into the cache, for the page and its tests. Without a network the page does with the texts whose vectors it has.
await fetchModel().catch((error: unknown) => {
  const why = error instanceof Error ? error.message : String(error);
  console.warn(
    `The embedding model could not be fetched (${why}); the demo's page works without it, with known texts.`,
  );
});

/** Their licences. */
function notices(): string {
  const texts = BUNDLED.map((name) => {
    const places = [here, join(here, "../..")].map((root) => join(root, "node_modules", name));
    const folder = places.find((place) => existsSync(place));
    const file = folder && readdirSync(folder).find((each) => /^licen[cs]e/i.test(each));
    const text = file && readFileSync(join(folder, file), "utf8").trim();
    return `${name}\n\n${text ?? "The licence stands in its package."}`;
  });
  return `${texts.join("\n\n----\n\n")}\n`;
}
