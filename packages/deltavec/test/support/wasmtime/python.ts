import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { PACKAGE } from "../process.ts";

/** The version that the tests know: the host uses what lies below its public functions. */
export const VERSION = "49.0.0";

const TARGET = join(PACKAGE, "../../target");
const PLACE = join(TARGET, `python-wasmtime-${VERSION}`);
const run = promisify(execFile);

/** A Python that has wasmtime, or why there is none. */
export type Found = { readonly python: string } | { readonly missing: string };

/** Why an interpreter cannot be used; nothing if it can. */
async function unfit(python: string): Promise<string | undefined> {
  const script = "import wasmtime, importlib.metadata as m; print(m.version('wasmtime'))";
  try {
    const version = (await run(python, ["-c", script])).stdout.trim();
    return version === VERSION ? undefined : `${python} has wasmtime ${version}, not ${VERSION}`;
  } catch (error) {
    return lastLine(error);
  }
}

/** What a process said last of why it failed. */
function lastLine(error: unknown): string {
  const {
    stderr = "",
    stdout = "",
    message,
  } = error as Error & {
    stderr?: string;
    stdout?: string;
  };
  return `${stderr.trim() || stdout.trim() || message}`.split("\n").at(-1) as string;
}

/** Makes an environment below `target/`; test files that do so at once end with the same one. */
async function install(python: string): Promise<void> {
  await mkdir(TARGET, { recursive: true });
  const place = await mkdtemp(`${PLACE}-`);
  try {
    await run(python, ["-m", "venv", place]);
    const pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
    await run(join(place, "bin/python"), [...pip, `wasmtime==${VERSION}`]);
    // What `bin/python` finds, it finds from where it lies: the environment may be moved as a whole.
    await rename(place, PLACE).catch(async (error) => {
      if ((await unfit(join(PLACE, "bin/python"))) !== undefined) {
        throw error;
      }
    });
  } finally {
    await rm(place, { recursive: true, force: true });
  }
}

/**
 * A Python with wasmtime: the interpreter that DELTAVEC_PYTHON names, or python3, if it has the package; else an environment
 * of the project's own, made of it by venv and pip as they are set up here.
 */
export async function findPython(): Promise<Found> {
  const { DELTAVEC_PYTHON: python = "python3" } = process.env;
  for (const candidate of [python, join(PLACE, "bin/python")]) {
    if ((await unfit(candidate)) === undefined) {
      return { python: candidate };
    }
  }
  try {
    await install(python);
  } catch (error) {
    return { missing: `no Python with wasmtime ${VERSION}: ${lastLine(error)}` };
  }
  return { python: join(PLACE, "bin/python") };
}
