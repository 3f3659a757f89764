// The behaviour suite on a page: a list of tests that are run from outside, one by one. The page's fragment names the door.
import { init } from "deltavec";
import { behaviourSuite } from "../behaviour/suite.ts";
import { DIRECT, sharedDoor, workerDoor } from "../doors.ts";

const start = (): Worker => new Worker("/worker.js", { type: "module" });
const doors = [DIRECT, workerDoor(start), sharedDoor(start)];
const door = doors.find(({ name }) => name === location.hash.slice(1)) ?? DIRECT;

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
  door.open,
  { ...door.options, runs: door === DIRECT ? 60 : 5, scarce: door.name === "shared" },
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
