import type { Awaitable } from "./face.ts";

/** Fails with a message. */
export function fail(message: string): never {
  throw new Error(message);
}

/** Checks a condition. */
export function check(condition: boolean, message: string): asserts condition {
  if (!condition) {
    fail(message);
  }
}

/** Checks that two values are the same: as Object.is has it, and lists and plain objects part by part. */
export function same(actual: unknown, expected: unknown, what = "value"): void {
  if (!equal(actual, expected)) {
    fail(`${what} is ${show(actual)}, not ${show(expected)}`);
  }
}

/** Checks that a number is within a distance of another. */
export function near(actual: number, expected: number, distance: number, what = "value"): void {
  check(Math.abs(actual - expected) <= distance, `${what} is ${actual}, not ${expected}`);
}

/** Runs what must fail with a DeltaError. Returns it. */
export async function fails(
  run: () => Awaitable<unknown>,
  code: string,
  message: RegExp,
  index?: number,
): Promise<void> {
  let error: unknown;
  let result: unknown;
  try {
    result = await run();
  } catch (thrown) {
    error = thrown;
  }
  check(error !== undefined, `nothing was thrown but ${code} was expected; result ${show(result)}`);
  check(error instanceof Error, `${show(error)} was thrown, which is no Error`);
  const {
    name,
    code: actual,
    index: at,
  } = error as { name: string; code?: string; index?: number };
  check(name === "DeltaError", `${name} was thrown: ${error.stack}`);
  check(actual === code, `the code is ${actual}, not ${code}: ${error.message}`);
  check(message.test(error.message), `the message "${error.message}" does not match ${message}`);
  check(at === index, `the index is ${at}, not ${index}: ${error.message}`);
}

/** Shows a value in a message. */
export function show(value: unknown): string {
  if (ArrayBuffer.isView(value)) {
    return `[${[...(value as Float32Array)].join(", ")}]`;
  }
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

function equal(a: unknown, b: unknown): boolean {
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) {
    return Object.is(a, b);
  }
  if (a instanceof Date && b instanceof Date) {
    return a.getTime() === b.getTime();
  }
  const keys = Object.keys(a);
  return (
    Object.getPrototypeOf(a)?.constructor?.name === Object.getPrototypeOf(b)?.constructor?.name &&
    keys.length === Object.keys(b).length &&
    keys.every(
      (key) =>
        Object.hasOwn(b, key) &&
        equal((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key]),
    )
  );
}
