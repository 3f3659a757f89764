import { backstage } from "../database.ts";
import { WriterGate } from "../gate.ts";
import { live } from "../life.ts";
import { loadedModule } from "../module.ts";
import type { OpenMessage } from "../remote-protocol.ts";
import type { OpenBacking, StorageStart } from "./backing.ts";
import { openBacking } from "./open-backing.ts";
import { TabHost } from "./tab-host.ts";
import { type HostMessage, tabPlatform } from "./tab-protocol.ts";

/**
 * Within a worker: opens a storage once its lock is had, and serves the database in it.
 *
 * @param load - loads the module, if that has not been done
 */
export async function serveStorage(
  { port, module, gate, life }: OpenMessage,
  { url, mode, options, how }: StorageStart,
  load: () => Promise<void>,
): Promise<void> {
  const open: OpenBacking = async (release, now) => {
    await load();
    const backing = await openBacking(url, { ...options, now }, how, release);
    if (gate !== undefined) {
      backstage(backing.db).instance.gate = new WriterGate(gate);
    }
    return backing;
  };
  new TabHost({
    url,
    mode,
    control: port,
    open,
    durability: how.durability ?? "relaxed",
    platform: mode === "alone" ? undefined : tabPlatform(),
    share: ({ db }) => {
      const { memory, root } = backstage(db).instance;
      return gate === undefined
        ? { module: module === undefined ? loadedModule() : undefined, image: undefined }
        : { module: undefined, image: { module: loadedModule(), memory, root } };
    },
  });
  const lives = life !== undefined && (await live(life)) !== undefined;
  port.postMessage({ type: "ready", lives } satisfies HostMessage);
}
