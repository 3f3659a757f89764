// Who may use a directory: processes, threads, and what is left of those that ended.
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { after, type TestContext, test } from "node:test";
import { Worker } from "node:worker_threads";
import fc from "fast-check";
import { type Contender, type Holder, takeLock } from "../../src/storage/file-lock.ts";
import { openStorage } from "../../src/storage/url.ts";

const scratch = mkdtempSync(join(tmpdir(), "deltavec-lock-"));
after(() => rmSync(scratch, { recursive: true }));
const { DELTAVEC_RUNS = 500, DELTAVEC_SEED = Date.now() } = process.env;
const LINUX = { skip: process.platform !== "linux" };
const THREADS = { skip: !("locks" in navigator) && "this Node has no Web Locks" };

const SOURCE = new URL("../../src/storage/url.ts", import.meta.url).href;

async function directory(name: string): Promise<{ path: string; url: string; lock: string }> {
  const path = join(scratch, name);
  await mkdir(path, { recursive: true });
  return { path, url: `file:${path}`, lock: join(path, "LOCK") };
}

/** What this process's own lock looks like. */
async function mine(name: string): Promise<Holder> {
  const { url, lock } = await directory(name);
  const storage = await openStorage(url);
  const holder = JSON.parse(readFileSync(lock, "utf8")) as Holder;
  await storage.close();
  return holder;
}

/** Whether a directory can be opened while its lock file says something. */
async function opens(name: string, text: string): Promise<boolean> {
  const { url, path, lock } = await directory(name);
  writeFileSync(lock, text);
  try {
    const storage = await openStorage(url);
    await storage.close();
    assert.deepEqual(readdirSync(path), []);
    return true;
  } catch (error) {
    assert.equal((error as { code?: string }).code, "LOCKED");
    assert.equal(readFileSync(lock, "utf8"), text);
    assert.deepEqual(readdirSync(path), ["LOCK"]);
    return false;
  }
}

/** Starts a process that runs a module with `open(url)`, and says on its output what it does. */
function start(t: TestContext, script: string): ChildProcess {
  const text = `import { openStorage } from ${JSON.stringify(SOURCE)};\n${script}`;
  const child = spawn(process.execPath, ["--input-type=module-typescript", "--eval", text], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  t.after(() => child.kill("SIGKILL"));
  return child;
}

/** Starts a process that holds a directory. */
async function holder(t: TestContext, url: string): Promise<ChildProcess> {
  const child = start(
    t,
    `const storage = await openStorage(${JSON.stringify(url)});
     console.log("open");
     process.stdin.once("data", async () => { await storage.close(); process.exit(); });`,
  );
  await once(child.stdout!, "data");
  return child;
}

test("the lock file says which process has it, and goes when the storage closes", async () => {
  const { url, path, lock } = await directory("says");
  const storage = await openStorage(url);
  const { pid, host, started } = JSON.parse(readFileSync(lock, "utf8")) as Holder;
  assert.equal(pid, process.pid);
  assert.equal(host, hostname());
  assert.match(started, process.platform === "linux" ? /^[0-9a-f-]{36}:\d+$/ : /^$/);
  assert.deepEqual(readdirSync(path), ["LOCK"]);
  await storage.close();
  assert.deepEqual(readdirSync(path), []);
});

test("a second process gets LOCKED naming the first, and the directory once that has closed", async (t) => {
  const { url } = await directory("second");
  const child = await holder(t, url);
  await assert.rejects(openStorage(url), {
    code: "LOCKED",
    message: new RegExp(`is in use by process ${child.pid} on ${hostname()}`),
  });
  child.stdin?.write("\n");
  await once(child, "exit");
  await (await openStorage(url)).close();
});

test("a directory is free when the process that had it was killed", async (t) => {
  const { url, path } = await directory("killed");
  const child = await holder(t, url);
  child.kill("SIGKILL");
  await once(child, "exit");
  assert.deepEqual(readdirSync(path), ["LOCK"]);
  await (await openStorage(url)).close();
  assert.deepEqual(readdirSync(path), []);
});

test("a process that is dead but not yet waited for has no lock", LINUX, async (t) => {
  // A shell that starts one and never waits for it, as it may be in a container.
  const shell = spawn("sh", ["-c", `sleep 0.01 & echo $!; exec sleep 30`], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  t.after(() => shell.kill("SIGKILL"));
  const [text] = (await once(shell.stdout, "data")) as [Buffer];
  const zombie = Number(String(text));
  const state = (): string => {
    const stat = readFileSync(`/proc/${zombie}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2)[0] ?? "";
  };
  while (state() !== "Z") {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  const fields = readFileSync(`/proc/${zombie}/stat`, "utf8").split(") ")[1]?.split(" ");
  const { started } = await mine("zombie");
  const born = `${started.split(":")[0]}:${fields?.[19]}`;
  const dead = { pid: zombie, host: hostname(), started: born };
  assert.equal(await opens("zombie", JSON.stringify(dead)), true);
});

test("a lock of a live process keeps others out, whether it is known when that began or not", async () => {
  const parent = { pid: process.ppid, host: hostname() };
  assert.equal(await opens("live", JSON.stringify({ ...parent, started: "" })), false);
});

test("a lock of a process number that was given again is free", LINUX, async () => {
  const { started } = await mine("reused");
  const [boot, ticks] = started.split(":") as [string, string];
  const parent = { pid: process.ppid, host: hostname() };
  const fields = readFileSync(`/proc/${process.ppid}/stat`, "utf8").split(") ")[1]?.split(" ");
  const born = `${boot}:${fields?.[19]}`;
  assert.notEqual(born, `${boot}:${ticks}`);
  assert.equal(await opens("reused", JSON.stringify({ ...parent, started: born })), false);
  assert.equal(await opens("reused", JSON.stringify({ ...parent, started: `${boot}:1` })), true);
});

test("a lock of the time before the machine was started again is free", LINUX, async () => {
  const { pid, host, started } = await mine("reboot");
  const before = `00000000-0000-0000-0000-000000000000:${started.split(":")[1]}`;
  assert.equal(await opens("reboot", JSON.stringify({ pid, host, started: before })), true);
});

test("a lock of another host keeps others out, as nobody can tell", async () => {
  const text = JSON.stringify({ pid: 2 ** 30, host: `not-${hostname()}`, started: "" });
  assert.equal(await opens("host", text), false);
});

for (const [what, text] of [
  ["empty", ""],
  ["half", '{"pid":1,"ho'],
  ["null", "null"],
  ["something else", '{"pid":"1","host":1}'],
] as const) {
  test(`a lock file that is ${what} is nobody's`, async () => {
    assert.equal(await opens("nobody", text), true);
  });
}

test("a lock file may have more in it than is known", async () => {
  const holder = { pid: 2 ** 22 + 5, host: hostname(), started: "", more: [1] };
  assert.equal(await opens("more", JSON.stringify(holder)), true);
  const parent = { pid: process.ppid, host: hostname(), started: "", more: [1] };
  assert.equal(await opens("more", JSON.stringify(parent)), false);
});

test("claims of the dead and old ones without a text are removed, a young one is passed over", async () => {
  const { url, path } = await directory("claims");
  const claim = (name: string, text: string): string => {
    const file = join(path, `LOCK-${name.repeat(32)}`);
    writeFileSync(file, text);
    return file;
  };
  claim("a", JSON.stringify({ pid: 2 ** 22 + 5, host: hostname(), started: "" }));
  const old = claim("b", "");
  utimesSync(old, 0, 0);
  claim("c", "");
  const storage = await openStorage(url);
  assert.deepEqual(readdirSync(path).sort(), ["LOCK", `LOCK-${"c".repeat(32)}`]);
  await storage.close();
});

test("a live claim of somebody else keeps others out, and stays", async () => {
  const { url, path } = await directory("claimed");
  const claim = `LOCK-${"a".repeat(32)}`;
  writeFileSync(
    join(path, claim),
    JSON.stringify({ pid: process.ppid, host: hostname(), started: "" }),
  );
  await assert.rejects(openStorage(url), { code: "LOCKED" });
  assert.deepEqual(readdirSync(path), [claim]);
});

test("a lock that is not its own any more is not removed", async () => {
  const { url, lock } = await directory("foreign");
  const storage = await openStorage(url);
  const text = JSON.stringify({ pid: process.ppid, host: hostname(), started: "" });
  writeFileSync(lock, text);
  await storage.close();
  assert.equal(readFileSync(lock, "utf8"), text);
});

test(
  "another thread gets LOCKED, and the directory is free once the thread that had it was ended",
  THREADS,
  async (t) => {
    const { url } = await directory("thread");
    const worker = new Worker(
      `import(${JSON.stringify(SOURCE)}).then(async ({ openStorage }) => {
       globalThis.storage = await openStorage(${JSON.stringify(url)});
       require("node:worker_threads").parentPort.postMessage("open");
       setInterval(() => {}, 1000);
     });`,
      { eval: true },
    );
    t.after(() => worker.terminate());
    await once(worker, "message");
    await assert.rejects(openStorage(url), { code: "LOCKED", message: /in use by this process/ });
    await worker.terminate();
    await (await openStorage(url)).close();
  },
);

test("of six processes that find a stale lock at the same time one at a time gets it", {
  timeout: 120_000,
}, async (t) => {
  const { url, path, lock } = await directory("race");
  const stale = JSON.stringify({ pid: 2 ** 22 + 5, host: hostname(), started: "" });
  writeFileSync(lock, stale);
  const inside = join(scratch, "inside");
  const script = `
    import { closeSync, openSync, unlinkSync, writeFileSync } from "node:fs";
    let got = 0, locked = 0;
    process.stdin.once("data", async () => {
      for (let i = 0; i < 60; i++) {
        try {
          const storage = await openStorage(${JSON.stringify(url)});
          closeSync(openSync(${JSON.stringify(inside)}, "wx")); // fails if another one is inside
          await new Promise((resolve) => setTimeout(resolve, 2));
          unlinkSync(${JSON.stringify(inside)});
          got++;
          // Every other time it ends as if it had been killed.
          if (i % 2 === 0) await storage.close();
          else { await storage.close(); writeFileSync(${JSON.stringify(lock)}, ${JSON.stringify(stale)}, { flag: "wx" }); }
        } catch (error) {
          if (error.code === "EEXIST" && error.path === ${JSON.stringify(lock)}) continue;
          if (error.code !== "LOCKED") { console.log("two: " + error.stack); process.exit(1); }
          locked++;
          await new Promise((resolve) => setTimeout(resolve, Math.random() * 5));
        }
      }
      console.log(JSON.stringify([got, locked]));
      process.exit();
    });
    console.log("ready");`;
  const all = Array.from({ length: 6 }, () => start(t, script));
  await Promise.all(all.map((child) => once(child.stdout!, "data")));
  const results = all.map(async (child) => {
    const [text] = (await once(child.stdout!, "data")) as [Buffer];
    assert.doesNotMatch(String(text), /two/);
    return JSON.parse(String(text)) as [got: number, locked: number];
  });
  for (const child of all) {
    child.stdin?.write("\n");
  }
  const counts = await Promise.all(results);
  const got = counts.reduce((sum, [count]) => sum + count, 0);
  t.diagnostic(`had it ${got} times, of 360`);
  assert.ok(got >= 6, "hardly anybody got it");
  assert.deepEqual(
    readdirSync(path).filter((name) => name !== "LOCK"),
    [],
  );
});

/** A directory in memory, in which each access is a step of its own. */
function simulated(step: () => Promise<void>): {
  files: Map<string, string>;
  contender(pid: number, dead: ReadonlySet<number>): Contender;
} {
  const files = new Map<string, string>();
  const missing = (): Error => Object.assign(new Error("ENOENT"), { code: "ENOENT" });
  return {
    files,
    contender: (pid, dead) => ({
      directory: "",
      me: { pid, host: "here", started: "" },
      join: (_, name) => name,
      files: {
        async create(path, text) {
          await step();
          files.set(path, ""); // made, and not yet written
          await step();
          if (files.has(path)) {
            files.set(path, text);
          }
        },
        async readdir() {
          await step();
          return [...files.keys()].map((name) => ({ name, isFile: () => true }));
        },
        async readFile(path) {
          await step();
          const text = files.get(path);
          if (text === undefined) {
            throw missing();
          }
          return text;
        },
        async rename(from, to) {
          await step();
          const text = files.get(from);
          if (text === undefined) {
            throw missing();
          }
          files.delete(from);
          files.set(to, text);
        },
        async unlink(path) {
          await step();
          if (!files.delete(path)) {
            throw missing();
          }
        },
        // Whatever is without a text is old: removing it must never do harm.
        age: async () => 1e9,
      },
      lives: async ({ pid }) => !dead.has(pid),
      pause: step,
    }),
  };
}

test("however the steps of contenders mix, and whoever dies between two, no two have the lock", async (t) => {
  const seed = Number(DELTAVEC_SEED);
  t.diagnostic(`seed ${seed}`);
  let had = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.scheduler(),
      fc.integer({ min: 2, max: 4 }),
      fc.array(fc.tuple(fc.nat(3), fc.nat(12)), { maxLength: 3 }),
      fc.boolean(),
      async (scheduler, contenders, deaths, stale) => {
        const dead = new Set([99]);
        const holders = new Set<number>();
        const running: Promise<void>[] = [];
        const { files, contender } = simulated(() => scheduler.schedule(Promise.resolve()));
        if (stale) {
          files.set("LOCK", JSON.stringify({ pid: 99, host: "here", started: "" }));
        }
        for (let pid = 0; pid < contenders; pid++) {
          let left = deaths.find(([who]) => who === pid)?.[1] ?? Number.POSITIVE_INFINITY;
          const me = contender(pid, dead);
          const run = async (died: () => void): Promise<void> => {
            const files = new Proxy(me.files, {
              get(target, method: keyof Contender["files"]) {
                if (left-- > 0) {
                  return target[method];
                }
                dead.add(pid);
                holders.delete(pid);
                died();
                return () => new Promise<never>(() => {});
              },
            });
            const got = await takeLock({ ...me, files }).catch((error) => {
              // Here claims are old at once, so others may remove all that it makes until it gives up.
              assert.equal(error.code, "ENOENT");
            });
            if (typeof got === "function") {
              assert.deepEqual([...holders], [], "two have the lock");
              holders.add(pid);
              had++;
              await scheduler.schedule(Promise.resolve());
              await scheduler.schedule(Promise.resolve());
              holders.delete(pid);
              await got();
            }
          };
          running.push(new Promise((resolve, reject) => run(resolve).then(resolve, reject)));
        }
        await scheduler.waitFor(Promise.all(running));
      },
    ),
    { numRuns: Number(DELTAVEC_RUNS), seed },
  );
  assert.ok(had > 0, "nobody ever had it");
});
