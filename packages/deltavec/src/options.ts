import { describe, invalid } from "./errors.ts";
import type {
  DeltaAutoCompact,
  DeltaDBOptions,
  DeltaMetric,
  DeltaPrecision,
  ResolvedDeltaDBOptions,
} from "./types.ts";

/** Metrics by their numbers. */
export const METRICS: readonly DeltaMetric[] = ["cosine", "dot", "euclidean"];

const DAY_MS = 86_400_000;

/** Checks types and fills in defaults; most ranges are checked by the core. */
export function resolve(options: DeltaDBOptions): ResolvedDeltaDBOptions {
  if (typeof options !== "object" || options === null) {
    throw invalid(`options must be an object, not ${describe(options)}`);
  }
  const metric = options.metric ?? "cosine";
  if (!METRICS.includes(metric)) {
    throw invalid(`option metric must be one of ${METRICS.join(", ")}, not ${describe(metric)}`);
  }
  for (const name of ["onError", "now"] as const) {
    if (options[name] !== undefined && typeof options[name] !== "function") {
      throw invalid(`option ${name} must be a function, not ${describe(options[name])}`);
    }
  }
  const resolved = Object.freeze({
    dimensions: whole("dimensions", options.dimensions ?? 384),
    maxVectors: whole("maxVectors", options.maxVectors ?? 100_000),
    compression: flag("compression", options.compression),
    history: flag("history", options.history),
    checkpointInterval: whole("checkpointInterval", options.checkpointInterval ?? 100),
    autoCompact: autoCompact(options.autoCompact),
    precision: precision(options.precision),
    maxClockAheadMs: milliseconds("maxClockAheadMs", options.maxClockAheadMs ?? DAY_MS),
    hnswM: whole("hnswM", options.hnswM ?? 16),
    hnswEfConstruction: whole("hnswEfConstruction", options.hnswEfConstruction ?? 100),
    hnswEfSearch: whole("hnswEfSearch", options.hnswEfSearch ?? 50),
    metric,
    replicaId: replica(options.replicaId),
  });
  if (resolved.autoCompact !== null && !resolved.history) {
    throw invalid("option autoCompact needs option history");
  }
  return resolved;
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

function flag(name: string, value: boolean = true): boolean {
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

function replica(given: string | undefined): string {
  if (given === undefined) {
    return Array.from(crypto.getRandomValues(new Uint8Array(6)), (byte) =>
      byte.toString(16).padStart(2, "0"),
    ).join("");
  }
  if (typeof given !== "string" || !/^[0-9a-f]{12}$/i.test(given)) {
    throw invalid(`option replicaId must be 12 hexadecimal digits, not ${describe(given)}`);
  }
  return given.toLowerCase();
}
