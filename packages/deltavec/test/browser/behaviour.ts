// The behaviour suite on a page: a list of tests that are run from outside, one by one.
import { DeltaVectorDB, init } from "deltavec";
import { behaviourSuite } from "../behaviour/suite.ts";

const tests = new Map<string, () => Promise<void>>();

behaviourSuite(
  {
    test(name, body) {
      if (tests.has(name)) {
        throw new Error(`two tests are named ${name}`);
      }
      tests.set(name, body);
    },
  },
  (options) => new DeltaVectorDB(options),
  { runs: 60 },
);

const api: TestPage = {
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
};

/** What the page offers to the outside. */
export interface TestPage {
  /** Loads deltavec; returns the names of all tests. */
  load(): Promise<string[]>;
  /** Runs a test; returns what it failed with. */
  run(name: string): Promise<string | undefined>;
}

declare global {
  var testPage: TestPage;
}

globalThis.testPage = api;
