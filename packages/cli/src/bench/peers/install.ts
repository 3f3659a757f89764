import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { UsageError } from "../../errors.ts";
import { ROOT } from "../../paths.ts";

/** What says which packages, in which versions. */
const LIST = fileURLToPath(new URL("npm", import.meta.url));

/** Folder of all that the benchmark keeps. */
export const KEPT: string = join(ROOT, "target", "peers");

/** Where the npm packages are installed. */
export const INSTALLED: string = join(KEPT, "npm");

/** The Maven module of the databases of the JVM. */
export const JVM_MODULE: string = join(ROOT, "bench", "peers");

/**
 * Installs the npm packages, exactly those of the lock file, if they are not. Native parts that cannot be built are left out:
 * they are optional.
 *
 * @throws UsageError if npm fails
 */
export async function installPackages(say: (line: string) => void): Promise<void> {
  const stamp = join(INSTALLED, "installed.json");
  const lock = readFileSync(join(LIST, "package-lock.json"), "utf8");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === lock) {
    return;
  }
  say("Installing the npm packages of the peers, once.");
  rmSync(INSTALLED, { recursive: true, force: true });
  mkdirSync(INSTALLED, { recursive: true });
  cpSync(LIST, INSTALLED, { recursive: true });
  await run("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"], INSTALLED);
  writeFileSync(stamp, lock);
}

/** What the module of the JVM is made of. */
const JVM_SOURCES = [
  "pom.xml",
  "core/src/main",
  "jvm/src/main",
  "bench/peers/pom.xml",
  "bench/peers/src",
];

/**
 * Builds the Maven module of the JVM's databases, if it is not there or older than what it is made of.
 *
 * @throws UsageError if Maven fails
 */
export async function buildJvm(say: (line: string) => void): Promise<void> {
  const stamp = join(JVM_MODULE, "target", "built.stamp");
  if (existsSync(stamp) && newest(JVM_SOURCES) < statSync(stamp).mtimeMs) {
    return;
  }
  say("Building the peers of the JVM.");
  const quick = [
    "-DskipTests",
    "-Dspotless.check.skip",
    "-Dcheckstyle.skip",
    "-Dmaven.javadoc.skip",
  ];
  await run(
    join(ROOT, "mvnw"),
    ["-q", "-Ppeers", ...quick, "-Dmaven.source.skip", "-pl", "bench/peers", "-am", "package"],
    ROOT,
  );
  writeFileSync(stamp, "");
}

/** When the last of some files and of those in some folders was changed, in milliseconds since 1970. */
function newest(paths: readonly string[]): number {
  const times = paths.flatMap((path) => {
    const whole = join(ROOT, path);
    const within = statSync(whole).isDirectory()
      ? readdirSync(whole, { recursive: true, encoding: "utf8" })
      : [];
    return ["", ...within].map((name) => statSync(join(whole, name)).mtimeMs);
  });
  return Math.max(...times);
}

/** The version of an installed npm package; undefined where it is not there. */
export function installedVersion(name: string): string | undefined {
  const file = join(INSTALLED, "node_modules", name, "package.json");
  if (!existsSync(file)) {
    return undefined;
  }
  return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
}

async function run(command: string, args: readonly string[], cwd: string): Promise<void> {
  // What they print is progress and errors: this program's own output stays on standard output.
  const { PATH } = process.env;
  const path = [dirname(process.execPath), PATH].join(delimiter);
  const child = spawn(command, args, {
    cwd,
    stdio: ["ignore", 2, 2],
    env: { ...process.env, PATH: path },
  });
  const [status] = (await once(child, "close")) as [number | null];
  if (status !== 0) {
    throw new UsageError(`${command} ${args[0]} failed (status ${status})`);
  }
}
