// The behaviour suite as a list of tests that somebody else runs, one by one.
import { init } from "deltavec";
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
  const tests = new Map<string, () => Promise<void>>();
  let opened = 0;
  behaviourSuite(
    {
      test(name, body) {
        if (tests.has(name)) {
          throw new Error(`two tests are named ${name}`);
        }
        tests.set(name, body);
      },
    },
    (given) => {
      opened++;
      return door.open(given);
    },
    { ...door.options, ...options },
  );
  return {
    async load() {
      await init();
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
    opened: () => opened,
  };
}
