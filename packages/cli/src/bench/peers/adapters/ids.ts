/** The map from a database's own ids to rows and back, where it gives new ones to what is replaced. */
export class Ids {
  readonly #ids: number[] = [];
  readonly #rows: number[] = [];

  /** The id of a row. */
  of(row: number): number {
    return this.#ids[row]!;
  }

  /** The row that an id was given to. */
  row(id: number): number {
    return this.#rows[id]!;
  }

  set(row: number, id: number): void {
    this.#ids[row] = id;
    this.#rows[id] = row;
  }
}
