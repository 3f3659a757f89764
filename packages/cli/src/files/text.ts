import { DeltaIdFormatter } from "../../../deltavec/src/delta-id.ts";
import { cut, whole } from "../terminal.ts";

/** What a terminal would obey, or would not show as it is. */
const UNSAFE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

/** A text of a file, so that it cannot do anything to a terminal: on one line, what is not printed as escapes. */
export function shown(text: string): string {
  return text.replace(UNSAFE, (found) => `\\u{${found.codePointAt(0)!.toString(16)}}`);
}

/** The same, in at most `width` characters. */
export function brief(text: string, width: number): string {
  return cut(shown(text.slice(0, 4 * width)), width);
}

/** A replica's number as 12 hexadecimal digits. */
export function replicaText(replica: number): string {
  return replica.toString(16).padStart(12, "0");
}

/** A time in Unix milliseconds as a date, where it is one. */
export function timeText(ms: number): string {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? String(ms) : date.toISOString();
}

/** A count and what it counts. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${whole(count)} ${count === 1 ? one : many}`;
}

/** A few of the values, and how many there are. */
export function values(list: ArrayLike<number>, few = 3): string {
  const first = Array.from({ length: Math.min(few, list.length) }, (_, i) => number(list[i]!));
  return list.length > few ? `${first.join(" ")} … (${list.length})` : first.join(" ");
}

/** A number with at most four digits that count. */
export function number(value: number): string {
  return String(Number(value.toPrecision(4)));
}

/**
 * The text of a delta's id.
 *
 * @param time - Unix milliseconds, 48 bits
 * @param replica - a number of 48 bits
 */
export function deltaIdText(time: number, sequence: number, replica: number): string {
  return new DeltaIdFormatter(replicaText(replica)).format(
    time % 2 ** 32,
    Math.floor(time / 2 ** 32),
    sequence,
  );
}
