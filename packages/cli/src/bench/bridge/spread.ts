import type { Spread } from "./protocol.ts";

/** Rounds for each that was asked for, of what is short: whatever else the machine does then meets some of them only. */
export const SHORT = 4;

/**
 * The figures of all rounds, and their median: of an even number the mean of the two in the middle.
 *
 * @throws Error if there are none
 */
export function spread(rounds: readonly number[]): Spread {
  if (rounds.length === 0) {
    throw new Error("no rounds");
  }
  const sorted = rounds.toSorted((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  const median = (sorted[Math.floor(middle)]! + sorted[Math.ceil(middle)]!) / 2;
  return { median, rounds };
}

/**
 * Measures in rounds, after one that does not count.
 *
 * @param measure - measures one round; the values are figures by name
 */
export async function inRounds<Name extends string>(
  rounds: number,
  measure: (round: number) => Record<Name, number> | Promise<Record<Name, number>>,
): Promise<Record<Name, Spread>> {
  const all: Record<Name, number>[] = [];
  for (let r = 0; r <= rounds; r++) {
    const figures = await measure(r);
    if (r > 0) {
      all.push(figures);
    }
  }
  const names = Object.keys(all[0]!) as Name[];
  return Object.fromEntries(
    names.map((name) => [name, spread(all.map((figures) => figures[name]))]),
  ) as Record<Name, Spread>;
}
