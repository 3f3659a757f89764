import { randomUUID } from "node:crypto";
import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  writeSync,
} from "node:fs";
import { UsageError } from "../errors.ts";
import type { Input } from "./inputs.ts";
import type { Mark } from "./item.ts";

const VERSION = 1;

/** How far the lanes have come. */
export interface Place {
  /** Where reading goes on. */
  readonly mark: Mark;
  /** By lane, deltas read before the mark. */
  readonly read: readonly number[];
  /** By lane, those of them without an id. */
  readonly numbered: readonly number[];
}

/** How far a load has come. */
export interface Position {
  /** Names this load among all of its client. */
  readonly run: string;
  readonly epoch: string;
  readonly inputs: readonly Input[];
  readonly place: Place;
  /** By lane, deltas that the service has. */
  readonly sent: readonly number[];
  readonly done: boolean;
}

/** A load that begins. */
export function beginning(epoch: string, inputs: readonly Input[], lanes: number): Position {
  const none = Array.from({ length: lanes }, () => 0);
  return {
    run: randomUUID(),
    epoch,
    inputs,
    place: { mark: { file: 0, at: 0, line: 0 }, read: none, numbered: none },
    sent: none,
    done: false,
  };
}

/**
 * Reads the position of a load that was interrupted.
 *
 * @returns undefined if there is none: the file is not there, or its load is done and was one of other files
 * @throws UsageError if it belongs to another load
 */
export function loadPosition(
  file: string,
  epoch: string,
  inputs: readonly Input[],
): Position | undefined {
  if (!existsSync(file)) {
    return undefined;
  }
  let position: Position & { version?: number };
  try {
    position = JSON.parse(readFileSync(file, "utf8"));
  } catch {
    throw new UsageError(`${file} is no position of a load, or damaged`);
  }
  if (position.version !== VERSION || !Array.isArray(position.sent)) {
    throw new UsageError(`${file} is no position of a load, or one of another release`);
  }
  const same = JSON.stringify(position.inputs) === JSON.stringify(inputs);
  if (!same) {
    if (position.done) {
      return undefined;
    }
    throw new UsageError(
      `${file} is the position of a load of other files, or they have changed since; remove it to begin anew`,
    );
  }
  if (position.epoch !== epoch) {
    throw new UsageError(
      `the service has begun anew since ${file} was written; remove it to load all again`,
    );
  }
  return position;
}

/** Replaces the file: there is the old or the new one, whatever happens. */
export function savePosition(file: string, position: Position): void {
  const fresh = `${file}.new`;
  const descriptor = openSync(fresh, "w");
  try {
    writeSync(descriptor, JSON.stringify({ version: VERSION, ...position }));
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  renameSync(fresh, file);
}
