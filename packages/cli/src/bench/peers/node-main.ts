/** What runs in a process of Node: one call, `measure`, in a line of JSON on standard input. */
import { registerHooks } from "node:module";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";
import { folder } from "../../data/folder.ts";
import type { Reply, Request } from "../../engine/engine.ts";
import { messageOf } from "../../errors.ts";
import { readPeerData } from "./data.ts";
import { measurePeer } from "./measure.ts";
import type { AnyPeer } from "./peer.ts";
import type { PeerRequest } from "./protocol.ts";

const [installed] = process.argv.slice(2);

// The peers are installed in a folder of their own.
registerHooks({
  resolve(specifier, context, next) {
    const bare = !/^(\.|\/|file:|node:)/.test(specifier);
    try {
      return next(specifier, context);
    } catch (error) {
      if (!bare || installed === undefined) {
        throw error;
      }
      const parentURL = pathToFileURL(join(installed, "package.json")).href;
      return next(specifier, { ...context, parentURL });
    }
  },
});

function reply(value: Reply): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

for await (const line of createInterface({ input: process.stdin })) {
  const { id, params } = JSON.parse(line) as Request;
  const { name, data } = params as PeerRequest;
  try {
    const given = await readPeerData(folder(data));
    const { default: peer } = (await import(`./adapters/${name}.ts`)) as { default: AnyPeer };
    const result = await measurePeer(name, peer, given, {
      runtime: `Node ${process.versions.node}`,
      memory: async () => {
        globalThis.gc?.();
        return process.memoryUsage.rss();
      },
      tell: (doing) => reply({ id, event: doing }),
    });
    reply({ id, result });
  } catch (error) {
    reply({ id, error: messageOf(error) });
  }
}
