import { DeltaError, describe, invalid } from "./errors.ts";
import type { DeltaOperation, VectorDelta } from "./types.ts";

/** A delta as JSON has it: arrays of numbers, and a time as text. */
export interface DeltaJson {
  vectorId: string;
  operation:
    | { type: "create"; vector: number[] }
    | { type: "sparse"; indices: number[]; values: number[] }
    | { type: "dense"; vector: number[] }
    | { type: "scale"; factor: number }
    | { type: "offset"; amount: number }
    | { type: "delete" };
  metadata?: Record<string, unknown>;
  /** ISO 8601 with the zone, or Unix milliseconds. */
  timestamp?: string | number;
}

/** No vector has more values. */
const MAX_VALUES = 65_536;
/** What a delta may have; a `DeltaEvent` has the last three, too, which say nothing here. */
const MEMBERS: readonly string[] = [
  ...["vectorId", "operation", "metadata", "timestamp"],
  ...["deltaId", "origin", "position"],
];
/** Members of each operation besides `type`. */
const OPERATIONS: Readonly<Record<string, readonly string[]>> = {
  create: ["vector"],
  sparse: ["indices", "values"],
  dense: ["vector"],
  scale: ["factor"],
  offset: ["amount"],
  delete: [],
};
const ISO = /^(\d{4}|[+-]\d{6})-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/;

/**
 * Reads one delta out of what `JSON.parse` gave: arrays of numbers become `Float32Array` and `Uint32Array`, a timestamp in
 * ISO 8601 (with a zone) or in Unix milliseconds becomes a `Date`. Trusts nothing. What depends on a database (dimensions,
 * whether the vector exists) it finds out when the delta is applied. O(values)
 *
 * @param json - the value
 * @param name - what it is called in messages
 * @throws DeltaError `INVALID_ARGUMENT` that names the member which is wrong, unknown ones, too; `NOT_FINITE` for a number
 * beyond float32
 */
export function parseDelta(json: unknown, name = "delta"): VectorDelta {
  const { vectorId, operation, metadata, timestamp } = members(json, name, MEMBERS);
  if (typeof vectorId !== "string") {
    throw invalid(`${name}.vectorId must be a string, not ${describe(vectorId)}`);
  }
  const delta: VectorDelta = {
    vectorId,
    operation: parseOperation(operation, `${name}.operation`),
  };
  if (metadata !== undefined) {
    delta.metadata = members(metadata, `${name}.metadata`);
  }
  if (timestamp !== undefined) {
    delta.timestamp = parseTime(timestamp, `${name}.timestamp`);
  }
  return delta;
}

/**
 * Reads the deltas of a message: one, or an array of them.
 *
 * @param json - the message's text, or what `JSON.parse` made of it
 * @throws DeltaError `CORRUPT_DATA` for text that is no JSON, with the `index` of the offending delta in an array and else
 * as {@link parseDelta}
 */
export function parseDeltas(json: unknown): VectorDelta[] {
  const value = typeof json === "string" ? parseText(json) : json;
  if (!Array.isArray(value)) {
    return [parseDelta(value)];
  }
  return value.map((item, index) => {
    try {
      return parseDelta(item, `delta[${index}]`);
    } catch (error) {
      throw error instanceof DeltaError
        ? new DeltaError(error.code, error.message, { index })
        : error;
    }
  });
}

/**
 * Gives a delta the form that `JSON.stringify` takes and {@link parseDelta} reads: the same values, bit for bit.
 *
 * @param delta - a delta, or a `DeltaEvent`, whose id, origin and position are left out
 */
export function deltaToJson(delta: VectorDelta): DeltaJson {
  const { vectorId, operation, metadata, timestamp } = delta;
  const json: DeltaJson = { vectorId, operation: operationToJson(operation) };
  if (metadata !== undefined) {
    json.metadata = metadata;
  }
  if (timestamp !== undefined) {
    json.timestamp = timestamp.toISOString();
  }
  return json;
}

function operationToJson(operation: DeltaOperation): DeltaJson["operation"] {
  switch (operation.type) {
    case "create":
    case "dense":
      return { type: operation.type, vector: [...operation.vector] };
    case "sparse": {
      const { indices, values } = operation;
      return { type: "sparse", indices: [...indices], values: [...values] };
    }
    default:
      return { ...operation };
  }
}

/** Parses text. @throws DeltaError CORRUPT_DATA */
export function parseText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new DeltaError("CORRUPT_DATA", `the message is no JSON: ${(cause as Error).message}`, {
      cause,
    });
  }
}

function parseOperation(json: unknown, name: string): DeltaOperation {
  const { type } = members(json, name);
  const known =
    typeof type === "string" && Object.hasOwn(OPERATIONS, type) ? OPERATIONS[type] : undefined;
  if (known === undefined) {
    throw invalid(
      `${name}.type must be one of ${Object.keys(OPERATIONS).join(", ")}, not ${describe(type)}`,
    );
  }
  const { vector, indices, values, factor, amount } = members(json, name, ["type", ...known]);
  switch (type) {
    case "create":
    case "dense":
      return { type, vector: floats(vector, `${name}.vector`) };
    case "sparse":
      return {
        type,
        indices: whole(indices, `${name}.indices`),
        values: floats(values, `${name}.values`),
      };
    case "scale":
      return { type, factor: float(factor, `${name}.factor`) };
    case "offset":
      return { type, amount: float(amount, `${name}.amount`) };
    default:
      return { type: "delete" };
  }
}

/** Checks that a value is an object, with no other members than those given. */
function members(json: unknown, name: string, known?: readonly string[]): Record<string, unknown> {
  if (typeof json !== "object" || json === null || Array.isArray(json)) {
    throw invalid(
      `${name} must be an object, not ${Array.isArray(json) ? "an array" : describe(json)}`,
    );
  }
  const unknown = known && Object.keys(json).find((key) => !known.includes(key));
  if (unknown !== undefined) {
    throw invalid(`${name} has an unknown member ${describe(unknown)}`);
  }
  return json as Record<string, unknown>;
}

function list(json: unknown, name: string): readonly unknown[] {
  if (!Array.isArray(json)) {
    throw invalid(`${name} must be an array of numbers, not ${describe(json)}`);
  }
  if (json.length > MAX_VALUES) {
    throw invalid(`${name} has ${json.length} numbers, more than any vector`);
  }
  return json;
}

function floats(json: unknown, name: string): Float32Array {
  const values = list(json, name);
  const result = new Float32Array(values.length);
  for (let i = 0; i < values.length; i++) {
    result[i] = float(values[i], name, i);
  }
  return result;
}

function float(json: unknown, name: string, index?: number): number {
  if (typeof json !== "number") {
    throw invalid(`${place(name, index)} must be a number, not ${describe(json)}`);
  }
  if (!Number.isFinite(Math.fround(json))) {
    throw new DeltaError("NOT_FINITE", `${place(name, index)} is no finite float32: ${json}`);
  }
  return json;
}

function whole(json: unknown, name: string): Uint32Array {
  const values = list(json, name);
  const result = new Uint32Array(values.length);
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (typeof value !== "number" || value >>> 0 !== value) {
      throw invalid(`${place(name, i)} must be a whole number of 32 bits, not ${describe(value)}`);
    }
    result[i] = value;
  }
  return result;
}

function place(name: string, index: number | undefined): string {
  return index === undefined ? name : `${name}[${index}]`;
}

function parseTime(json: unknown, name: string): Date {
  const time = typeof json === "string" && ISO.test(json) ? Date.parse(json) : json;
  if (typeof time !== "number" || !Number.isFinite(time)) {
    throw invalid(
      `${name} must be a time in ISO 8601 with its zone or Unix milliseconds, not ${describe(json)}`,
    );
  }
  return new Date(time);
}
