/**
 * Command line of the post-link:
 *
 *     node src/main.ts --teavm core.wasm --kernels kernels.wat [--kernels …] --out deltavec.wasm [--product module|test] [--max-gzip bytes]
 *
 * Does nothing if the output is there and was made of the same inputs by the same program.
 */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { gzipSync } from "node:zlib";
import { version } from "./binaryen.ts";
import { ExceptionFormError } from "./exceptions.ts";
import { LinkError, link } from "./link.ts";
import { PRODUCTS } from "./product.ts";
import { FormatError } from "./wat.ts";

const { values } = parseArgs({
  options: {
    teavm: { type: "string" },
    kernels: { type: "string", multiple: true },
    out: { type: "string" },
    product: { type: "string", default: "module" },
    "max-gzip": { type: "string" },
  },
});

function required<T>(name: "teavm" | "kernels" | "out", value: T | undefined): T {
  if (value === undefined) throw new LinkError(`option --${name} is missing`);
  return value;
}

/** Changes with everything that the output depends on. */
function stampOf(teavm: Uint8Array, kernels: readonly string[]): string {
  const hash = createHash("sha256");
  hash.update(`${values.product} ${version} ${process.version}\n`).update(teavm);
  for (const text of kernels) hash.update(`${text.length} `).update(text);
  for (const name of readdirSync(import.meta.dirname).sort()) {
    hash.update(name).update(readFileSync(join(import.meta.dirname, name)));
  }
  return hash.digest("hex");
}

function main(): void {
  const out = resolve(required("out", values.out));
  const teavm = new Uint8Array(readFileSync(required("teavm", values.teavm)));
  const kernels = required("kernels", values.kernels).map((file) => readFileSync(file, "utf8"));
  const product = PRODUCTS.get(values.product);
  if (product === undefined) {
    throw new LinkError(`product must be one of ${[...PRODUCTS.keys()].join(", ")}`);
  }
  const workDirectory = `${out}.work`;
  const stampFile = join(workDirectory, "stamp");
  const stamp = stampOf(teavm, kernels);
  const upToDate =
    existsSync(out) && existsSync(stampFile) && readFileSync(stampFile, "utf8") === stamp;
  if (!upToDate) {
    mkdirSync(dirname(out), { recursive: true });
    mkdirSync(workDirectory, { recursive: true });
    rmSync(stampFile, { force: true });
    const { module, bound } = link({ teavm, kernels, product, workDirectory });
    writeFileSync(out, module);
    writeFileSync(stampFile, stamp);
    console.log(`postlink: bound ${bound.join(", ")}`);
  }
  const module = readFileSync(out);
  const gzip = gzipSync(module, { level: 9 }).length;
  const limit =
    values["max-gzip"] === undefined ? Number.POSITIVE_INFINITY : Number(values["max-gzip"]);
  console.log(
    `postlink: ${out}: ${module.length} bytes, ${gzip} gzip${upToDate ? ", up to date" : ""}`,
  );
  if (!(gzip <= limit))
    throw new LinkError(`${gzip} bytes gzip are more than the ${limit} allowed`);
}

try {
  main();
} catch (error) {
  const isKnown = [LinkError, ExceptionFormError, FormatError].some(
    (kind) => error instanceof kind,
  );
  if (!isKnown) throw error;
  console.error(`postlink: ${(error as Error).message}`);
  process.exitCode = 1;
}
