import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { parseName } from "../../../deltavec/src/storage/log.ts";
import {
  candidates,
  describeDamage,
  openAt,
  type SnapshotFile,
} from "../../../deltavec/src/storage/survey.ts";
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
  /** Where it is not possible: whether `recover: true` does not help either, as far as that is known. */
  readonly hopeless?: boolean;
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

/** Finds out what opening a database with these files comes to, as opening does. */
export function planRecovery(files: readonly Checked[]): Recovery {
  const segments = files.flatMap(({ segment }) => segment ?? []).sort((a, b) => a.first - b.first);
  const ids = new Set(
    files.flatMap(({ segment, database }) => (segment && database ? [database] : [])),
  );
  if (ids.size > 1) {
    return { possible: false, lines: ["the logs of several databases are mixed up"] };
  }
  if (files.length === 0) {
    return { possible: true, lines: ["nothing is there: a new database"] };
  }
  const lines: string[] = [];
  const snapshots: SnapshotFile[] = [];
  const [id] = ids;
  for (const { name, kind, database, snapshot, torn } of files) {
    if (kind !== "snapshot") {
      continue;
    }
    if (snapshot?.usable && (id === undefined || database === id)) {
      const { records, builtOn, mark } = snapshot;
      snapshots.push({ name, records, builtOn, mark, bytes: 0 });
    } else {
      lines.push(`passes over ${name}: ${torn === undefined ? "damaged" : "not finished"}`);
    }
  }
  const all = candidates({ segments, snapshots, bad: [], id: undefined });
  const best = all.find(({ chain }) => chain.damage === undefined);
  if (best === undefined) {
    // The one that goes farthest, as with `recover`.
    const [far] = all.sort((a, b) => b.chain.last - a.chain.last);
    lines.push(
      far?.chain.damage === undefined
        ? `no good snapshot, and ${segments[0] === undefined ? "no log" : `the log begins with ${segments[0].name}`}`
        : describeDamage(far.chain.damage),
    );
    return { possible: false, hopeless: far === undefined, lines };
  }
  const { files: begun, records, chain } = best;
  for (const { name } of begun) {
    const broken = files.some((file) => file.name === name && file.snapshot?.index);
    lines.push(`reads ${name}${broken ? ", builds its index anew" : ""}`);
  }
  if (openAt(chain.segments, records) === undefined) {
    return { possible: false, lines: [...lines, "the log names no options"] };
  }
  const refused = files.find(
    ({ name, damage }) => damage.length > 0 && chain.segments.some((used) => used.name === name),
  );
  if (refused !== undefined) {
    lines.push(`cannot do again all records of ${refused.name}`);
    return { possible: false, lines };
  }
  lines.push(
    chain.last > records
      ? `replays records ${whole(records + 1)} to ${whole(chain.last)}, to sequence ${whole(chain.sequence)}`
      : `has no records to replay behind ${whole(records)}`,
  );
  if (chain.cutBytes > 0) {
    lines.push(
      `cuts a torn tail of ${counted(chain.cutBytes, "byte")} off ${chain.segments.at(-1)!.name}`,
    );
  }
  lines.push(chain.closed ? "the database was closed" : "the database was not closed, or is open");
  return { possible: true, lines };
}
