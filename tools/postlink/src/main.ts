/**
 * Command line of the post-link:
 *
 *     node src/main.ts --teavm core.wasm --kernels kernels.wat [--kernels …] --out deltavec.wasm [--product name] [--max-gzip bytes]
 *     node src/main.ts --product component --core core.wasm --wit w.wit --world name --out w.component.wasm [--max-gzip bytes]
 *     node src/main.ts --product relaxed --kernels relaxed.wat --out relaxed.wasm [--max-gzip bytes]
 *
 * Does nothing if the output is there and was made of the same inputs by the same program.
 */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { gzipSync } from "node:zlib";
import { version } from "./binaryen.ts";
import { componentOf, version as componentTools } from "./component.ts";
import { ExceptionFormError } from "./exceptions.ts";
import { assemble } from "./kernel-module.ts";
import { LinkError, link } from "./link.ts";
import { PRODUCTS } from "./product.ts";
import { RuntimeUseError } from "./runtime.ts";
import { FormatError } from "./wat.ts";

const { values } = parseArgs({
  options: {
    teavm: { type: "string" },
    kernels: { type: "string", multiple: true },
    out: { type: "string" },
    core: { type: "string" },
    wit: { type: "string" },
    world: { type: "string" },
    product: { type: "string", default: "module" },
    "max-gzip": { type: "string" },
  },
});

function required<T>(name: keyof typeof values, value: T | undefined): T {
  if (value === undefined) throw new LinkError(`option --${name} is missing`);
  return value;
}

/** Changes with everything that the output depends on. */
function stampOf(inputs: readonly (Uint8Array | string)[]): string {
  const hash = createHash("sha256");
  hash.update(`${values.product} ${version} ${componentTools} ${process.version}\n`);
  for (const text of inputs) hash.update(`${text.length} `).update(text);
  for (const name of readdirSync(import.meta.dirname).sort()) {
    hash.update(name).update(readFileSync(join(import.meta.dirname, name)));
  }
  return hash.digest("hex");
}

/** The name of the product that is a module of kernels: nothing of TeaVM's is in it. */
const RELAXED = "relaxed";

/** The name of the product that is a component, of a core module that was linked before. */
const COMPONENT = "component";

/** What the product is made of, and how. */
function plan(): {
  inputs: readonly (Uint8Array | string)[];
  make(workDirectory: string): Uint8Array | Promise<Uint8Array>;
} {
  if (values.product === COMPONENT) {
    const core = readFileSync(required("core", values.core));
    const wit = readFileSync(required("wit", values.wit), "utf8");
    const world = required("world", values.world);
    return { inputs: [core, wit, world], make: () => componentOf(core, wit, world) };
  }
  const kernels = required("kernels", values.kernels).map((file) => readFileSync(file, "utf8"));
  if (values.product === RELAXED) {
    const [only, ...rest] = kernels;
    if (only === undefined || rest.length > 0) throw new LinkError("one file of kernels expected");
    return { inputs: kernels, make: (workDirectory) => assemble(only, workDirectory) };
  }
  const teavm = new Uint8Array(readFileSync(required("teavm", values.teavm)));
  const product = PRODUCTS.get(values.product);
  if (product === undefined) {
    throw new LinkError(
      `product must be one of ${[...PRODUCTS.keys(), RELAXED, COMPONENT].join(", ")}`,
    );
  }
  const make = (workDirectory: string) => {
    const { module, bound } = link({ teavm, kernels, product, workDirectory });
    console.log(`postlink: bound ${bound.join(", ")}`);
    return module;
  };
  return { inputs: [teavm, ...kernels], make };
}

async function main(): Promise<void> {
  const out = resolve(required("out", values.out));
  const { inputs, make } = plan();
  const workDirectory = `${out}.work`;
  const stampFile = join(workDirectory, "stamp");
  const stamp = stampOf(inputs);
  const upToDate =
    existsSync(out) && existsSync(stampFile) && readFileSync(stampFile, "utf8") === stamp;
  if (!upToDate) {
    mkdirSync(dirname(out), { recursive: true });
    mkdirSync(workDirectory, { recursive: true });
    rmSync(stampFile, { force: true });
    writeFileSync(out, await make(workDirectory));
    writeFileSync(stampFile, stamp);
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
  await main();
} catch (error) {
  const isKnown = [LinkError, ExceptionFormError, RuntimeUseError, FormatError].some(
    (kind) => error instanceof kind,
  );
  if (!isKnown) throw error;
  console.error(`postlink: ${(error as Error).message}`);
  process.exitCode = 1;
}
