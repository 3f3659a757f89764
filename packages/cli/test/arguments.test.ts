import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { CARRIED_DATA } from "../src/paths.ts";
import { run } from "./run.ts";

describe("the command line", () => {
  const refused: [string, string[], RegExp][] = [
    ["an unknown command", ["sing"], /unknown command 'sing'/],
    ["an unknown option", ["demo", "--loud"], /unknown option '--loud'/],
    [
      "an unknown engine",
      ["demo", "--engine", "abacus"],
      /'abacus' is invalid.*node, chromium, jvm/,
    ],
    [
      "no number of edits",
      ["demo", "--edits", "many"],
      /'many' is invalid.*whole number of 1 or more/,
    ],
    ["a load of nothing", ["load", "--to", "http://127.0.0.1:9"], /there is nothing to load/],
    ["a load to nowhere", ["load", "--sample"], /required option '--to <url>' not specified/],
    ["a load to no URL", ["load", "--sample", "--to", "here"], /here is no URL of a service/],
    [
      "another storage than files",
      ["follow", "http://127.0.0.1:9", "--into", "idb://x"],
      /--into idb:\/\/x: it must be file: and a directory/,
    ],
    ["no port", ["demo", "--port", "70000"], /'70000' is invalid.*up to 65,535/],
    ["a negative number", ["bench", "adr", "--n", "-5"], /'-5' is invalid.*whole number/],
    [
      "an engine among engines",
      ["bench", "adr", "--engines", "node,abacus"],
      /"abacus" is none; there are jvm, node, chromium/,
    ],
    [
      "a folder without data",
      ["bench", "adr", "--data", "/nowhere"],
      /cannot read the data file wordnet-384-base\.f32/,
    ],
    [
      "more vectors than there are",
      ["bench", "adr", "--data", CARRIED_DATA, "--n", "2001"],
      /--n 2001: the data set has 2000 vectors/,
    ],
  ];
  for (const [what, args, message] of refused) {
    it(`refuses ${what}, and says so`, async () => {
      const { status, out, err } = await run(args);
      assert.equal(status, 1);
      assert.equal(out, "");
      assert.match(err, message);
      assert.doesNotMatch(err, /\n\s+at /);
    });
  }

  it("says where to get Chromium if there is none", async () => {
    const { status, err } = await run(["demo", "--engine", "chromium"], { CHROMIUM: "/nowhere" });
    assert.equal(status, 1);
    assert.match(err, /Chromium was not found; install it/);
  });

  it("tells its commands", async () => {
    const { status, out } = await run(["--help"]);
    assert.equal(status, 0);
    assert.deepEqual(
      Array.from(out.matchAll(/^ {2}(\w+) .*/gm), ([, name]) => name),
      ["demo", "verify", "dump", "load", "follow", "server", "bench", "help"],
    );
  });
});
