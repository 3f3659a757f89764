/** What runs in the page: takes one database, whose script is loaded beside this one, through all steps. */
import { readPeerData } from "./data.ts";
import { measurePeer } from "./measure.ts";
import type { AnyPeer } from "./peer.ts";
import type { PeerRequest, PeerResult } from "./protocol.ts";

declare global {
  var peersMeasure: (request: PeerRequest) => Promise<PeerResult>;
  var peersTell: (doing: string) => Promise<void>;
  interface Performance {
    measureUserAgentSpecificMemory?(): Promise<{ readonly bytes: number }>;
  }
}

globalThis.peersMeasure = async ({ name, data }) => {
  const given = await readPeerData({
    async read(file) {
      const response = await fetch(`${data}/${file}`);
      if (!response.ok) {
        throw new Error(`${file}: ${response.status}`);
      }
      return new Uint8Array(await response.arrayBuffer());
    },
  });
  const { default: peer } = (await import(`/peers/${name}/main.js`)) as { default: AnyPeer };
  const version = /Chrome\/(\d+)/.exec(navigator.userAgent)?.[1];
  return await measurePeer(name, peer, given, {
    runtime: `Chromium ${version}`,
    memory: async () => (await performance.measureUserAgentSpecificMemory?.())?.bytes,
    tell: (doing) => globalThis.peersTell(doing),
  });
};
