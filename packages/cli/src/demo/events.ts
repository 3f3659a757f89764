/** One hit, as an engine reports it. */
export interface Hit {
  readonly id: string;
  readonly score: number;
}

/** How many deltas of a kind were applied one at a time, and how long that took in all. */
export interface KindTiming {
  readonly count: number;
  readonly ms: number;
}

/** What an engine reports while it runs the demo, in this order; `progress` and `checkpoint` come often. */
export type DemoEvent =
  /** The database is there; `runtime` names what it runs on. */
  | { readonly type: "ready"; readonly runtime: string; readonly initMs: number }
  /** All vectors of the start are in. */
  | { readonly type: "loaded"; readonly vectors: number; readonly ms: number }
  /** Answers to the carried questions, before and after the edits. */
  | {
      readonly type: "answers";
      readonly when: "before" | "after";
      readonly answers: readonly (readonly Hit[])[];
    }
  | {
      readonly type: "progress";
      readonly done: number;
      readonly total: number;
      readonly live: number;
    }
  /** Recall over all queries after `edits` edits. */
  | {
      readonly type: "checkpoint";
      readonly edits: number;
      readonly live: number;
      readonly recall: number;
      readonly searchUs: number;
    }
  /** The answer to a question as it was before the edits, read from history, and its first hit's vector. */
  | {
      readonly type: "past";
      readonly question: number;
      readonly then: readonly Hit[];
      readonly now: readonly Hit[];
      /** Deltas of the first hit of `then`, up to now. */
      readonly deltas: number;
      /** Whether its vector as it was is the one that it began with, to the bit. */
      readonly same: boolean;
      /** What `searchAt` and `getVectorAt` took. */
      readonly searchUs: number;
      readonly getUs: number;
    }
  | {
      readonly type: "done";
      readonly creates: KindTiming;
      readonly updates: KindTiming;
      readonly metadataOnly: KindTiming;
      readonly deletes: KindTiming;
      /** Searches made between edits, and their mean time. */
      readonly searches: number;
      readonly searchUs: number;
      /** State digest at the end, in hexadecimal: the same for the same edits on every engine. */
      readonly digest: string;
      /** Answers to a few of the carried queries: query, hits. */
      readonly examples: readonly { readonly query: number; readonly hits: readonly Hit[] }[];
    };

/** What an engine is told to do. */
export interface DemoRequest {
  /** Folder (Node, JVM) or URL (Chromium) of the carried data. */
  readonly data: string;
  /** Edits to replay at most. */
  readonly events: number;
}

/** Results of a search. */
export const K = 10;
/** Edits between two searches. */
export const SEARCH_EVERY = 10;
/** Edits between two reports of progress. */
export const REPORT_EVERY = 20;
/** The question whose answer is looked up in the past, too. */
export const PAST_QUESTION = 6;
/** Queries whose results are printed at the end. */
export const EXAMPLES: readonly number[] = [1, 24, 63];
