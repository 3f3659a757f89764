import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import { UsageError } from "../errors.ts";
import { JVM_JAR } from "../paths.ts";
import type { Engine, EngineName, Reply } from "./engine.ts";

interface Pending {
  readonly id: number;
  readonly onEvent: ((event: unknown) => void) | undefined;
  resolve(result: unknown): void;
  reject(error: Error): void;
}

/** Lines of a failed engine's standard error that its error message repeats. */
const TAIL = 12;

/** An engine in a child process, which reads and writes lines of JSON. */
class ProcessEngine implements Engine {
  readonly name: EngineName;
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #said: string[] = [];
  #pending: Pending | undefined;
  #next = 1;
  #ended: string | undefined;

  constructor(name: EngineName, command: string, args: readonly string[]) {
    this.name = name;
    this.#child = spawn(command, args, { stdio: ["pipe", "pipe", "pipe"] });
    createInterface({ input: this.#child.stdout }).on("line", (line) => this.#receive(line));
    createInterface({ input: this.#child.stderr }).on("line", (line) => {
      this.#said.push(line);
      this.#said.splice(0, this.#said.length - TAIL);
    });
    this.#child.on("error", (error) => this.#end(error.message));
    this.#child.on("close", (code, signal) => this.#end(`ended (${signal ?? `status ${code}`})`));
    this.#child.stdin.on("error", () => {}); // the end of the process tells more
  }

  call<T>(method: string, params: object, onEvent?: (event: unknown) => void): Promise<T> {
    if (this.#ended !== undefined) {
      return Promise.reject(this.#failure());
    }
    if (this.#pending !== undefined) {
      return Promise.reject(new Error(`${this.name} is busy`));
    }
    const id = this.#next++;
    return new Promise<T>((resolve, reject) => {
      this.#pending = { id, onEvent, resolve: resolve as (result: unknown) => void, reject };
      this.#child.stdin.write(`${JSON.stringify({ id, method, params })}\n`);
    });
  }

  async close(): Promise<void> {
    if (this.#ended === undefined) {
      const closed = once(this.#child, "close");
      this.#child.stdin.end();
      if (this.#pending !== undefined) {
        this.#child.kill();
      }
      await closed;
    }
  }

  #receive(line: string): void {
    const pending = this.#pending;
    // Whatever else a runtime prints is no reply.
    if (pending === undefined || !line.startsWith('{"id":')) {
      return;
    }
    const reply = JSON.parse(line) as Reply;
    if (reply.id !== pending.id) {
      return;
    }
    if ("event" in reply) {
      pending.onEvent?.(reply.event);
      return;
    }
    this.#pending = undefined;
    if ("error" in reply) {
      pending.reject(new Error(`${this.name}: ${reply.error}`));
    } else {
      pending.resolve(reply.result);
    }
  }

  #end(how: string): void {
    this.#ended ??= how;
    const pending = this.#pending;
    this.#pending = undefined;
    pending?.reject(this.#failure());
  }

  #failure(): Error {
    const said = this.#said.length === 0 ? "" : `\n${this.#said.join("\n")}`;
    return new Error(`the ${this.name} engine ${this.#ended}${said}`);
  }
}

/** Starts a program that reads and writes lines of JSON as engines do. */
export function startProcess(name: EngineName, command: string, args: readonly string[]): Engine {
  return new ProcessEngine(name, command, args);
}

/** Starts the engine that runs WebAssembly on this Node. */
export function startNode(): Engine {
  const main = fileURLToPath(new URL("node-main.ts", import.meta.url));
  return new ProcessEngine("node", process.execPath, [main]);
}

/** The Java of `JAVA_HOME`, else of the path. */
export function java(): string {
  const { JAVA_HOME } = process.env;
  return JAVA_HOME ? join(JAVA_HOME, "bin", "java") : "java";
}

/**
 * Starts the engine that runs on the JVM, with the Vector API.
 *
 * @throws UsageError if it is not built
 */
export function startJvm(): Engine {
  if (!existsSync(JVM_JAR)) {
    throw new UsageError("the JVM engine is not built; ./mvnw -DskipTests package builds it");
  }
  return new ProcessEngine("jvm", java(), [
    "--add-modules=jdk.incubator.vector",
    "--enable-native-access=ALL-UNNAMED",
    "-Xms1g",
    "-Xmx2g",
    "-cp",
    JVM_JAR,
    "dev.deltavec.bench.engine.Main",
  ]);
}
