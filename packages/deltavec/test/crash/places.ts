// Where databases are that are killed, and the processes that open them.
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { appendFile, mkdir, readdir } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { createInterface } from "node:readline";
import { PACKAGE } from "../support/process.ts";
import { chromiumPlace } from "./chromium.ts";
import type { Place, Running } from "./kills.ts";
import { DIMENSIONS } from "./work.ts";

const ROOT = join(PACKAGE, "../..");

/** The classes that a victim on the JVM needs: its own are those of the tests. */
const CLASSES: readonly string[] = [
  "jvm/target/test-classes",
  "jvm/target/classes",
  "core/target/classes",
].map((folder) => join(ROOT, folder));

/** Databases in a folder's folders, opened by processes of Node. */
function nodePlace(folder: string): Place {
  const script = join(import.meta.dirname, "node-victim.ts");
  return directories("node", folder, (directory) => [
    process.execPath,
    [script, `file:${directory}`, `${DIMENSIONS}`],
  ]);
}

/** Databases in a folder's folders, opened by Java's processes. */
function jvmPlace(folder: string): Place {
  // The Java that compiled it: what the path leads to may be too old.
  const find = '. build/jdk.sh && find_jdk && echo "$JAVA_HOME"';
  const home = execFileSync("sh", ["-c", find], { cwd: ROOT, encoding: "utf8" }).trim();
  const java = join(home, "bin/java");
  if (!existsSync(join(CLASSES[0], "dev/deltavec/CrashVictim.class"))) {
    throw new Error("the JVM's tests are not compiled: ./mvnw test-compile -pl core,jvm");
  }
  const options = ["-XX:TieredStopAtLevel=1", "-Xshare:auto", "-cp", CLASSES.join(delimiter)];
  return directories("jvm", folder, (directory) => [
    java,
    [...options, "dev.deltavec.CrashVictim", directory, `${DIMENSIONS}`],
  ]);
}

/** Every place by its name, each made in a folder that is there for it. */
export const PLACES: Readonly<Record<string, (folder: string) => Place | Promise<Place>>> = {
  node: nodePlace,
  jvm: jvmPlace,
  "node-and-jvm": mixedPlace,
  "chromium-opfs": (folder) => chromiumPlace("opfs", folder),
  "chromium-idb": (folder) => chromiumPlace("idb", folder),
};

/** Databases in a folder's folders, opened by Node and Java in turn: one goes on with what the other has left. */
function mixedPlace(folder: string): Place {
  const places = [nodePlace(folder), jvmPlace(folder)];
  let next = 0;
  return {
    ...places[0],
    name: "node-and-jvm",
    start: (database, hear) => places[next++ % places.length].start(database, hear),
  };
}

function directories(
  name: string,
  folder: string,
  command: (directory: string) => [string, string[]],
): Place {
  const directoryOf = (database: number): string => join(folder, `db${database}`);
  return {
    name,
    async start(database, hear) {
      await mkdir(folder, { recursive: true });
      return startProcess(...command(directoryOf(database)), hear);
    },
    async tear(database, bytes) {
      const directory = directoryOf(database);
      const names = existsSync(directory) ? await readdir(directory) : [];
      const newest = names
        .filter((file) => file.startsWith("log-"))
        .sort()
        .at(-1);
      if (newest === undefined) {
        return false;
      }
      await appendFile(join(directory, newest), bytes);
      return true;
    },
    async [Symbol.asyncDispose]() {},
  };
}

/** Starts a process that reads and writes lines. If it ends unasked, it is heard to have `failed`. */
function startProcess(program: string, args: string[], hear: (line: string) => void): Running {
  const child = spawn(program, args, { stdio: ["pipe", "pipe", "pipe"] });
  const said: string[] = [];
  let asked = false;
  createInterface({ input: child.stderr }).on("line", (line) => {
    said.push(line.slice(0, 200)); // Node repeats the line of code
    said.splice(0, said.length - 12);
  });
  child.stdin.on("error", () => {}); // it is dead
  createInterface({ input: child.stdout }).on("line", hear);
  const closed = once(child, "close").then(([code]) => {
    if (!asked) {
      hear(`failed: it ended with ${code}: ${said.join(" ")}`);
    }
  });
  return {
    send: (line) => void child.stdin.write(`${line}\n`),
    async kill() {
      asked = true;
      child.kill("SIGKILL");
      await closed;
    },
    async end() {
      asked = true;
      child.stdin.end();
      await closed;
    },
  };
}
