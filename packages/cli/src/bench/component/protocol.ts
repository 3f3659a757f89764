import type { Spread } from "../bridge/protocol.ts";

export type { Spread } from "../bridge/protocol.ts";

/**
 * What `bench component` measures. `bench/README.md` defines the figures.
 *
 * - `size`: bytes of the components
 * - `calls`: a call through jco, beside the same call of the package, in Node
 * - `load`: until a component can be called, in Node
 * - `wasmtime`: the same in wasmtime, and calls there
 * - `soak`: whether memory grows in wasmtime
 */
export const PARTS = ["size", "calls", "load", "wasmtime", "soak"] as const;

/** One of {@link PARTS}. */
export type Part = (typeof PARTS)[number];

/** Both components, by the names of their files: the contract's, and all of deltavec. */
export const WORLDS = ["delta-vector", "deltavec"] as const;

/** One of {@link WORLDS}. */
export type World = (typeof WORLDS)[number];

/** What is called: the package itself, or a component. */
export const TARGETS = ["direct", ...WORLDS] as const;

/** One of {@link TARGETS}. */
export type Target = (typeof TARGETS)[number];

/**
 * What is done in a call.
 *
 * - `get`: reads a vector, as an array of its own
 * - `sparse`: one sparse delta
 * - `batch100`: a hundred of them in one call
 * - `search`: the ten closest vectors
 */
export const OPERATIONS = ["get", "sparse", "batch100", "search"] as const;

/** One of {@link OPERATIONS}. */
export type Operation = (typeof OPERATIONS)[number];

/** What of a load is measured: a process has loaded once what it has loaded. */
export type Load = "compile" | "entry";

/** What a Node process is to measure. */
export interface ComponentRequest {
  /** Folder of the data set. */
  readonly data: string;
  readonly what:
    | {
        readonly part: "calls";
        /** Vectors in a database. */
        readonly n: number;
        /** Rounds of what is timed. */
        readonly rounds: number;
      }
    | { readonly part: "load"; readonly world: World; readonly load: Load };
}

/** What it reports on its way. */
export interface ComponentProgress {
  readonly doing: string;
}

/** Bytes of a component. `gzip` is at level 9. */
export interface SizeFigures {
  readonly bytes: number;
  readonly gzip_bytes: number;
}

/** What part `calls` found: microseconds. */
export interface CallFigures {
  /** A call, by what is called. */
  readonly us: Readonly<Record<Target, Readonly<Record<Operation, Spread>>>>;
  /** What a component's call takes more than the package's in the same round. */
  readonly extra_us: Readonly<Record<World, Readonly<Record<Operation, Spread>>>>;
  /** Whether all three found the same vectors for every query, and have the same in every one that was edited. */
  readonly same: boolean;
}

/** What part `load` found: milliseconds of a fresh process. */
export interface LoadFigures {
  /** The core module alone, from its bytes. */
  readonly compile_ms: Spread;
  /** The package's entry for it, until it can be called: the import, the module and its glue. */
  readonly entry_ms: Spread;
}

/** What part `wasmtime` found. */
export interface WasmtimeFigures {
  readonly compile_s: Spread;
  readonly instantiate_ms: Spread;
}

/** What calls of a kind took in the soak. */
export interface SoakKind {
  /** The function, or what it refused. */
  readonly name: string;
  readonly calls: number;
  /** MB (2^20 bytes) of resident memory that came after the first three tenths. */
  readonly grown_mb: number;
  /** Microseconds of a call, from Python: within the second tenth, and within the last. */
  readonly early_us: number;
  readonly late_us: number;
}

/** What part `soak` found. */
export interface SoakFigures {
  /** Calls of each kind that were asked for. */
  readonly calls: number;
  /** All kinds together. */
  readonly grown_mb: number;
  readonly kinds: readonly SoakKind[];
}

/** What the parts found. */
export interface ComponentFigures {
  readonly size?: Readonly<Record<World, SizeFigures>>;
  readonly calls?: CallFigures;
  readonly load?: Readonly<Record<World, LoadFigures>>;
  readonly wasmtime?: Readonly<Record<World, WasmtimeFigures>>;
  readonly soak?: Readonly<Record<World, SoakFigures>>;
}
