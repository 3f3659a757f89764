import { Connection, untilAborted } from "./connection.ts";
import { DeltaError, describe, invalid, requireSignal } from "./errors.ts";
import { GATE_WORDS, MAX_READERS } from "./gate.ts";
import { lifeName, onEnd } from "./life.ts";
import { load, moduleSoFar } from "./module.ts";
import { resolve } from "./options.ts";
import { requireSharedMemory } from "./platform.ts";
import type { ReaderStart } from "./reader.ts";
import { Readers } from "./readers.ts";
import type {
  ConnectOptions,
  RemoteDeltaVectorDB,
  RemoteDurableDeltaVectorDB,
  WorkerLike,
} from "./remote.ts";
import { RemoteFace } from "./remote-face.ts";
import { type OpenMessage, PROTOCOL, type ReaderMessage } from "./remote-protocol.ts";
import { cannotLoad, onDeath, startWorker } from "./worker-host.ts";

/** Milliseconds in which what a worker has answered is here, too, once its end is known. */
export const LAST_ANSWERS_MS = 100;

/** `DeltaVectorDB.connect`. */
export async function connect(
  given: ConnectOptions,
): Promise<RemoteDeltaVectorDB | RemoteDurableDeltaVectorDB> {
  if (given?.storage !== undefined) {
    return (await import("./storage/remote-storage.ts")).connectStorage(given);
  }
  const options = resolve(given);
  const { worker: kind, name = "deltavec", now: clock, onError, readers: count = 0 } = given;
  const { signal } = given;
  requireSignal(signal);
  signal?.throwIfAborted();
  if (typeof name !== "string") {
    throw invalid(`option name must be a string, not ${describe(name)}`);
  }
  const gate = makeGate(count, kind);
  const module = gate === undefined ? await moduleSoFar() : undefined;
  const worker = startWorker(kind, name);
  const { port1, port2 } = new MessageChannel();
  const connection = new Connection({
    port: port1,
    worker,
    terminate: () => {
      readers?.close();
      return worker.terminate();
    },
    form: { compression: options.compression, grid: options.precision?.grid ?? 0 },
    name,
    clock,
    onError,
  });
  const readers = gate && new Readers(gate, options.dimensions);
  let open = false;
  onDeath(worker, ({ why, cause, unloaded }) => {
    if (!open && unloaded) {
      connection.end(() => cannotLoad(kind, why, cause));
    } else {
      connection.die(why, cause);
    }
  });
  const message: OpenMessage = {
    deltavec: PROTOCOL,
    port: port2,
    module,
    options,
    clock: clock !== undefined,
    gate,
    life: lifeOf(worker),
  };
  const opened = connection.opened();
  try {
    try {
      worker.postMessage(message, [port2] as never[]);
    } catch (error) {
      if (module === undefined) {
        throw error;
      }
      // Where modules cannot be posted the worker loads its own.
      worker.postMessage({ ...message, module: undefined }, [port2] as never[]);
    }
    const { module: loaded, image, lives } = await untilAborted(opened, signal);
    open = true;
    if (message.life !== undefined && lives) {
      // Its last answers may still be on their way.
      const died = (): void => connection.die("it was terminated", undefined);
      onEnd(message.life, () => setTimeout(died, LAST_ANSWERS_MS));
    }
    if (readers !== undefined && image !== undefined && gate !== undefined) {
      const all = openReaders(readers, count, (reader) => ({
        worker: startWorker(kind, `${name} reader ${reader}`),
        start: { ...image, options, gate, reader },
      }));
      await untilAborted(all, signal);
      connection.check(); // the database's worker may have died meanwhile
    }
    if (loaded !== undefined) {
      await load(() => loaded);
    }
  } catch (error) {
    opened.catch(() => undefined);
    await connection.end(
      () => new DeltaError("CLOSED", "the database could not be opened", { cause: error }),
    );
    throw error;
  }
  return RemoteFace.of(connection, options, name, readers);
}

/** Makes the gate that as many readers as wanted share with the database; none for none. */
export function makeGate(count: unknown, kind: ConnectOptions["worker"]): Int32Array | undefined {
  if (!Number.isInteger(count) || (count as number) < 0 || (count as number) > MAX_READERS) {
    throw invalid(
      `option readers must be a whole number from 0 to ${MAX_READERS}, not ${describe(count)}`,
    );
  }
  if (count === 0) {
    return undefined;
  }
  requireSharedMemory();
  if (typeof kind === "object" && !(kind instanceof URL)) {
    throw invalid(
      "option readers needs more workers than one: give option worker a URL or a function",
    );
  }
  return new Int32Array(new SharedArrayBuffer(4 * GATE_WORDS));
}

/** Names the life of a worker that does not tell of its end: Web Workers have no event for that; those of Node have. */
export function lifeOf(worker: WorkerLike): string | undefined {
  return "on" in worker ? undefined : lifeName();
}

/** Starts readers, all at a time. */
export async function openReaders(
  readers: Readers,
  count: number,
  make: (reader: number) => { readonly worker: WorkerLike; readonly start: ReaderStart },
): Promise<void> {
  const all = Array.from({ length: count }, (_, i) => {
    const { worker, start } = make(i);
    const { port1, port2 } = new MessageChannel();
    const life = lifeOf(worker);
    const ready = readers.add(i, worker, port1, life);
    const message: ReaderMessage = { deltavec: PROTOCOL, port: port2, reader: start, life };
    worker.postMessage(message, [port2] as never[]);
    return ready;
  });
  await Promise.all(all);
}
