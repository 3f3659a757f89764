import { readFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Engine } from "../../engine/engine.ts";
import { java, startProcess } from "../../engine/process-engine.ts";
import { versionOf } from "./browser.ts";
import type { Contestant } from "./catalog.ts";
import { INSTALLED, JVM_MODULE } from "./install.ts";
import type { PeerRequest, PeerResult } from "./protocol.ts";
import type { Measured } from "./results.ts";
import type { Runner } from "./run.ts";
import { within } from "./timeout.ts";

/** Measures each database in a process of its own. */
class ProcessRunner implements Runner {
  readonly #start: () => Engine;
  readonly #version: (contestant: Contestant) => string;

  constructor(start: () => Engine, version: (contestant: Contestant) => string) {
    this.#start = start;
    this.#version = version;
  }

  async measure(
    contestant: Contestant,
    data: string,
    tell: (doing: string) => void,
  ): Promise<Measured> {
    const { name } = contestant;
    const engine = this.#start();
    try {
      const request: PeerRequest = { name, data };
      const work = engine.call<PeerResult>("measure", request, (doing) => tell(String(doing)));
      return { result: await within(work, name), version: this.#version(contestant) };
    } finally {
      await engine.close();
    }
  }

  async close(): Promise<void> {}
}

/** What measures in processes of Node. */
export function nodeRunner(): Runner {
  const main = fileURLToPath(new URL("node-main.ts", import.meta.url));
  const start = (): Engine =>
    startProcess("node", process.execPath, ["--expose-gc", main, INSTALLED]);
  return new ProcessRunner(start, versionOf);
}

/** What measures in Java, with the Vector API, which deltavec, jvector and Lucene use. */
export function jvmRunner(): Runner {
  const target = join(JVM_MODULE, "target");
  const start = (): Engine =>
    startProcess("jvm", java(), [
      "--add-modules=jdk.incubator.vector",
      "--enable-native-access=ALL-UNNAMED",
      "-Xms2g",
      "-Xmx2g",
      "-cp",
      [join(target, "classes"), join(target, "lib", "*")].join(delimiter),
      "dev.deltavec.peers.Main",
    ]);
  return new ProcessRunner(start, ({ package: name }) =>
    name === undefined ? "this tree" : mavenVersion(name),
  );
}

/** The version of an artifact that the module names. */
function mavenVersion(name: string): string {
  const artifact = name.split(":")[1]!;
  const pom = readFileSync(join(JVM_MODULE, "pom.xml"), "utf8");
  return (
    new RegExp(`<artifactId>${artifact}</artifactId>\\s*<version>([^<]+)`).exec(pom)?.[1] ?? ""
  );
}
