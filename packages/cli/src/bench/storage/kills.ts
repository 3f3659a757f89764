import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import type { EngineName } from "../../engine/engine.ts";
import { messageOf } from "../../errors.ts";
import { PACKAGE, ROOT } from "../../paths.ts";
import type { KillFigures, StorageProgress } from "./protocol.ts";

/** The package's harness: kills, opens, and looks at what is there. */
const HARNESS = join(PACKAGE, "test", "crash", "main.ts");

/** What the harness opens in Java: one of the tests' classes, which are compiled only where tests are run. */
const VICTIM = join(ROOT, "jvm", "target", "test-classes", "dev", "deltavec", "CrashVictim.class");

/** Where the harness has its databases, for each engine. */
const PLACES: Record<EngineName, string> = {
  node: "node",
  jvm: "node-and-jvm",
  chromium: "chromium-opfs",
};

/** What the harness says of a place, on a line. */
interface Outcome {
  readonly place: string;
  readonly seed: number;
  readonly kills: number;
  readonly batches: number;
  readonly lost: readonly string[];
}

/**
 * Measures part `kills`: kills processes, or pages, that write to durable databases, shared among the engines.
 *
 * @param engines - that are killed; the JVM only where its tests are compiled
 * @param kills - in all, at least one for each engine
 * @throws Error if the harness does not come to its end
 */
export async function measureKills(
  engines: readonly EngineName[],
  kills: number,
  tell: (event: StorageProgress) => void,
): Promise<KillFigures> {
  const places = engines
    .filter((name) => name !== "jvm" || existsSync(VICTIM))
    .map((name) => PLACES[name]);
  const since = performance.now();
  const outcomes: Outcome[] = [];
  for (const [i, place] of places.entries()) {
    const share = Math.floor(kills / places.length) + (i < kills % places.length ? 1 : 0);
    tell({ doing: place });
    outcomes.push(await run(place, Math.max(share, 1)));
  }
  const lost = outcomes.flatMap(({ place, seed, lost }) =>
    lost.map((why) => `${place}, seed ${seed}: ${why.split("\n")[0]}`),
  );
  return {
    places,
    kills: outcomes.reduce((sum, outcome) => sum + outcome.kills, 0),
    batches: outcomes.reduce((sum, outcome) => sum + outcome.batches, 0),
    lost: lost.length,
    error: lost[0] ?? null,
    seconds: (performance.now() - since) / 1000,
  };
}

/** Runs the harness on one place. */
async function run(place: string, kills: number): Promise<Outcome> {
  const seed = String(Math.floor(Math.random() * 2 ** 32));
  const child = spawn(process.execPath, [HARNESS, String(kills), seed, place], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const outcomes: Outcome[] = [];
  const said: string[] = [];
  // It says each outcome on a line, and may print what it will.
  createInterface({ input: child.stderr }).on("line", (line) => {
    const outcome = outcomeOf(line);
    if (outcome !== undefined) {
      outcomes.push(outcome);
    } else {
      said.push(line);
      said.splice(0, said.length - 12);
    }
  });
  await Promise.all([text(child.stdout), once(child, "close")]);
  const [outcome] = outcomes;
  if (outcome === undefined) {
    throw new Error(`the kills in ${place} came to no end (${child.exitCode}): ${said.join("\n")}`);
  }
  return outcome;
}

function outcomeOf(line: string): Outcome | undefined {
  if (!line.startsWith('{"place":')) {
    return undefined;
  }
  try {
    return JSON.parse(line) as Outcome;
  } catch (error) {
    throw new Error(`the harness says ${line}: ${messageOf(error)}`);
  }
}
