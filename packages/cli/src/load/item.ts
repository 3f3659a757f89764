/** One delta that is to be loaded. */
export interface Item {
  readonly vectorId: string;
  /** One sealed frame: local, or identified and standing alone. */
  readonly frame: Uint8Array;
  /** Whether the frame carries a delta's id; who loads gives the others theirs. */
  readonly identified: boolean;
  /** Where it stands, for messages: `notes.jsonl, line 7`. */
  readonly place: string;
  /** Values of a create or dense; undefined for others. */
  readonly values: number | undefined;
}

/** Where reading stands, between two items. */
export interface Mark {
  /** Number of the file. */
  readonly file: number;
  /** Where in the file: what its format counts by. */
  readonly at: number;
  /** Lines before it. */
  readonly line: number;
}

/** An item and the place behind it. */
export interface Read {
  readonly item: Item;
  readonly next: Mark;
  /** Bytes of all files read so far, for progress. */
  readonly bytes: number;
}
