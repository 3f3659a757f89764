/**
 * WebAssembly features that the module may use, each with its name in Binaryen and why it is there. All of them are on by
 * default in every supported engine; of exception handling only the legacy instructions are, which share Binaryen's name with
 * try_table. Binaryen's own `-all` is never used: it turns on proposals that engines refuse.
 */
export const FEATURES: ReadonlyMap<string, string> = new Map([
  ["reference-types", "Java references"],
  ["gc", "Java objects and arrays"],
  ["exception-handling", "Java exceptions: try and catch, see exceptions.ts"],
  ["simd", "the kernels"],
  ["bulk-memory", "memory.copy and memory.fill"],
  ["bulk-memory-opt", "part of bulk-memory, a name of its own in Binaryen"],
  ["sign-ext", "casts to byte and short"],
  ["nontrapping-float-to-int", "casts from float and double, which never trap in Java"],
  ["mutable-globals", "static fields"],
  ["multivalue", "blocks that yield a reference and a value"],
  ["extended-const", "initial values of globals"],
]);

/** The features as Binaryen's command-line arguments: nothing but the list. */
export function featureArguments(): string[] {
  return ["--mvp-features", ...[...FEATURES.keys()].map((name) => `--enable-${name}`)];
}

/** What a module of kernels may use that is loaded only where the engine accepts it: `kernel-module.ts`. */
export const RELAXED_FEATURES: readonly string[] = [
  "--mvp-features",
  "--enable-simd",
  "--enable-relaxed-simd",
];
