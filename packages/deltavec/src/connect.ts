import { Connection } from "./connection.ts";
import { DeltaError, describe, invalid } from "./errors.ts";
import { load, moduleSoFar } from "./module.ts";
import { resolve } from "./options.ts";
import type { ConnectOptions, RemoteDeltaVectorDB } from "./remote.ts";
import { RemoteFace } from "./remote-face.ts";
import { type OpenMessage, PROTOCOL } from "./remote-protocol.ts";
import { cannotLoad, onDeath, startWorker } from "./worker-host.ts";

/** `DeltaVectorDB.connect`. */
export async function connect(given: ConnectOptions): Promise<RemoteDeltaVectorDB> {
  const options = resolve(given);
  const { worker: kind, name = "deltavec", now: clock, onError } = given;
  if (typeof name !== "string") {
    throw invalid(`option name must be a string, not ${describe(name)}`);
  }
  const module = await moduleSoFar();
  const worker = startWorker(kind, name);
  const { port1, port2 } = new MessageChannel();
  const connection = new Connection({
    port: port1,
    terminate: () => worker.terminate(),
    form: { compression: options.compression, grid: options.precision?.grid ?? 0 },
    name,
    clock,
    onError,
  });
  let open = false;
  onDeath(worker, ({ why, cause, unloaded }) => {
    if (!open && unloaded) {
      connection.end(() => cannotLoad(why, cause));
    } else {
      connection.die(why, cause);
    }
  });
  port1.addEventListener("close", () => {
    // Node tells more by events of the worker itself.
    if (!("on" in worker)) {
      connection.die("it was terminated", undefined);
    }
  });
  const message: OpenMessage = {
    deltavec: PROTOCOL,
    port: port2,
    module,
    options,
    clock: clock !== undefined,
    shared: false,
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
    const { module: loaded } = await opened;
    open = true;
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
  return RemoteFace.of(connection, options, name);
}
