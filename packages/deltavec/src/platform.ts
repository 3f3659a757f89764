import { DeltaError } from "./errors.ts";

// Modules that are valid only with one feature, each less its first 8 bytes.
// (type (struct (field i8)))
export const GC: readonly number[] = [1, 5, 1, 95, 1, 120, 0];
// (func (result v128) (i8x16.popcnt (i8x16.splat (i32.const 0))))
export const SIMD: readonly number[] = [
  1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11,
];
// (func (try (do) (catch_all)))
export const TRY: readonly number[] = [
  1, 4, 1, 96, 0, 0, 3, 2, 1, 0, 10, 8, 1, 6, 0, 6, 64, 25, 11, 11,
];

/** Features that the module needs and engines got last. */
const NEEDED: readonly (readonly [name: string, body: readonly number[]])[] = [
  ["garbage collection (WasmGC)", GC],
  ["SIMD", SIMD],
  ["exceptions (try)", TRY],
];

/** Whether there is WebAssembly at all. */
export function hasWebAssembly(): boolean {
  return typeof WebAssembly === "object" && typeof WebAssembly.validate === "function";
}

/** Whether the engine takes a module, given less its first 8 bytes. */
export function takes(body: readonly number[]): boolean {
  return (
    hasWebAssembly() && WebAssembly.validate(Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0, ...body))
  );
}

/** Returns what this engine lacks, in words. */
export function missingFeatures(): string[] {
  return hasWebAssembly()
    ? NEEDED.filter(([, body]) => !takes(body)).map(([name]) => name)
    : ["WebAssembly"];
}

/** Throws an UNSUPPORTED_PLATFORM unless threads can share a WebAssembly memory here. */
export function requireSharedMemory(): void {
  const { crossOriginIsolated } = globalThis as { crossOriginIsolated?: boolean };
  if (typeof SharedArrayBuffer !== "function" || crossOriginIsolated === false) {
    throw new DeltaError(
      "UNSUPPORTED_PLATFORM",
      "threads cannot share memory here: a page must be cross-origin isolated (headers Cross-Origin-Opener-Policy: same-origin, Cross-Origin-Embedder-Policy: require-corp)",
    );
  }
}

/** Throws an UNSUPPORTED_PLATFORM that names all that is missing, if anything is. */
export function requirePlatform(): void {
  const missing = missingFeatures();
  if (missing.length > 0) {
    throw new DeltaError(
      "UNSUPPORTED_PLATFORM",
      `this engine lacks ${missing.join(", ")}, which deltavec needs; see its README for the engines that do`,
    );
  }
}
