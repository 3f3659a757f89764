import { LAST_ANSWERS_MS, lifeOf, makeGate, openReaders } from "../connect.ts";
import { untilAborted } from "../connection.ts";
import { DeltaError, describe, invalid, requireSignal } from "../errors.ts";
import { onEnd } from "../life.ts";
import { load, moduleSoFar } from "../module.ts";
import { databaseOptions } from "../options.ts";
import { Readers } from "../readers.ts";
import type { ConnectOptions, RemoteDurableDeltaVectorDB } from "../remote.ts";
import { type OpenMessage, PROTOCOL } from "../remote-protocol.ts";
import { cannotLoad, type Death, onDeath, startWorker } from "../worker-host.ts";
import type { StorageStart } from "./backing.ts";
import { TabClient, type TabOpened } from "./tab-client.ts";
import { tabPlatform } from "./tab-protocol.ts";
import { durabilityOf, makeFace, requireSame, tabMode } from "./tabs.ts";

/** `DeltaVectorDB.connect` with a storage: the worker opens it, or this tab works through another one that has it. */
export async function connectStorage(given: ConnectOptions): Promise<RemoteDurableDeltaVectorDB> {
  const { worker: kind, signal, readers: count = 0, storage: url } = given;
  requireSignal(signal);
  signal?.throwIfAborted();
  if (typeof url !== "string") {
    throw invalid(
      `option storage must be a URL, not ${describe(url)}: a worker cannot be given another`,
    );
  }
  const { name = url } = given;
  if (typeof name !== "string") {
    throw invalid(`option name must be a string, not ${describe(name)}`);
  }
  const options = databaseOptions(given);
  const durability = durabilityOf(given.durability);
  const platform = tabPlatform();
  const gate = makeGate(count, kind);
  const mode = tabMode(url, given.tabs, platform, count);
  const { flushMs, recover, create } = given;
  const how = Object.fromEntries(
    Object.entries({ durability, flushMs, recover, create }).filter(([, v]) => v !== undefined),
  );
  const storage: StorageStart = { url, mode, options, how };
  const module = gate === undefined ? await moduleSoFar() : undefined;
  const worker = startWorker(kind, name);
  const { port1, port2 } = new MessageChannel();
  const shared = mode === "alone" ? undefined : platform;
  let readers: Readers | undefined;
  let ended: ((death: Death) => void) | undefined;
  const terminate = (): unknown => {
    readers?.close();
    return worker.terminate();
  };
  const died = new Promise<never>((_, reject) => {
    onDeath(worker, (death) => {
      const { why, cause, unloaded } = death;
      reject(
        unloaded
          ? cannotLoad(kind, why, cause)
          : new DeltaError("CLOSED", `the worker of ${url} has died: ${why}`, { cause }),
      );
      ended?.(death);
    });
  });
  died.catch(() => undefined);
  const message: OpenMessage = {
    deltavec: PROTOCOL,
    port: port2,
    module,
    options: undefined,
    clock: false,
    gate,
    life: lifeOf(worker),
    storage,
  };
  const client = new TabClient({ url, mode, durability, control: port1, platform: shared });
  let opened: TabOpened;
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
    opened = await untilAborted(Promise.race([client.opened, died]), signal);
    requireSame(options, opened, url);
    const { image } = opened;
    if (gate !== undefined && image !== undefined) {
      readers = new Readers(gate, opened.options.dimensions);
      const start = { ...image, options: opened.options, gate };
      const all = openReaders(readers, count, (reader) => ({
        worker: startWorker(kind, `${name} reader ${reader}`),
        start: { ...start, reader },
      }));
      await untilAborted(Promise.race([all, died]), signal);
    }
    const { module: loaded } = opened;
    if (loaded !== undefined) {
      await load(() => loaded);
    }
  } catch (error) {
    client.close();
    await terminate();
    throw error;
  }
  const { db, connection } = makeFace({
    ...{ url, client, opened, given, worker, terminate, name, readers },
  });
  ended = ({ why, cause }) => connection.die(why, cause);
  const { life } = message;
  if (life !== undefined) {
    client.ready.then((lives) => {
      if (lives) {
        const end = (): void => connection.die("it was terminated", undefined);
        // Its last answers may still be on their way.
        onEnd(life, () => setTimeout(end, LAST_ANSWERS_MS));
      }
    });
  }
  return db;
}
