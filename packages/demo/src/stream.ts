import type { StreamEdit } from "./prepared.ts";
import type { ChangeKind } from "./timeline.ts";

/** An edit to apply, and the row of its vector among those of the stream. */
export interface NextEdit {
  readonly edit: StreamEdit;
  /** -1 for a delete. */
  readonly row: number;
}

/** How far behind the next edit one is looked for: some may have been left out. Farther it is the user's own. */
const WINDOW = 8;

/** How far a stream of edits was played: known from what the database holds, so that it goes on after a reload. */
export class Stream {
  readonly #edits: readonly StreamEdit[];
  readonly #rows: readonly number[];
  readonly #places = new Map<string, number[]>();
  #played = 0;

  constructor(edits: readonly StreamEdit[]) {
    this.#edits = edits;
    let rows = 0;
    this.#rows = edits.map(({ kind }) => (kind === "delete" ? -1 : rows++));
    edits.forEach(({ id, kind, text }, i) => {
      const key = keyOf(id, kind === "update" ? "edit" : kind, text);
      const list = this.#places.get(key);
      list === undefined ? this.#places.set(key, [i]) : list.push(i);
    });
  }

  /** Edits that were not played. */
  get left(): number {
    return this.#edits.length - this.#played;
  }

  /** Notes a change of the database: it may be the next edit, which this or another tab has applied. */
  saw(id: string, kind: ChangeKind, text: string): void {
    const place = this.#places
      .get(keyOf(id, kind, text))
      ?.find((each) => each >= this.#played && each < this.#played + WINDOW);
    if (place !== undefined) {
      this.#played = place + 1;
    }
  }

  /** The edit to play next; undefined behind the last. */
  next(): NextEdit | undefined {
    const edit = this.#edits[this.#played];
    return edit && { edit, row: this.#rows[this.#played]! };
  }

  /** Leaves the next edit out. */
  skip(): void {
    this.#played = Math.min(this.#played + 1, this.#edits.length);
  }
}

function keyOf(id: string, kind: ChangeKind, text: string | undefined): string {
  return `${kind} ${id} ${kind === "delete" ? "" : text}`;
}
