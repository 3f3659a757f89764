import { invalid } from "../errors.ts";
import { codeOf, failure } from "./failure.ts";
import { hold, type Release, webLocks } from "./lock.ts";
import { type Node, type NodeFiles, node } from "./node-files.ts";

/** Contests after which a directory counts as locked. */
const CONTESTS = 5;
/** Most milliseconds from a contest to the next. */
const PAUSE_MS = 40;
/** Age in milliseconds from which on a claim without a text is removed. */
const OLD_MS = 60_000;

/** Who has a lock, or had: what is in a lock file. */
export interface Holder {
  readonly pid: number;
  readonly host: string;
  /** When the process began, in the words of its machine; empty where that is not known. */
  readonly started: string;
}

/** What a contender for a lock file needs; all of it is Node's, except in tests. */
export interface Contender {
  readonly directory: string;
  readonly me: Holder;
  readonly files: Pick<NodeFiles, "readdir" | "readFile" | "rename" | "unlink"> & {
    /** Makes a file that is not there yet, with a text. */
    create(path: string, text: string): Promise<void>;
    /** Milliseconds since a file was changed last. */
    age(path: string): Promise<number>;
  };
  join(directory: string, name: string): string;
  /** Whether the process lives that a text names; one that is not known to be dead does. */
  lives(holder: Holder): Promise<boolean>;
  /** Waits a short, random time. */
  pause(): Promise<void>;
}

/**
 * Takes the lock file of a directory, which is made if it is not there.
 *
 * @param url - for messages
 * @param path - of the directory, or a `file:` URL less its scheme
 * @returns what gives it back; in words, who has it, and what to do about that, if somebody has
 */
export async function lockDirectory(url: string, path: string): Promise<Release | string> {
  const here = node();
  try {
    const directory = await makeDirectory(here, toPath(here, url, path));
    // Two threads have one process id. Where Node has Web Locks, they tell threads apart, and end with them.
    const locks = webLocks();
    const { dev, ino } = await here.files.stat(directory, { bigint: true });
    const release = locks && (await hold(locks, `file:${dev}:${ino}`, { ifAvailable: true }));
    if (locks !== undefined && release === undefined) {
      return "this process";
    }
    let got: Release | Holder;
    try {
      got = await takeLock(await contender(here, directory, release !== undefined));
    } catch (error) {
      await release?.();
      throw error;
    }
    if (typeof got === "object") {
      await release?.();
      return `process ${got.pid} on ${got.host}; if that is certainly not so, remove the file LOCK in it`;
    }
    const unlock = got;
    let given: Promise<void> | undefined;
    return () => {
      given ??= unlock().finally(release);
      return given;
    };
  } catch (cause) {
    throw failure(`${url} cannot be locked`, cause);
  }
}

/** The absolute path of a directory that a storage's URL names. */
export function toPath({ fileURLToPath, path }: Node, url: string, name: string): string {
  try {
    return name.startsWith("///") ? fileURLToPath(`file:${name}`) : path.resolve(name);
  } catch (cause) {
    throw invalid(`the storage ${JSON.stringify(url)} is no URL of a directory`, { cause });
  }
}

/** Makes a directory that is not there, so that it outlives a loss of power. Returns its path. */
async function makeDirectory({ files, path }: Node, directory: string): Promise<string> {
  const first = await files.mkdir(directory, { recursive: true });
  if (first !== undefined) {
    const top = path.dirname(first);
    for (let at = directory; at !== top; at = path.dirname(at)) {
      await syncDirectory(files, path.dirname(at));
    }
  }
  return directory;
}

/** Makes sure of the names in a directory, where the platform can. */
export async function syncDirectory(files: NodeFiles, directory: string): Promise<void> {
  let handle: Awaited<ReturnType<NodeFiles["open"]>>;
  try {
    handle = await files.open(directory, "r");
  } catch {
    return; // Windows has no handles of directories
  }
  try {
    await handle.sync();
  } catch (error) {
    // Some file systems do not know this of directories.
    if (!["EINVAL", "EPERM", "ENOTSUP", "EISDIR", "EBADF"].includes(String(codeOf(error)))) {
      throw error;
    }
  } finally {
    await handle.close();
  }
}

/**
 * Takes a lock file as docs/format.md says, where it is shown why two cannot both get it.
 *
 * @returns what gives it back, or who has it
 */
export async function takeLock(contender: Contender): Promise<Release | Holder> {
  const { directory, me, files, join } = contender;
  const lock = join(directory, "LOCK");
  for (let contest = 1; ; contest++) {
    const name = `LOCK-${randomHex()}`;
    const claim = join(directory, name);
    let other: Holder | undefined;
    try {
      await files.create(claim, JSON.stringify(me));
      // The claims first, then the lock: whoever renames in between is seen in the lock.
      other = await otherClaim(contender, name);
      if (other === undefined) {
        const holder = await read(contender, lock);
        if (holder !== undefined && (await contender.lives(holder))) {
          await remove(files, claim);
          return holder;
        }
        await files.rename(claim, lock);
        return async () => {
          if (JSON.stringify(await read(contender, lock)) === JSON.stringify(me)) {
            await remove(files, lock);
          }
        };
      }
    } catch (error) {
      await remove(files, claim);
      // The claim is gone, as somebody took it for old; or Windows, where a file that is being read cannot be replaced.
      if (
        contest > CONTESTS ||
        !["ENOENT", "EPERM", "EACCES", "EBUSY"].includes(String(codeOf(error)))
      ) {
        throw error;
      }
    }
    await remove(files, claim);
    if (other !== undefined && contest > CONTESTS) {
      return other;
    }
    await contender.pause();
  }
}

/** Returns somebody else who lives and claims the lock; removes claims of the dead. */
async function otherClaim(contender: Contender, mine: string): Promise<Holder | undefined> {
  const { directory, files, join } = contender;
  for (const { name } of await files.readdir(directory, { withFileTypes: true })) {
    if (name.startsWith("LOCK-") && name !== mine) {
      const claim = join(directory, name);
      const holder = await read(contender, claim);
      if (holder !== undefined && (await contender.lives(holder))) {
        return holder;
      }
      // Without a text it may be that of somebody who is just writing it, and will see this one's.
      if (holder !== undefined || (await isOld(contender, claim))) {
        await remove(files, claim);
      }
    }
  }
  return undefined;
}

async function isOld({ files }: Contender, path: string): Promise<boolean> {
  try {
    return (await files.age(path)) > OLD_MS;
  } catch (error) {
    return ignoreMissing(error) ?? false;
  }
}

/** Reads a lock file; undefined if it is not there, or is none. */
async function read({ files }: Contender, path: string): Promise<Holder | undefined> {
  let text: string;
  try {
    text = await files.readFile(path, "utf8");
  } catch (error) {
    return ignoreMissing(error);
  }
  try {
    const { pid, host, started } = JSON.parse(text) as Record<keyof Holder, unknown>;
    if (Number.isSafeInteger(pid) && typeof host === "string" && typeof started === "string") {
      return { pid: pid as number, host, started };
    }
  } catch {
    // Half a text, or null.
  }
  return undefined;
}

async function remove(files: Pick<NodeFiles, "unlink">, path: string): Promise<void> {
  await files.unlink(path).catch(ignoreMissing);
}

function ignoreMissing(error: unknown): undefined {
  if (codeOf(error) !== "ENOENT") {
    throw error;
  }
}

function randomHex(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) =>
    byte.toString(16).padStart(2, "0"),
  ).join("");
}

/** This process, as a contender for a directory's lock. */
async function contender(here: Node, directory: string, alone: boolean): Promise<Contender> {
  const { files, path, process, hostname } = here;
  const boot = await textOf(files, "/proc/sys/kernel/random/boot_id");
  const me: Holder = {
    pid: process.pid,
    host: hostname(),
    started: (await look(files, boot, process.pid))?.started ?? "",
  };
  return {
    directory,
    me,
    join: path.join,
    files: {
      readdir: files.readdir,
      readFile: files.readFile,
      rename: files.rename,
      unlink: files.unlink,
      async create(claim, text) {
        const file = await files.open(claim, "wx+");
        try {
          await file.writeFile(text);
        } finally {
          await file.close();
        }
      },
      async age(claim) {
        const { mtimeMs } = await files.stat(claim, { bigint: true });
        return Date.now() - Number(mtimeMs);
      },
    },
    async lives({ pid, host, started }) {
      if (host !== me.host) {
        return true;
      }
      if (alone && pid === me.pid && started === me.started) {
        return false; // of a thread that has ended without giving it back
      }
      try {
        process.kill(pid, 0);
      } catch (error) {
        if (codeOf(error) !== "EPERM") {
          return false;
        }
      }
      const now = await look(files, boot, pid);
      return now === undefined || (!now.zombie && (started === "" || started === now.started));
    },
    pause: () => new Promise((resolve) => setTimeout(resolve, Math.random() * PAUSE_MS)),
  };
}

/** What Linux tells of a process; undefined where it does not. */
async function look(
  files: NodeFiles,
  boot: string | undefined,
  pid: number,
): Promise<{ readonly started: string; readonly zombie: boolean } | undefined> {
  const stat = await textOf(files, `/proc/${pid}/stat`);
  // The second field is the program's name in parentheses, which may have some itself, and spaces.
  const fields = stat?.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [state = "", ticks] = [fields?.[0], fields?.[22 - 3]];
  return boot === undefined || ticks === undefined
    ? undefined
    : { started: `${boot}:${ticks}`, zombie: /[ZX]/i.test(state) };
}

async function textOf(files: NodeFiles, path: string): Promise<string | undefined> {
  try {
    return (await files.readFile(path, "utf8")).trim();
  } catch {
    return undefined;
  }
}
