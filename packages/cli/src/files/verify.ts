import { existsSync, statSync } from "node:fs";
import { UsageError } from "../errors.ts";
import { colors, cut, heading, print, progressBar, WIDTH } from "../terminal.ts";
import { type Checked, checkFile, place } from "./check.ts";
import { type CheckedDirectory, checkDirectory } from "./directory.ts";
import { FileSource } from "./source.ts";
import { brief, counted, shown } from "./text.ts";

/** Columns of a label. */
const LABEL = 10;

/** Options of `verify`. */
export interface VerifyOptions {
  /** Whether what a crash leaves at the end counts as damage, too. */
  readonly strict: boolean;
}

/**
 * Checks a file or a database's directory, and prints what it found. Writes nothing.
 *
 * @returns whether all is good
 * @throws UsageError if there is nothing to check
 */
export function verify(path: string, { strict }: VerifyOptions): boolean {
  requirePath(path);
  if (statSync(path).isDirectory()) {
    const bar = progressBar("checking", 1);
    let found: CheckedDirectory;
    try {
      found = checkDirectory(path, (name) => bar.to(0, name));
    } finally {
      bar.stop();
    }
    return printDirectory(path, found, strict);
  }
  using source = new FileSource(path);
  const checked = checkFile(source);
  printFile(checked, source.size, strict);
  const good = isGood(checked, strict);
  print(verdict(good, checked));
  return good;
}

/** @throws UsageError if there is no such file or directory */
export function requirePath(path: string): void {
  if (!existsSync(path)) {
    throw new UsageError(`there is no ${path}`);
  }
}

/** What a cut-off log or frames leave is cut by opening; of anything else nothing is left. */
function isGood({ kind, damage, torn }: Checked, strict: boolean): boolean {
  return damage.length === 0 && (torn === undefined || (kind === "log" && !strict));
}

function verdict(good: boolean, { torn }: { torn?: unknown }): string {
  if (!good) {
    return colors.red("damaged");
  }
  return torn === undefined ? colors.green("good") : colors.yellow("good but for its torn tail");
}

function printFile(checked: Checked, size: number | undefined, strict: boolean): void {
  const { name, what, database, facts, damage, torn, kind } = checked;
  print(heading(brief(name, WIDTH)));
  line("is", `${what}${size === undefined ? "" : `, ${counted(size, "byte")}`}`);
  if (database !== undefined) {
    line("database", database);
  }
  for (const [label, text] of facts) {
    line(label, text);
  }
  for (const text of damage) {
    line("DAMAGED", text, colors.red);
  }
  if (torn !== undefined) {
    const text = `${place(torn.at, torn.why)}; ${counted(torn.bytes, "byte")} to the end`;
    const tail = kind === "log";
    line(tail ? "torn tail" : "UNFINISHED", text, tail && !strict ? colors.yellow : colors.red);
  }
}

function printDirectory(path: string, found: CheckedDirectory, strict: boolean): boolean {
  const { files, others, lock, recovery } = found;
  print(heading(brief(path, WIDTH)));
  line("is", `database directory of ${counted(files.length, "file")}`);
  if (lock !== undefined) {
    line("lock", `${lock}: the end may be under way`);
  }
  for (const name of others.slice(0, 20)) {
    line("passed", `${brief(name, 60)}: none of the database's files`);
  }
  for (const file of files) {
    printFile(file, undefined, strict);
  }
  print(heading("recovery"));
  for (const text of recovery.lines) {
    line("", text, recovery.possible ? undefined : colors.red);
  }
  line(
    "",
    recovery.possible
      ? "would succeed"
      : `would fail${recovery.hopeless ? ", also with" : " without"} \`recover: true\``,
    recovery.possible ? colors.green : colors.red,
  );
  // What a crash leaves is no damage: the newest log's end, a snapshot that was not finished.
  const damaged = files.filter(
    ({ damage, torn }) => damage.length > 0 || (strict && torn !== undefined),
  );
  const torn = files.find((file) => file.torn !== undefined);
  const good = recovery.possible && damaged.length === 0;
  print(
    torn !== undefined && good
      ? colors.yellow("good but for what a crash, or a write under way, has left")
      : verdict(good, {}),
  );
  return good;
}

/** Prints a label and a text, which goes on in as many lines as it takes. */
function line(label: string, text: string, colour: (text: string) => string = (as) => as): void {
  const words = shown(text).split(" ");
  let row = "";
  let first = true;
  const flush = (): void => {
    print(
      colour(`  ${(first ? label : "").padEnd(LABEL)} ${cut(row, WIDTH - LABEL - 3)}`.trimEnd()),
    );
    first = false;
    row = "";
  };
  for (const word of words) {
    if (row !== "" && row.length + 1 + word.length > WIDTH - LABEL - 3) {
      flush();
    }
    row = row === "" ? word : `${row} ${word}`;
  }
  flush();
}
