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

/**
 * The linear memories of all modules, which the browser does not count among what a page takes; weakly, as those of a
 * database that was given up are none of its successor's.
 */
const memories = new Set<WeakRef<WebAssembly.Memory>>();
const noted = new WeakSet<WebAssembly.Memory>();

function note(instance: WebAssembly.Instance, imports: WebAssembly.Imports = {}): void {
  const given = Object.values(imports).flatMap((module) => Object.values(module));
  for (const each of [...Object.values(instance.exports), ...given]) {
    if (each instanceof WebAssembly.Memory && !noted.has(each)) {
      noted.add(each);
      memories.add(new WeakRef(each));
    }
  }
}

/** Has modules noted as they are started. */
function watch(): void {
  const { instantiate, instantiateStreaming, Instance } = WebAssembly;
  type Started = WebAssembly.Instance | WebAssembly.WebAssemblyInstantiatedSource;
  const noting =
    <S>(start: (source: S, imports?: WebAssembly.Imports) => Promise<Started>) =>
    async (source: S, imports?: WebAssembly.Imports): Promise<Started> => {
      const started = await start(source, imports);
      note("instance" in started ? started.instance : started, imports);
      return started;
    };
  WebAssembly.instantiate = noting(instantiate as never) as typeof instantiate;
  WebAssembly.instantiateStreaming = noting(
    instantiateStreaming as never,
  ) as typeof instantiateStreaming;
  WebAssembly.Instance = class extends Instance {
    constructor(module: WebAssembly.Module, imports?: WebAssembly.Imports) {
      super(module, imports);
      note(this, imports);
    }
  };
}

/** Bytes that the page takes, scripts and modules. */
async function taken(): Promise<number | undefined> {
  const scripts = await performance.measureUserAgentSpecificMemory?.();
  if (scripts === undefined) {
    return undefined;
  }
  return Array.from(memories).reduce(
    (sum, memory) => sum + (memory.deref()?.buffer.byteLength ?? 0),
    scripts.bytes,
  );
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
  watch();
  const { default: peer } = (await import(`/peers/${name}/main.js`)) as { default: AnyPeer };
  const version = /Chrome\/(\d+)/.exec(navigator.userAgent)?.[1];
  return await measurePeer(name, peer, given, {
    runtime: `Chromium ${version}`,
    memory: taken,
    tell: (doing) => globalThis.peersTell(doing),
  });
};
