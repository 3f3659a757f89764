import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { serialize } from "node:v8";
import { gzipSync } from "node:zlib";
import type { VectorDelta } from "deltavec";
import { build } from "esbuild";
import { PACKAGE, WASM_FILE } from "../paths.ts";
import { Random } from "../random.ts";
import { toJson } from "./json.ts";
import { frameBytes } from "./plain-target.ts";
import { SPARSE_VALUES, vectorId } from "./protocol.ts";

/** Bytes of what is shipped and of what is sent. `gzip` is at level 9. */
export interface Sizes {
  readonly wasm_bytes: number;
  readonly wasm_gzip_bytes: number;
  /** The package's main entry, the module in it, bundled and minified: what is loaded at first, not what is imported later. */
  readonly package_bytes: number;
  readonly package_gzip_bytes: number;
  /** The entry that loads the module by URL, without the module. */
  readonly slim_gzip_bytes: number;
  /** One delta to a vector of 384 floats with an id of 8 characters. */
  readonly sparse_json_bytes: number;
  readonly sparse_clone_bytes: number;
  readonly sparse_frame_bytes: number;
  readonly dense_json_bytes: number;
  readonly dense_clone_bytes: number;
  readonly dense_frame_bytes: number;
}

/** Measures the built package, and the forms of a delta. */
export async function measureSizes(): Promise<Sizes> {
  const wasm = await readFile(WASM_FILE);
  const main = await bundled("index.js");
  const slim = await bundled("slim.js");
  const random = new Random(1);
  const vector = Float32Array.from({ length: 384 }, () => random.gaussian() / Math.sqrt(384));
  const indices = random.distinct(SPARSE_VALUES, vector.length);
  const sparse: VectorDelta = {
    vectorId: vectorId(1),
    operation: { type: "sparse", indices, values: Float32Array.from(indices, (i) => vector[i]!) },
  };
  const dense: VectorDelta = { vectorId: vectorId(1), operation: { type: "dense", vector } };
  return {
    wasm_bytes: wasm.length,
    wasm_gzip_bytes: gzipped(wasm),
    package_bytes: main.length,
    package_gzip_bytes: gzipped(main),
    slim_gzip_bytes: gzipped(slim),
    sparse_json_bytes: Buffer.byteLength(toJson(sparse)),
    sparse_clone_bytes: serialize(sparse).length,
    sparse_frame_bytes: frameBytes(sparse),
    dense_json_bytes: Buffer.byteLength(toJson(dense)),
    dense_clone_bytes: serialize(dense).length,
    dense_frame_bytes: frameBytes(dense),
  };
}

function gzipped(bytes: Uint8Array): number {
  return gzipSync(bytes, { level: 9 }).length;
}

/** Bundles an entry. Returns what it imports statically, and itself. */
async function bundled(entry: string): Promise<Uint8Array> {
  const { outputFiles } = await build({
    entryPoints: [`${PACKAGE}/dist/${entry}`],
    bundle: true,
    splitting: true,
    outdir: "/",
    format: "esm",
    platform: "browser",
    target: "es2023",
    minify: true,
    write: false,
    logLevel: "silent",
  });
  const texts = new Map(outputFiles.map(({ path, text }) => [basename(path), text]));
  const loaded = new Set([entry]);
  for (const name of loaded) {
    for (const [, part] of texts.get(name)!.matchAll(/(?:from|import) ?"\.\/([^"]+)"/g)) {
      loaded.add(part!);
    }
  }
  return Buffer.from(Array.from(loaded, (name) => texts.get(name)).join(""));
}
