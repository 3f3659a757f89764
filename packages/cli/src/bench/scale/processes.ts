import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { java } from "../../engine/process-engine.ts";
import { UsageError } from "../../errors.ts";
import { ROOT } from "../../paths.ts";

/** Lines of a process that a message of its failure repeats. */
const TAIL = 20;
/** Milliseconds that a process may take to be ready. */
const PATIENCE = 120_000;
/** Ticks of a processor's time in a second, as `/proc` counts them. */
const TICKS = 100;

/** What the nodes of a run know each other by. */
const SECRET = "secret-of-a-bench-that-nobody-needs-to-guess";

/** The classes of the server and of all it needs, as `./deltavec` has built them. */
export function classPath(): string {
  const server = join(ROOT, "server", "target");
  const list = join(server, "classpath");
  if (!existsSync(list)) {
    throw new UsageError("the server is not built; run ./deltavec bench scale, which does that");
  }
  return `${join(server, "classes")}:${readFileSync(list, "utf8").trim()}`;
}

/** A port that was free just now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  return (address as { port: number }).port;
}

/** A program that says on a line when it is ready, and can be killed and started again. */
export class Program {
  readonly name: string;
  readonly #command: string;
  readonly #args: readonly string[];
  readonly #said: string[] = [];
  #child: ChildProcessByStdio<null, Readable, Readable> | undefined;
  #onLine: ((line: string) => void) | undefined;

  /** @param onLine - gets what it prints */
  constructor(
    name: string,
    command: string,
    args: readonly string[],
    onLine?: (line: string) => void,
  ) {
    this.name = name;
    this.#command = command;
    this.#args = args;
    this.#onLine = onLine;
  }

  /** Its number; undefined while it does not run. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Starts it, and waits until it is ready. */
  async start(): Promise<void> {
    const child = spawn(this.#command, this.#args, { stdio: ["ignore", "pipe", "pipe"] });
    this.#child = child;
    const ready = new Promise<void>((resolve) => {
      createInterface({ input: child.stdout }).on("line", (line) => {
        this.#note(line);
        this.#onLine?.(line);
        if (/^ready|is ready at/.test(line)) {
          resolve();
        }
      });
    });
    createInterface({ input: child.stderr }).on("line", (line) => this.#note(line));
    const ended = once(child, "close").then(() => {
      if (this.#child === child) {
        this.#child = undefined;
      }
      throw new Error(`${this.name} has ended:\n${this.#said.join("\n")}`);
    });
    ended.catch(() => {});
    const late = new AbortController();
    const patience = sleep(PATIENCE, undefined, { signal: late.signal }).then(() => {
      throw new Error(`${this.name} is not ready:\n${this.#said.join("\n")}`);
    });
    patience.catch(() => {});
    try {
      await Promise.race([ready, ended, patience]);
    } finally {
      late.abort();
    }
  }

  /** Ends it, by a signal: `SIGKILL` as a crash does. */
  async end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    if (child !== undefined) {
      this.#child = undefined;
      const closed = once(child, "close");
      child.kill(signal);
      child.kill("SIGCONT");
      await closed;
    }
  }

  /** Stops it for some milliseconds, as a machine does that has no time for it. */
  async pause(ms: number): Promise<void> {
    this.#child?.kill("SIGSTOP");
    await sleep(ms);
    this.#child?.kill("SIGCONT");
  }

  /** Seconds of processors that it has taken so far, from `/proc`. */
  async cpu(): Promise<number> {
    const stat = await readFile(`/proc/${this.pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return (Number(fields[11]) + Number(fields[12])) / TICKS;
  }

  #note(line: string): void {
    this.#said.push(line);
    this.#said.splice(0, this.#said.length - TAIL);
  }
}

/** The options of a node, by their names in its configuration. */
export interface NodeOptions {
  readonly id: string;
  readonly port: number;
  /** Where others reach it. */
  readonly url: string;
  readonly capacity?: number;
}

/** What all nodes of a run have in common. */
export interface ServiceOptions {
  readonly folder: string;
  readonly dimensions: number;
  readonly shards: number;
  readonly standbys?: number;
}

/** A broker and its nodes, as processes of their own. */
export class Service {
  readonly options: ServiceOptions;
  readonly broker: Program;
  readonly #bootstrap: string;

  private constructor(options: ServiceOptions, broker: Program, bootstrap: string) {
    this.options = options;
    this.broker = broker;
    this.#bootstrap = bootstrap;
  }

  /** Starts the broker. */
  static async start(options: ServiceOptions): Promise<Service> {
    const port = await freePort();
    const folder = join(options.folder, "broker");
    await mkdir(folder, { recursive: true });
    const args = [
      ...JAVA_OPTIONS,
      "-Xmx512m",
      "-cp",
      classPath(),
      "dev.deltavec.broker.BrokerMain",
      folder,
      `${port}`,
    ];
    const broker = new Program("the broker", java(), args);
    await broker.start();
    return new Service(options, broker, `127.0.0.1:${port}`);
  }

  /** A node, which is to be started. */
  async node(node: NodeOptions): Promise<Program> {
    const { folder, dimensions, shards, standbys = 0 } = this.options;
    const file = join(folder, `${node.id}.yaml`);
    const config = {
      node: {
        id: node.id,
        url: node.url,
        port: node.port,
        data: join(folder, node.id),
        capacity: node.capacity ?? 1,
        secret: SECRET,
      },
      kafka: { bootstrap: this.#bootstrap, shards, sessionTimeout: "6s" },
      database: { dimensions },
      shards: { standbys },
      gateway: {
        auth: { off: true, openMetrics: true },
        cors: { origins: ["*"] },
        limits: { requestsPerSecond: 0, deltasPerSecond: 0, bytesPerSecond: 0 },
      },
    };
    await writeFile(file, JSON.stringify(config, null, 2)); // JSON is YAML
    const args = [...JAVA_OPTIONS, "-Xmx1g", "-cp", classPath(), "dev.deltavec.server.Main"];
    return new Program(`node ${node.id}`, java(), [...args, "--config", file]);
  }
}

const JAVA_OPTIONS = [
  "--add-modules",
  "jdk.incubator.vector",
  "--enable-native-access=ALL-UNNAMED",
  "--sun-misc-unsafe-memory-access=allow",
];

/** What a shard says of itself; undefined if it is not there, or not ready. */
export async function digestOf(
  url: string,
  shard: number,
): Promise<{ offset: number; digest: string; size: number } | undefined> {
  try {
    const response = await fetch(`${url}/internal/shards/${shard}/digest`, {
      headers: { "Deltavec-Secret": SECRET },
      signal: AbortSignal.timeout(5000),
    });
    return response.ok ? ((await response.json()) as never) : undefined;
  } catch {
    return undefined;
  }
}
