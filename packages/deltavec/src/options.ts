import { describe, invalid } from "./errors.ts";
import type { OpenOptions } from "./instance.ts";
import { reservedBytes } from "./reserve.ts";
import type {
  DeltaAutoCompact,
  DeltaDBOptions,
  DeltaMetric,
  DeltaPrecision,
  DeltaQuantization,
  ResolvedDeltaDBOptions,
} from "./types.ts";

/** Metrics by their numbers. */
export const METRICS: readonly DeltaMetric[] = ["cosine", "dot", "euclidean"];

/** Quantizations by their numbers. */
export const QUANTIZATIONS: readonly DeltaQuantization[] = ["none", "int8", "int4"];

const DAY_MS = 86_400_000;

/** Checks types and fills in defaults; most ranges are checked by the core. */
export function resolve(options: DeltaDBOptions): ResolvedDeltaDBOptions {
  if (typeof options !== "object" || options === null) {
    throw invalid(`options must be an object, not ${describe(options)}`);
  }
  for (const name of ["onError", "now"] as const) {
    if (options[name] !== undefined && typeof options[name] !== "function") {
      throw invalid(`option ${name} must be a function, not ${describe(options[name])}`);
    }
  }
  const keepFloats = flag("keepFloats", options.keepFloats);
  const resolved = Object.freeze({
    dimensions: whole("dimensions", options.dimensions ?? 384),
    maxVectors: whole("maxVectors", options.maxVectors ?? 100_000),
    compression: flag("compression", options.compression),
    history: flag("history", options.history, keepFloats),
    checkpointInterval: whole("checkpointInterval", options.checkpointInterval ?? 100),
    autoCompact: autoCompact(options.autoCompact),
    precision: precision(options.precision),
    maxClockAheadMs: milliseconds("maxClockAheadMs", options.maxClockAheadMs ?? DAY_MS),
    hnswM: whole("hnswM", options.hnswM ?? 16),
    hnswEfConstruction: whole("hnswEfConstruction", options.hnswEfConstruction ?? 100),
    hnswEfSearch: whole("hnswEfSearch", options.hnswEfSearch ?? 50),
    metric: one("option metric", METRICS, options.metric ?? "cosine"),
    quantization: one("option quantization", QUANTIZATIONS, options.quantization ?? "int8"),
    keepFloats,
    idleRepair: flag("idleRepair", options.idleRepair),
    recallSampleRate: share("recallSampleRate", options.recallSampleRate ?? 0),
    reserve: flag("reserve", options.reserve, false),
    debug: flag("debug", options.debug, false),
    replicaId: replica(options.replicaId),
  });
  if (resolved.autoCompact !== null && !resolved.history) {
    throw invalid("option autoCompact needs option history");
  }
  if (!keepFloats) {
    for (const [name, fits] of [
      ["history", !resolved.history],
      ["precision", resolved.precision === null],
      ["quantization", resolved.quantization !== "none"],
    ] as const) {
      if (!fits) {
        throw invalid(`option keepFloats cannot be false with this option ${name}`);
      }
    }
  }
  return resolved;
}

/** Options of the database alone, those that were given, as they can be posted. */
export function databaseOptions(given: DeltaDBOptions): DeltaDBOptions {
  const resolved = resolve(given);
  const names = Object.keys(resolved) as (keyof typeof resolved)[];
  return Object.fromEntries(
    names.filter((name) => given[name] !== undefined).map((name) => [name, resolved[name]]),
  ) as DeltaDBOptions;
}

/** Returns what the module is opened with. */
export function openOptions(options: ResolvedDeltaDBOptions): OpenOptions {
  return {
    ...options,
    metric: METRICS.indexOf(options.metric),
    quantization: QUANTIZATIONS.indexOf(options.quantization),
    reservedBytes: options.reserve ? reservedBytes(options) : 0,
  };
}

function whole(name: string, value: number): number {
  if (!Number.isInteger(value) || (value | 0) !== value) {
    throw invalid(`option ${name} must be a whole number of 32 bits, not ${describe(value)}`);
  }
  return value;
}

function milliseconds(name: string, value: number): number {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw invalid(`option ${name} must be a whole number of 0 or more, not ${describe(value)}`);
  }
  return value;
}

function share(name: string, value: number): number {
  if (typeof value !== "number" || !(value >= 0 && value <= 1)) {
    throw invalid(`option ${name} must be a number from 0 to 1, not ${describe(value)}`);
  }
  return value;
}

/** Checks one of several names. */
export function one<T extends string>(name: string, names: readonly T[], value: T): T {
  if (!names.includes(value)) {
    throw invalid(`${name} must be one of ${names.join(", ")}, not ${describe(value)}`);
  }
  return value;
}

/** Checks an option that is true or false. */
export function flag(name: string, given: boolean | undefined, otherwise = true): boolean {
  const value = given === undefined ? otherwise : given;
  if (typeof value !== "boolean") {
    throw invalid(`option ${name} must be a boolean, not ${describe(value)}`);
  }
  return value;
}

function autoCompact(given: DeltaAutoCompact | null = null): DeltaAutoCompact | null {
  if (given === null) {
    return null;
  }
  const { maxBytes } = record("autoCompact", given);
  if (!Number.isSafeInteger(maxBytes) || maxBytes < 1) {
    throw invalid(
      `option autoCompact.maxBytes must be a whole number of 1 or more, not ${describe(maxBytes)}`,
    );
  }
  return Object.freeze({ maxBytes });
}

function precision(given: DeltaPrecision | null = null): DeltaPrecision | null {
  if (given === null) {
    return null;
  }
  const grid = whole("precision.grid", record("precision", given).grid);
  if (grid === 0) {
    throw invalid("option precision.grid must be 1 or more");
  }
  return Object.freeze({ grid });
}

function record<T>(name: string, value: T): T {
  if (typeof value !== "object") {
    throw invalid(`option ${name} must be an object, not ${describe(value)}`);
  }
  return value;
}

/** Draws a replica's number. */
export function newReplica(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(6)), (byte) =>
    byte.toString(16).padStart(2, "0"),
  ).join("");
}

function replica(given: string | undefined): string {
  if (given === undefined) {
    return newReplica();
  }
  if (typeof given !== "string" || !/^[0-9a-f]{12}$/i.test(given)) {
    throw invalid(`option replicaId must be 12 hexadecimal digits, not ${describe(given)}`);
  }
  return given.toLowerCase();
}
