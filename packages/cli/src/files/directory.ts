import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileName, parseName } from "../../../deltavec/src/storage/log.ts";
import { whole } from "../terminal.ts";
import { type Checked, checkFile } from "./check.ts";
import { FileSource } from "./source.ts";
import { brief, counted } from "./text.ts";

/** Bytes of a lock that are looked at. */
const LOCK_BYTES = 4096;
/** Times that a directory is listed again as files have gone meanwhile. */
const AGAIN = 5;

/** What opening a database would find. */
export interface Recovery {
  /** Whether it would succeed, without `recover: true`. */
  readonly possible: boolean;
  /** What it would do, or why it cannot. */
  readonly lines: readonly string[];
}

/** What a check of a database's directory found. */
export interface CheckedDirectory {
  /** Its files, snapshots first. */
  readonly files: readonly Checked[];
  /** Files that are none of the database's. */
  readonly others: readonly string[];
  /** Who has it open, in words. */
  readonly lock: string | undefined;
  readonly recovery: Recovery;
}

/** Names of a database's files in a directory, in the order of what they hold: snapshots, increments, logs; and the others. */
export function listDirectory(path: string): { files: string[]; others: string[] } {
  const names = readdirSync(path);
  const order = ["snapshot", "increment", "log"];
  const files = names
    .flatMap((name) => {
      const parsed = parseName(name);
      return parsed === undefined ? [] : [{ name, ...parsed }];
    })
    .sort((a, b) => order.indexOf(a.kind) - order.indexOf(b.kind) || a.number - b.number)
    .map(({ name }) => name);
  const known = new Set(files);
  return { files, others: names.filter((name) => !known.has(name)).sort() };
}

/** Checks all files of a database, and what opening it would come to. A database that is open is none the wiser. */
export function checkDirectory(path: string, onFile: (name: string) => void): CheckedDirectory {
  for (let attempt = 1; ; attempt++) {
    const { files, others } = listDirectory(path);
    try {
      const checked = files.map((name) => {
        onFile(name);
        using source = new FileSource(join(path, name));
        return checkFile(source);
      });
      return {
        files: checked,
        others: others.filter((name) => !/^LOCK(-|$)/.test(name)),
        lock: others.includes("LOCK") ? lockText(join(path, "LOCK")) : undefined,
        recovery: planRecovery(checked),
      };
    } catch (error) {
      // An open database removes what it does not need any more.
      const gone = files.some((name) => !exists(join(path, name)));
      if (!gone || attempt === AGAIN) {
        throw error;
      }
    }
  }
}

function exists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}

function lockText(path: string): string | undefined {
  try {
    using source = new FileSource(path);
    const text = Buffer.from(source.read(0, LOCK_BYTES)).toString();
    const { pid, host } = JSON.parse(text) as { pid?: unknown; host?: unknown };
    if (typeof pid === "number" && typeof host === "string") {
      return `taken by process ${pid} on ${brief(host, 40)}`;
    }
  } catch {
    // nobody's, or gone
  }
  return "a lock of nobody";
}

/** Whether a snapshot is whole. */
function isWhole({ damage, torn }: Checked): boolean {
  return damage.length === 0 && torn === undefined;
}

/** Finds out what opening a database with these files comes to (docs/format.md). */
export function planRecovery(files: readonly Checked[]): Recovery {
  const databases = new Set(files.flatMap(({ database }) => database ?? []));
  if (databases.size > 1) {
    return {
      possible: false,
      lines: [`files of ${databases.size} databases: ${Array.from(databases).join(", ")}`],
    };
  }
  const snapshots = files.filter(({ kind }) => kind === "snapshot");
  const logs = files
    .filter(({ log }) => log !== undefined)
    .map((file) => ({ ...file, log: file.log! }))
    .sort((a, b) => a.log.first - b.log.first);
  if (files.length === 0) {
    return { possible: true, lines: ["nothing is there: a new database"] };
  }
  const lines: string[] = [];
  for (const file of snapshots.filter((snapshot) => !isWhole(snapshot))) {
    lines.push(
      `passes over ${file.name}, which is ${file.damage.length > 0 ? "damaged" : "not finished"}`,
    );
  }

  let contained = 0;
  const base = snapshots
    .filter((file) => isWhole(file) && file.snapshot?.builtOn === undefined)
    .sort((a, b) => b.snapshot!.records - a.snapshot!.records)[0];
  if (base !== undefined) {
    contained = base.snapshot!.records;
    lines.push(`reads ${base.name}`);
    for (;;) {
      const next = snapshots
        .filter((file) => isWhole(file) && file.snapshot?.builtOn === contained)
        .filter((file) => file.snapshot!.records > contained)
        .sort((a, b) => b.snapshot!.records - a.snapshot!.records)[0];
      if (next === undefined) {
        break;
      }
      contained = next.snapshot!.records;
      lines.push(`reads ${next.name}`);
    }
  }

  const fail = (why: string): Recovery => ({ possible: false, lines: [...lines, why] });
  let next = contained + 1;
  let sequence: number | undefined;
  const good = (): string =>
    `the last good record is ${whole(next - 1)}${sequence === undefined ? "" : `, sequence ${whole(sequence)}`}`;
  const relevant = logs.filter((_, i) => {
    const behind = logs[i + 1];
    return behind === undefined || behind.log.first > next;
  });
  if (relevant.length === 0) {
    return base === undefined
      ? fail("there is no good snapshot, and no log")
      : fail(`the log is missing: ${fileName("log", next)} or one before`);
  }
  const from = next;
  for (const [i, { name, log, torn, damage }] of relevant.entries()) {
    if (log.first > next) {
      const missing = `${whole(next)} to ${whole(log.first - 1)}`;
      return fail(
        base === undefined && i === 0
          ? `there is no good snapshot, and the log begins with record ${whole(log.first)}`
          : `records ${missing} are missing: the log goes on with ${name}; ${good()}`,
      );
    }
    if (log.last >= next) {
      next = log.last + 1;
      sequence = log.sequence;
    }
    const newest = i === relevant.length - 1;
    if (damage.length > 0 || (torn !== undefined && !newest)) {
      return fail(`${name} is damaged; ${good()}`);
    }
    if (torn !== undefined) {
      lines.push(
        `cuts a torn tail of ${counted(torn.bytes, "byte")} from byte ${whole(torn.at)} of ${name}`,
      );
    }
  }
  lines.push(
    next > from
      ? `replays records ${whole(from)} to ${whole(next - 1)}${sequence === undefined ? "" : `, to sequence ${whole(sequence)}`}`
      : `has no records to replay behind ${whole(contained)}`,
  );
  return { possible: true, lines };
}
