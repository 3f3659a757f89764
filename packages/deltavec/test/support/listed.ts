// The behaviour suite as a list of tests that somebody else runs, one by one.
import { init } from "deltavec";
import type { Harness, Open } from "../behaviour/face.ts";
import { behaviourSuite, type SuiteOptions } from "../behaviour/suite.ts";
import type { Door } from "../doors.ts";

/** What a thread or a page offers to the outside. */
export interface TestPage {
  /** Loads deltavec; returns the names of all tests. */
  load(): Promise<string[]>;
  /** Runs a test; returns what it failed with. */
  run(name: string): Promise<string | undefined>;
  /** Databases that were opened since it was loaded. */
  opened(): number;
}

/** Lists the tests of the suite through a door. */
export function listed(door: Door, options: SuiteOptions): TestPage {
  let opened = 0;
  const open: Open = (given) => {
    opened++;
    return door.open(given);
  };
  return {
    ...collected((harness) => behaviourSuite(harness, open, { ...door.options, ...options }), init),
    opened: () => opened,
  };
}

/**
 * Lists tests.
 *
 * @param register - registers them
 * @param load - loads what they need
 */
export function collected(
  register: (harness: Harness) => void,
  load: () => Promise<void>,
): Omit<TestPage, "opened"> {
  const tests = new Map<string, () => Promise<void>>();
  register({
    test(name, body) {
      if (tests.has(name)) {
        throw new Error(`two tests are named ${name}`);
      }
      tests.set(name, body);
    },
  });
  return {
    async load() {
      await load();
      return [...tests.keys()];
    },
    async run(name) {
      try {
        await tests.get(name)?.();
        return undefined;
      } catch (error) {
        return error instanceof Error ? `${error.stack}\n${error.cause ?? ""}` : String(error);
      }
    },
  };
}
