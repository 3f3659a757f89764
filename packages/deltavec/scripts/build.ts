// Builds dist/: the entries with what they share, the script of workers, declarations, and the WebAssembly module.
import { execFileSync } from "node:child_process";
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
import { createRequire } from "node:module";
import { dirname, join, posix } from "node:path";
import { deflateAsync } from "@gfx/zopfli";
import { type BuildOptions, build } from "esbuild";
import { buildComponents } from "./component.ts";

const here = dirname(import.meta.dirname);
const dist = join(here, "dist");
const target = join(here, "target");
const wasm = join(here, "../../wasm/target/deltavec.wasm");
const relaxed = join(here, "../../wasm/target/relaxed.wasm");

for (const file of [wasm, relaxed]) {
  if (!existsSync(file)) {
    console.error(`There is no ${file}: build it first with ./mvnw -pl wasm -am package`);
    process.exit(1);
  }
}
rmSync(dist, { recursive: true, force: true });
mkdirSync(dist);
mkdirSync(target, { recursive: true });
copyFileSync(wasm, join(dist, "deltavec.wasm"));
for (const name of ["LICENSE", "NOTICE"]) {
  // With its time, so that the copy does not look like a source that has changed.
  cpSync(join(here, "../..", name), join(here, name), { preserveTimestamps: true });
}
await deflate(readFileSync(wasm), join(target, "deltavec.wasm.deflate"));
copyFileSync(relaxed, join(target, "relaxed.wasm"));

const common: BuildOptions = {
  absWorkingDir: here,
  outdir: dist,
  bundle: true,
  format: "esm",
  target: "es2022",
  // Comments are in the declarations, names in the maps, for those who look at a stack.
  minify: true,
  sourcemap: "linked",
  loader: { ".deflate": "base64", ".wasm": "base64" },
  logLevel: "warning",
};
await build({
  ...common,
  entryPoints: ["index", "slim", "workerd", "streams", "channel-entry", "measure"].map(
    (n) => `src/${n}.ts`,
  ),
  splitting: true,
  chunkNames: "shared-[hash]",
  plugins: [
    {
      // The module stays an import, which the platform compiles: code that runs there may not.
      name: "module-beside",
      setup({ onResolve }) {
        const beside = { path: "./deltavec.wasm", external: true };
        onResolve({ filter: /^deltavec\/deltavec\.wasm$/ }, () => beside);
      },
    },
  ],
});
// All in one file, without import, so that it can be served from wherever an application has it. Its databases open none
// in workers of their own, and follow nobody: that is done where they are called from.
await build({
  ...common,
  entryPoints: ["src/worker.ts"],
  plugins: [
    {
      name: "no-connect",
      setup({ onResolve, onLoad }) {
        onResolve({ filter: /\/(connect|follow)\.ts$/ }, ({ path }) => ({
          path,
          namespace: "none",
        }));
        onLoad({ filter: /./, namespace: "none" }, () => ({ contents: "export {}" }));
      },
    },
  ],
});
await buildComponents(join(dist, "component"), join(target, "component"), common);

// A part that is imported for nothing but its effects has none; bundlers warn of such imports. Blank, as maps count columns.
for (const name of readdirSync(dist).filter((file) => file.endsWith(".js"))) {
  const text = readFileSync(join(dist, name), "utf8");
  const blanked = text.replace(/import"\.\/shared-[^"]+";/g, (found) => " ".repeat(found.length));
  if (blanked !== text) {
    writeFileSync(join(dist, name), blanked);
  }
}

const tsc = createRequire(import.meta.url).resolve("typescript/package.json");
execFileSync(
  process.execPath,
  [
    join(dirname(tsc), "bin/tsc"),
    ...["-p", join(here, "tsconfig.json")],
    ...["--noEmit", "false", "--emitDeclarationOnly", "--outDir", dist],
  ],
  { stdio: "inherit" },
);
const declarations = new Map(
  readdirSync(dist, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".d.ts"))
    .map((name) => [name.replaceAll("\\", "/"), readFileSync(join(dist, name), "utf8")]),
);
const used = new Set([
  ...[
    "index.d.ts",
    "slim.d.ts",
    "streams.d.ts",
    "channel-entry.d.ts",
    "worker.d.ts",
    "measure.d.ts",
  ],
  ...["component/index.d.ts", "component/delta-vector.d.ts"],
]);
for (const name of used) {
  // The compiler leaves the names of sources in declarations.
  const text = (declarations.get(name) ?? "").replace(/(from "\.\.?\/[^"]+)\.ts"/g, '$1.js"');
  for (const [, part] of text.matchAll(/from "(\.\.?\/[^"]+)\.js"/g)) {
    used.add(posix.join(posix.dirname(name), `${part}.d.ts`));
  }
  writeFileSync(join(dist, name), text);
}
for (const name of declarations.keys()) {
  if (!used.has(name)) {
    rmSync(join(dist, name));
  }
}

/**
 * Writes bytes deflated as far as that goes: Zopfli takes two seconds to gain 7 % on zlib. Does nothing if that was done with
 * the same bytes before.
 */
async function deflate(bytes: Uint8Array, file: string): Promise<void> {
  const hash = createHash("sha256").update(bytes).digest("hex");
  const stamp = `${file}.sha256`;
  if (!existsSync(file) || !existsSync(stamp) || readFileSync(stamp, "utf8") !== hash) {
    rmSync(stamp, { force: true });
    writeFileSync(file, await deflateAsync(bytes, { numiterations: 5 }));
    writeFileSync(stamp, hash);
  }
}
