import { GC, hasWebAssembly, missingFeatures, SIMD, TRY, takes } from "./platform.ts";

/** What this engine has, and what deltavec can do here. */
export interface Features {
  /** Whether deltavec runs here: nothing is `missing`. */
  readonly supported: boolean;
  /** What deltavec needs and is not there, in words; none if it is `supported`. `init` names the same. */
  readonly missing: readonly string[];
  /**
   * The best build of the module for this engine: `"shared"`, whose memory several workers see, needs `threads` and
   * `sharedMemory`; null: none runs.
   */
  readonly build: "plain" | "shared" | null;
  /** Whether the faster kernels in relaxed SIMD are used. */
  readonly relaxed: boolean;

  /** There is WebAssembly. */
  readonly webAssembly: boolean;
  /** WebAssembly has garbage collection, which deltavec needs. */
  readonly wasmGC: boolean;
  /** WebAssembly has SIMD of 128 bits, which deltavec needs. */
  readonly simd: boolean;
  /** WebAssembly has relaxed SIMD. */
  readonly relaxedSimd: boolean;
  /** WebAssembly has the older form of exceptions (`try`), which deltavec needs. */
  readonly exceptions: boolean;
  /** WebAssembly has the newer form of exceptions (`try_table`). */
  readonly exnref: boolean;
  /** WebAssembly takes modules with shared memory and atomics. */
  readonly threads: boolean;
  /** There is a `SharedArrayBuffer`, and it may be sent to workers: in a browser the page is `crossOriginIsolated`. */
  readonly sharedMemory: boolean;
  /** `Atomics.waitAsync`: a main thread can wait for shared memory to change. */
  readonly atomicsWaitAsync: boolean;
  /** Workers can be made from here: Web Workers, or Node's worker threads. */
  readonly workers: boolean;
  /** Workers may be modules. Told without making one: every engine with workers and WasmGC has them. */
  readonly moduleWorkers: boolean;
  /** The origin private file system. It may still refuse, for example in a private window. */
  readonly opfs: boolean;
  /** Files of the `opfs` can be read and written synchronously; in dedicated workers only. */
  readonly syncAccessHandles: boolean;
  readonly indexedDB: boolean;
  /** `navigator.locks`. */
  readonly webLocks: boolean;
  readonly broadcastChannel: boolean;
  readonly webSocket: boolean;
  readonly eventSource: boolean;
  /** `CompressionStream` and `DecompressionStream`; the entry with the module in it needs the latter. */
  readonly compressionStreams: boolean;
  /** `ReadableStream`, `WritableStream` and `TransformStream`. */
  readonly streams: boolean;
}

// (func (result v128) (i16x8.relaxed_dot_i8x16_i7x16_s (i8x16.splat (i32.const 0)) (i8x16.splat (i32.const 0))))
const RELAXED = [
  1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 15, 1, 13, 0, 65, 0, 253, 15, 65, 0, 253, 15, 253, 146, 2,
  11,
];
// (func (try_table))
const TRY_TABLE = [1, 4, 1, 96, 0, 0, 3, 2, 1, 0, 10, 8, 1, 6, 0, 31, 64, 0, 11, 11];
// (memory 1 1 shared) (func (drop (i32.atomic.load (i32.const 0))))
const THREADS = [
  1, 4, 1, 96, 0, 0, 3, 2, 1, 0, 5, 4, 1, 3, 1, 1, 10, 11, 1, 9, 0, 65, 0, 254, 16, 2, 0, 26, 11,
];

/**
 * Tells what this engine has, here: a page, a worker and a frame of the same browser may differ. Makes no worker, no memory
 * and no storage, asks for no permission, and needs no `init`. Takes some microseconds.
 *
 * @example
 * ```ts
 * const { supported, missing } = detect();
 * if (!supported) {
 *   console.log(`this browser lacks ${missing.join(", ")}`);
 * }
 * ```
 */
export function detect(): Features {
  const all = globalThis as unknown as Record<string, unknown>;
  const {
    process,
    navigator,
    crossOriginIsolated: isolated,
    Atomics: atomics,
    FileSystemFileHandle: file,
  } = all as {
    process?: { versions?: { node?: string } };
    navigator?: { storage?: { getDirectory?: unknown }; locks?: unknown };
    Atomics?: { waitAsync?: unknown };
    crossOriginIsolated?: boolean;
    FileSystemFileHandle?: { prototype: object };
  };
  const has = (...names: string[]) => names.every((name) => typeof all[name] === "function");
  const missing = missingFeatures();
  const supported = missing.length === 0;
  const wasmGC = takes(GC);
  const relaxedSimd = takes(RELAXED);
  const threads = takes(THREADS);
  const sharedMemory = has("SharedArrayBuffer") && isolated !== false;
  const workers = has("Worker") || process?.versions?.node !== undefined;
  return {
    supported,
    missing,
    build: supported ? (threads && sharedMemory ? "shared" : "plain") : null,
    relaxed: supported && relaxedSimd,
    webAssembly: hasWebAssembly(),
    wasmGC,
    simd: takes(SIMD),
    relaxedSimd,
    exceptions: takes(TRY),
    exnref: takes(TRY_TABLE),
    threads,
    sharedMemory,
    atomicsWaitAsync: typeof atomics?.waitAsync === "function",
    workers,
    moduleWorkers: workers && wasmGC,
    opfs: typeof navigator?.storage?.getDirectory === "function",
    syncAccessHandles: file !== undefined && "createSyncAccessHandle" in file.prototype,
    indexedDB: has("IDBFactory"),
    webLocks: navigator?.locks !== undefined,
    broadcastChannel: has("BroadcastChannel"),
    webSocket: has("WebSocket"),
    eventSource: has("EventSource"),
    compressionStreams: has("CompressionStream", "DecompressionStream"),
    streams: has("ReadableStream", "WritableStream", "TransformStream"),
  };
}
