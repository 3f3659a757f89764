// The package as it is published: sizes, contents, no side effects.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { inFreshProcess, PACKAGE } from "./support/process.ts";

/** Bundles a module text as an application's build does. Returns what is loaded at first: not what is imported later. */
async function bundled(text: string, splitting = true): Promise<string> {
  const { outputFiles } = await build({
    stdin: { contents: text, resolveDir: PACKAGE },
    bundle: true,
    minify: true,
    splitting,
    outdir: "/",
    format: "esm",
    target: "es2022",
    write: false,
    logLevel: "warning",
  });
  const texts = new Map(outputFiles.map(({ path, text }) => [basename(path), text]));
  const loaded = new Set(["stdin.js"]);
  for (const name of loaded) {
    for (const [, part] of texts.get(name)?.matchAll(/(?:from|import) ?"\.\/([^"]+)"/g) ?? []) {
      loaded.add(part);
    }
  }
  return [...loaded].map((name) => texts.get(name)).join("");
}

const gzip = (data: string | Uint8Array): number => gzipSync(data, { level: 9 }).length;

const text = (name: string): string => readFileSync(join(PACKAGE, "dist", name), "utf8");

/** A module and what it imports, as they lie in the package, each once. */
function files(name: string): string[] {
  const found = new Set([name]);
  for (const file of found) {
    const text = readFileSync(join(PACKAGE, "dist", file), "utf8");
    for (const [, other] of text.matchAll(/from ?"\.\/([^"]+)"/g)) {
      found.add(other);
    }
  }
  return [...found];
}

test("the entry with everything in it takes at most 72.5 KB gzip", async (t) => {
  const size = gzip(await bundled('export * from "deltavec"'));
  t.diagnostic(`bundled and minified: ${size} bytes gzip`);
  assert.ok(size <= 72_500, `${size} bytes`);
});

test("the entry's files as published take at most 73 KB gzip", (t) => {
  const size = files("index.js")
    .map((name) => gzip(readFileSync(join(PACKAGE, "dist", name))))
    .reduce((a, b) => a + b);
  t.diagnostic(`as published: ${size} bytes gzip`);
  assert.ok(size <= 73_000, `${size} bytes`);
});

test("the module takes at most 48 KB gzip", (t) => {
  const size = gzip(readFileSync(join(PACKAGE, "dist/deltavec.wasm")));
  t.diagnostic(`deltavec.wasm: ${size} bytes gzip`);
  assert.ok(size <= 48_000, `${size} bytes`);
});

test("a source adds at most 8 KB gzip to a bundle", async (t) => {
  const entry = 'export * from "deltavec/slim"';
  const source = 'export { webSocketDeltas } from "deltavec/streams"';
  const size = gzip(await bundled(`${entry};${source}`)) - gzip(await bundled(entry));
  t.diagnostic(`webSocketDeltas, bundled and minified: ${size} bytes gzip`);
  assert.ok(size <= 8_000, `${size} bytes`);
});

test("what follows a server is loaded later, and takes at most 13.5 KB gzip", (t) => {
  const later = files("index.js").every((name) => !text(name).includes("deltavec-follow:"));
  assert.ok(later);
  const names = readdirSync(join(PACKAGE, "dist")).filter((name) => /^shared-.*\.js$/.test(name));
  const [chunk] = names.filter((name) => text(name).includes("deltavec-follow:"));
  const size = gzip(text(chunk!));
  t.diagnostic(`${size} bytes gzip`);
  assert.ok(size <= 13_500, `${size} bytes`);
});

test("deltavec/slim does not contain the module", async (t) => {
  const size = gzip(await bundled('export * from "deltavec/slim"'));
  t.diagnostic(`slim, bundled and minified: ${size} bytes gzip`);
  assert.ok(size <= 25_000, `${size} bytes`);
});

test("the bundled module is the one beside it", async () => {
  const same = await inFreshProcess(`
    import { readFileSync } from "node:fs";
    import { init } from "deltavec";
    const { compile } = WebAssembly;
    let bytes;
    WebAssembly.compile = (given) => compile((bytes = Buffer.from(given)));
    await init();
    report(bytes.equals(readFileSync("dist/deltavec.wasm")))`);
  assert.equal(same, true);
});

test("the end of a channel that sends takes at most 10 KB gzip", async (t) => {
  const size = gzip(await bundled('export { DeltaChannel } from "deltavec/channel"'));
  t.diagnostic(`DeltaChannel, bundled and minified: ${size} bytes gzip`);
  assert.ok(size <= 10_000, `${size} bytes`);
});

test("the worker's script is one file, which runs as a classic script, too", () => {
  const text = readFileSync(join(PACKAGE, "dist/worker.js"), "utf8");
  assert.deepEqual(files("worker.js"), ["worker.js"]);
  assert.doesNotMatch(text, /\bimport\s*(\.|\(\s*["'`])/); // there is a method of that name
  new Function(text);
});

test("the worker's script stays in a bundle though nothing of it is used", async () => {
  assert.match(await bundled('import "deltavec/worker"'), /dv_apply/);
});

test("importing deltavec/worker outside of a worker does nothing", async () => {
  const result = await inFreshProcess(`
    const names = () => Reflect.ownKeys(globalThis).map(String).join();
    const before = names();
    Object.freeze(globalThis);
    report([Object.keys(await import("deltavec/worker")), names() === before]);`);
  assert.deepEqual(result, [[], true]);
});

for (const [entry, glue] of [
  ["deltavec/component", 32_000],
  ["deltavec/component/delta-vector", 20_000],
] as const) {
  test(`${entry} takes at most ${glue / 1000} KB gzip beside its core module`, async (t) => {
    const size = gzip(await bundled(`export * from "${entry}"`));
    t.diagnostic(`bundled and minified: ${size} bytes gzip`);
    assert.ok(size <= glue, `${size} bytes`);
  });

  test(`${entry} evaluates no text, and has a bundler see its core module`, async () => {
    const text = await bundled(`export * from "${entry}"`);
    assert.doesNotMatch(text, /new Function|\beval\(/);
    assert.match(text, /new URL\("\.\/[a-z-]+\.core\.wasm",import\.meta\.url\)/);
  });
}

for (const name of ["deltavec", "delta-vector"]) {
  test(`${name}.component.wasm takes at most 60 KB gzip`, (t) => {
    const size = gzip(readFileSync(join(PACKAGE, `dist/component/${name}.component.wasm`)));
    t.diagnostic(`${size} bytes gzip`);
    assert.ok(size <= 60_000, `${size} bytes`);
  });
}

for (const entry of [
  ...["", "/slim", "/streams", "/channel", "/measure"].map((e) => `deltavec${e}`),
  ...["deltavec/component", "deltavec/component/delta-vector"],
]) {
  test(`importing ${entry} and using nothing leaves nothing in a bundle`, async () => {
    assert.equal((await bundled(`import "${entry}"`)).trim(), "");
  });
}

for (const entry of ["deltavec", "deltavec/slim"]) {
  test(`importing ${entry} touches nothing, and needs nothing of a browser`, async () => {
    const result = await inFreshProcess(`
      const needed = ["WebAssembly", "fetch", "Response", "Blob", "URL", "TextEncoder", "TextDecoder",
        "DecompressionStream", "crypto", "atob", "reportError", "location", "navigator", "performance"];
      for (const name of needed) {
        Reflect.deleteProperty(globalThis, name);
      }
      const prototypes = [Object, Array, Promise, Symbol, Uint8Array, Float32Array, Error];
      const names = () => [globalThis, ...prototypes.flatMap((c) => [c, c.prototype])]
        .map((o) => Reflect.ownKeys(o).map(String).join());
      const before = names();
      Object.freeze(globalThis);
      const { DeltaVectorDB } = await import("${entry}");
      let code;
      try {
        new DeltaVectorDB();
      } catch (error) {
        code = error.code;
      }
      report([names().join("|") === before.join("|"), code]);`);
    assert.deepEqual(result, [true, "CLOSED"]);
  });
}

test("the tarball holds what is needed and nothing else", () => {
  const [{ files: packed }] = JSON.parse(
    execFileSync("npm", ["pack", "--dry-run", "--json", "--loglevel=error"], {
      cwd: PACKAGE,
      encoding: "utf8",
    }),
  ) as [{ files: { path: string }[] }];
  const paths = packed.map(({ path }) => path);
  for (const path of ["LICENSE", "NOTICE", "README.md", "package.json"]) {
    assert.ok(paths.includes(path), `${path} is missing`);
  }
  const rest = paths.filter((path) => path.includes("/"));
  assert.deepEqual(
    rest.filter(
      (path) =>
        !/^dist\/([\w-]+\.(js|js\.map|d\.ts|wasm)|storage\/[\w-]+\.d\.ts)$/.test(path) &&
        !/^dist\/component\/([\w-]+\.(js|d\.ts)|(deltavec|delta-vector)\.(core|component)\.wasm)$/.test(
          path,
        ),
    ),
    [],
  );
});

test("every file that exports names is there", () => {
  const { exports } = JSON.parse(readFileSync(join(PACKAGE, "package.json"), "utf8")) as {
    exports: Record<string, string | Record<string, string>>;
  };
  for (const target of Object.values(exports).flatMap((t) => Object.values([t].flat()))) {
    for (const path of typeof target === "string" ? [target] : Object.values(target)) {
      assert.ok(existsSync(join(PACKAGE, path)), path);
    }
  }
});

test("classes have their names as published", async () => {
  const all = {
    ...(await import("deltavec")),
    ...(await import("deltavec/streams")),
    ...(await import("deltavec/channel")),
  };
  const classes = Object.entries(all).filter(([name]) => /^[A-Z]/.test(name));
  assert.equal(classes.length, 7);
  for (const [name, made] of classes) {
    assert.equal(made.name, name);
  }
});
