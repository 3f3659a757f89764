import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const HERE = join(import.meta.dirname, "..");
const PACKAGE = join(HERE, "../deltavec");
const TARGET = join(HERE, "target");

/** What the program of every project reports. */
export const EXPECTED = {
  hits: ["a", "b"],
  vector: [1, 0.5, 0],
  code: "VECTOR_NOT_FOUND",
} as const;

/** A project of an application: a folder of its own, into which the packed package is installed. */
export class Project {
  readonly folder: string;

  /**
   * Makes it of the files in `projects/NAME`, or of none if there is no such folder, and of `projects/program.js`.
   *
   * @param name - of the folder
   * @param files - more files by name
   */
  constructor(name: string, files: Readonly<Record<string, string>> = {}) {
    this.folder = join(TARGET, name);
    rmSync(this.folder, { recursive: true, force: true });
    mkdirSync(this.folder, { recursive: true });
    const manifest = { name: `project-${name}`, private: true, type: "module" };
    writeFileSync(join(this.folder, "package.json"), JSON.stringify(manifest));
    cpSync(join(HERE, "projects"), this.folder, { recursive: true });
    for (const [file, text] of Object.entries(files)) {
      writeFileSync(join(this.folder, file), text);
    }
    const options = ["--offline", "--no-audit", "--no-fund", "--no-package-lock", "--silent"];
    execFileSync("npm", ["install", ...options, tarball()], { cwd: this.folder, stdio: "pipe" });
  }

  /** Path of a file. */
  path(...names: string[]): string {
    return join(this.folder, ...names);
  }

  /** Runs a program of Node in it, and returns what it prints. */
  node(...args: string[]): string {
    return execFileSync(process.execPath, args, { cwd: this.folder, encoding: "utf8" });
  }

  /** Files of its output, with their bytes. */
  output(): Map<string, Buffer> {
    const folder = this.path("dist");
    const files = readdirSync(folder, { recursive: true, withFileTypes: true });
    return new Map(
      files
        .filter((each) => each.isFile())
        .map((each) => [each.name, readFileSync(join(each.parentPath, each.name))]),
    );
  }
}

let packed: string | undefined;

/** Packs the package, once. Returns the tarball. */
function tarball(): string {
  if (packed === undefined) {
    mkdirSync(TARGET, { recursive: true });
    const args = ["pack", "--silent", "--pack-destination", TARGET];
    packed = join(TARGET, execFileSync("npm", args, { cwd: PACKAGE, encoding: "utf8" }).trim());
  }
  return packed;
}

/** How often the WebAssembly module is in the output of a bundler: as a file, and within scripts. */
export interface Modules {
  readonly files: number;
  readonly embedded: number;
}

/** Counts them. */
export function modulesIn(project: Project): Modules {
  const module = moduleText(project.path("node_modules/deltavec/dist"));
  let [files, embedded] = [0, 0];
  for (const [name, bytes] of project.output()) {
    if (name.endsWith(".wasm")) files++;
    else embedded += bytes.toString("latin1").split(module).length - 1;
  }
  return { files, embedded };
}

/** The beginning of the module, as base64, as the main entry has it. */
function moduleText(dist: string): string {
  const text = readFileSync(join(dist, "index.js"), "latin1");
  const [, module] = /["'`]([A-Za-z0-9+/]{40000,}=*)["'`]/.exec(text) ?? [];
  if (module === undefined) throw new Error("the entry does not have the module");
  return module.slice(0, 200);
}
