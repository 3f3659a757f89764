import { SEED_TIME } from "./prepared.ts";

/** What an edit did. */
export type ChangeKind = "create" | "edit" | "delete";

/** A delta that has come in since the start. */
export interface Change {
  readonly id: string;
  readonly kind: ChangeKind;
  readonly deltaId: string;
  /** Unix milliseconds. */
  readonly time: number;
  /** The text behind it. */
  readonly text: string;
  /** Bytes of the delta as it goes over a network, sealed and with its id, without the text. */
  readonly bytes: number;
  /** Bytes of the vector's floats, which it saved to send; 0 for a delete. */
  readonly fullBytes: number;
  /** How far the vector turned: 1 less the cosine; 0 for a create or a delete. */
  readonly turned: number;
  /** Where the point is then, on the map. */
  readonly x: number;
  readonly y: number;
  /** Whether another tab made it. */
  readonly remote: boolean;
}

/** A text and its point, as they were at some step. */
export interface Item {
  readonly text: string;
  readonly x: number;
  readonly y: number;
}

interface Version extends Item {
  /** From this step on. */
  readonly step: number;
  readonly alive: boolean;
}

/** What two numbers of bytes come to. */
export interface Sums {
  readonly edits: number;
  readonly bytes: number;
  readonly fullBytes: number;
}

/**
 * All texts and points, now and at every step of the past. Step 0 is the start; step n is the state behind the first n
 * changes.
 */
export class Timeline {
  readonly #versions = new Map<string, Version[]>();
  readonly #changes: Change[] = [];
  /** Sums behind each change. */
  readonly #sums: Sums[] = [{ edits: 0, bytes: 0, fullBytes: 0 }];

  /** @param seeds - id and state of all that is there at the start */
  constructor(seeds: Iterable<readonly [id: string, item: Item]>) {
    for (const [id, item] of seeds) {
      this.#versions.set(id, [{ ...item, step: 0, alive: true }]);
    }
  }

  /** Changes so far, in the order in which they came. */
  get changes(): readonly Change[] {
    return this.#changes;
  }

  /** The newest step. */
  get end(): number {
    return this.#changes.length;
  }

  /** Adds the next change. */
  add(change: Change): void {
    this.#changes.push(change);
    const { id, text, x, y, kind } = change;
    const version = { text, x, y, step: this.end, alive: kind !== "delete" };
    const list = this.#versions.get(id);
    list === undefined ? this.#versions.set(id, [version]) : list.push(version);
    const { edits, bytes, fullBytes } = this.#sums.at(-1)!;
    const counts = kind !== "delete";
    this.#sums.push({
      edits: edits + (counts ? 1 : 0),
      bytes: bytes + (counts ? change.bytes : 0),
      fullBytes: fullBytes + change.fullBytes,
    });
  }

  /** What vectors that were made or changed up to a step took to send: as deltas, and whole. */
  sums(step: number): Sums {
    return this.#sums[step] ?? this.#sums.at(-1)!;
  }

  /** A text as it was at a step; undefined if it did not exist. O(changes of it) */
  at(id: string, step: number): Item | undefined {
    const found = this.#versions.get(id)?.findLast((version) => version.step <= step);
    return found?.alive === true ? found : undefined;
  }

  /** The newest text that an id has had, dead or alive. */
  last(id: string): Item | undefined {
    return this.#versions.get(id)?.at(-1);
  }

  /** How often a text was changed up to a step. */
  editsOf(id: string, step: number): number {
    return this.#versions.get(id)?.filter((each) => each.step > 0 && each.step <= step).length ?? 0;
  }

  /** All that exists at a step. O(all) */
  *items(step: number): Generator<[id: string, item: Item]> {
    for (const [id, versions] of this.#versions) {
      const newest = versions[versions.length - 1]!;
      const found = newest.step <= step ? newest : versions.findLast((each) => each.step <= step);
      if (found?.alive === true) {
        yield [id, found];
      }
    }
  }

  /** The time that a step stands for, Unix milliseconds: that of its last change. */
  timeOf(step: number): number {
    return this.#changes[step - 1]?.time ?? SEED_TIME;
  }

  /** The last step with the same time as a step: those between cannot be told apart by time. */
  snap(step: number): number {
    let last = Math.max(0, Math.min(step, this.end));
    while (last > 0 && last < this.end && this.timeOf(last + 1) === this.timeOf(last)) {
      last++;
    }
    return last;
  }
}
