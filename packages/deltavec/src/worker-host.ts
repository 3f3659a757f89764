import { DeltaError, describe, invalid, quote } from "./errors.ts";
import type { ConnectOptions, WorkerLike } from "./remote.ts";
import type { Port } from "./remote-protocol.ts";

/** What of Node is used where there is Node. */
interface NodeProcess {
  getBuiltinModule?(id: "node:worker_threads"): WorkerThreads;
}

interface WorkerThreads {
  readonly Worker: new (script: URL | string, options: object) => WorkerLike;
  readonly parentPort: Scope | null;
}

/** Where messages to a worker arrive within it. */
interface Scope {
  addEventListener?(type: "message", listener: (event: MessageEvent) => void): void;
  on?(type: "message", listener: (data: unknown) => void): void;
}

/** A worker of either platform, as far as it is there. */
interface AnyWorker extends WorkerLike {
  addEventListener?(type: string, listener: (event: Event) => void): void;
  on?(type: string, listener: (detail: unknown) => void): void;
  ref?(): void;
  unref?(): void;
}

/** How a worker has ended. */
export interface Death {
  readonly why: string;
  readonly cause: unknown;
  /** Whether its script may not have been loaded at all. */
  readonly unloaded: boolean;
}

function workerThreads(): WorkerThreads | undefined {
  const { process } = globalThis as { process?: NodeProcess };
  return process?.getBuiltinModule?.("node:worker_threads");
}

/** Makes, or takes, the worker that option `worker` speaks of. */
export function startWorker(option: ConnectOptions["worker"], name: string): WorkerLike {
  const given: unknown = typeof option === "function" ? option() : (option ?? true);
  if (typeof given === "object" && given !== null && "postMessage" in given) {
    return given as WorkerLike;
  }
  if (given !== true && typeof given !== "string" && !(given instanceof URL)) {
    throw invalid(
      `option worker must be true, a Worker, its URL or a function that makes one, not ${describe(given)}`,
    );
  }
  try {
    if (typeof Worker === "function") {
      return given === true
        ? // In just these words, by which bundlers know that there is a worker to bring along.
          new Worker(new URL("./worker.js", import.meta.url), { type: "module" })
        : new Worker(given, { type: "module", name });
    }
    const threads = workerThreads();
    if (threads !== undefined) {
      // Written so that no bundler takes it for a file to bring along, beside the worker above.
      const beside = import.meta.url.replace(/[^/]*$/, "worker.js");
      const script = given === true ? new URL(beside) : toScript(given);
      // Without the options of this process, which may be about its own script.
      const worker: AnyWorker = new threads.Worker(script, { name, execArgv: [] });
      return worker;
    }
  } catch (cause) {
    throw cannotLoad(option, cause instanceof Error ? cause.message : String(cause), cause);
  }
  throw new DeltaError(
    "UNSUPPORTED_PLATFORM",
    "this engine has no workers: use DeltaVectorDB itself",
  );
}

/** Tells when a worker has died, at most once; `terminate` on another thread's account counts where it can be seen. */
export function onDeath(worker: WorkerLike, listener: (death: Death) => void): void {
  const any: AnyWorker = worker;
  any.unref?.(); // what keeps the process alive are calls in flight
  if (any.on !== undefined) {
    any.on("error", (cause) => {
      const { code, message } = cause as { code?: string; message?: string };
      const unloaded = /MODULE_NOT_FOUND|ERR_(ACCESS|UNKNOWN|UNSUPPORTED|WORKER_PATH)/.test(
        code ?? "",
      );
      listener({ why: message ?? String(cause), cause, unloaded });
    });
    any.on("messageerror", (cause) => listener(unreadable(cause)));
    any.on("exit", (code) => {
      listener({ why: `it ended with exit code ${code}`, cause: undefined, unloaded: false });
    });
  } else {
    any.addEventListener?.("error", (event) => {
      // Only errors thrown by a script have a message; what cannot be loaded is a plain event.
      const { message, error } = event as Partial<ErrorEvent>;
      event.preventDefault();
      listener(
        message === undefined || message === ""
          ? { why: "it is not there, no script, or forbidden", cause: event, unloaded: true }
          : { why: message, cause: error ?? event, unloaded: false },
      );
    });
    any.addEventListener?.("messageerror", (event) => listener(unreadable(event)));
  }
}

/**
 * Has a worker and the port to it keep a Node process alive, or not. The port alone does not do: it closes when the worker
 * ends, and the process would end before anybody was told.
 */
export function keepAlive(on: boolean, worker: WorkerLike, port: Port): void {
  for (const each of [worker, port] as readonly unknown[] as readonly Pick<
    AnyWorker,
    "ref" | "unref"
  >[]) {
    on ? each.ref?.() : each.unref?.();
  }
}

function unreadable(cause: unknown): Death {
  return { why: "a message cannot be read", cause, unloaded: false };
}

/** Says what to do about a script that is not where it should be. */
export function cannotLoad(
  option: ConnectOptions["worker"],
  why: string,
  cause: unknown,
): DeltaError {
  const url =
    typeof option === "string" || option instanceof URL ? ` ${quote(String(option))}` : "";
  return invalid(
    `the script${url} of the database's worker cannot be loaded (${why}): serve deltavec/worker, give its URL as option worker, and let the page's Content-Security-Policy allow it (worker-src)`,
    { cause },
  );
}

/** Node takes URLs only as such. */
function toScript(given: URL | string): URL | string {
  return typeof given === "string" && /^(file|data):/.test(given) ? new URL(given) : given;
}

/** Within a worker: calls back with every message of it. Elsewhere does nothing. */
export function onWorkerMessage(listener: (data: unknown) => void): void {
  const { WorkerGlobalScope } = globalThis as { WorkerGlobalScope?: new () => object };
  if (WorkerGlobalScope !== undefined && globalThis instanceof WorkerGlobalScope) {
    (globalThis as Scope).addEventListener?.("message", ({ data }) => listener(data));
  } else {
    workerThreads()?.parentPort?.on?.("message", listener);
  }
}
