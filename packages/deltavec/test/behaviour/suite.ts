import { atOnce } from "./at-once.ts";
import { badInput } from "./bad-input.ts";
import { copies } from "./copies.ts";
import { exports } from "./exports.ts";
import type { Bench, Face, Harness, Open } from "./face.ts";
import { feeds } from "./feeds.ts";
import { filters } from "./filters.ts";
import { garbage } from "./garbage.ts";
import { history } from "./history.ts";
import { historyModel } from "./history-model.ts";
import { index } from "./index.ts";
import { indexModel } from "./index-model.ts";
import { lifecycle } from "./lifecycle.ts";
import { metadata } from "./metadata.ts";
import { model } from "./model.ts";
import { operations } from "./operations.ts";
import { replicas } from "./replicas.ts";
import { search } from "./search.ts";
import { searchOptions } from "./search-options.ts";
import { subscriptions } from "./subscriptions.ts";
import { views } from "./views.ts";

/** What a face cannot be asked for. */
export interface SuiteOptions {
  /** The face's callers are typed: leave out values that their types do not allow. */
  readonly typed?: boolean;
  /**
   * The face's whole numbers have no sign, its texts no lone surrogates: leave out what has. Default false. So it is with a
   * component, whose WIT has `u32`, `u64` and `string`: a host makes something else of -1 before the component sees it.
   */
  readonly unsigned?: boolean;
  /**
   * Whether the face can call back: tells subscribers of deltas, follows the log as an iterator that waits, asks functions given
   * as filters. Default true. A component cannot: WIT has no functions among its values.
   */
  readonly callbacks?: boolean;
  /** Whether snapshots come and go as streams, too. Default true. A component has them whole: WIT has no streams before WASI 0.3. */
  readonly streams?: boolean;
  /**
   * Whether there are calls for many vectors or queries at a time, and copies into the caller's arrays. Default true. A component
   * has one vector or query for each call, and reaches no memory but its own.
   */
  readonly many?: boolean;
  /**
   * Looking up what cannot be an id finds nothing, instead of being refused. Default false. `get-vector` and `has` of a component
   * have no errors.
   */
  readonly lenient?: boolean;
  /** Whether idle time is used for repair. Default true. A component has none: it runs when it is called. */
  readonly idle?: boolean;
  /**
   * Whether the face is beside the database, so that all is done when a call returns: default true. If not, leave out what
   * is about that, and views on memory.
   */
  readonly synchronous?: boolean;
  /** Whether deltas are encoded beside the database, so that it can be called meanwhile. */
  readonly encodedElsewhere?: boolean;
  /** Whether the platform gives memory for no more than some dozens of databases before it collects any. */
  readonly scarce?: boolean;
  /** Random histories to try. Default 100. */
  readonly runs?: number;
}

/**
 * The behaviour of a database, whatever engine runs it: registers all tests. Tests run one after the other; the
 * databases that a test opens are closed behind it.
 *
 * @param harness - what runs the tests
 * @param open - makes an empty database
 */
export function behaviourSuite(harness: Harness, open: Open, options: SuiteOptions = {}): void {
  const opened: Face[] = [];
  const { runs = 100, synchronous = true, typed = false, unsigned = false } = options;
  const { callbacks = true, streams = true, many = true, idle = true, lenient = false } = options;
  const bench: Bench = {
    synchronous,
    test: (name, body) =>
      harness.test(name, async () => {
        try {
          await body();
        } finally {
          for (const db of opened.splice(0)) {
            await db.close();
          }
        }
      }),
    open: async (given) => {
      const db = await open(given);
      opened.push(db);
      return db;
    },
  };
  operations(bench);
  metadata(bench);
  badInput(bench, { typed, unsigned, lenient });
  if (callbacks) {
    subscriptions(bench);
    feeds(bench);
  }
  if (synchronous) {
    views(bench);
    atOnce(bench);
  }
  garbage(bench, runs, options.encodedElsewhere ?? !synchronous, typed);
  if (many) {
    copies(bench);
  }
  search(bench);
  searchOptions(bench, { typed, callbacks, many });
  filters(bench, runs, typed, callbacks);
  index(bench, idle);
  lifecycle(bench, options.scarce ?? false);
  history(bench, { typed, unsigned });
  replicas(bench);
  exports(bench, { typed, streams });
  model(bench, runs);
  historyModel(bench, runs);
  indexModel(bench, runs);
}
