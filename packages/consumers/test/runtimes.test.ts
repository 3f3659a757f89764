// The packed package in Node and on an edge runtime, and under the compiler.
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import * as esbuild from "esbuild";
import { EXPECTED, Project } from "../src/project.ts";

const REPORT = 'import { program } from "./program.js";\nconst result = await program();\n';

test("Node runs the package", () => {
  const project = new Project("node", {
    "main.js": `${REPORT}console.log(JSON.stringify(result));\n`,
  });
  assert.deepEqual(JSON.parse(project.node("main.js")), EXPECTED);
});

test("Node runs the package in a worker, and its own worker from there", () => {
  const project = new Project("node-worker", {
    "main.js": `import { once } from "node:events";
import { Worker } from "node:worker_threads";
const worker = new Worker(new URL("thread.js", import.meta.url));
console.log(JSON.stringify((await once(worker, "message"))[0]));
await worker.terminate();\n`,
    "thread.js": `import { parentPort } from "node:worker_threads";
import { inWorker } from "./worker.js";
${REPORT}parentPort.postMessage([result, await inWorker({})]);\n`,
  });
  assert.deepEqual(JSON.parse(project.node("main.js")), [EXPECTED, ["a"]]);
});

test("workerd runs the package with the module as it is deployed", async () => {
  const project = new Project("workerd", {
    "main.js": `import { program } from "./program.js";
export default {
  async fetch() {
    return Response.json(await program());
  },
};\n`,
  });
  await esbuild.build({
    absWorkingDir: project.folder,
    entryPoints: ["main.js"],
    outdir: "dist",
    bundle: true,
    format: "esm",
    target: "es2022",
    conditions: ["workerd", "worker"],
    external: ["*.wasm", "node:*"],
    logLevel: "error",
  });
  copyFileSync(
    project.path("node_modules/deltavec/dist/deltavec.wasm"),
    project.path("dist/deltavec.wasm"),
  );
  const port = await freePort();
  const config = `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = .worker)],
  sockets = [(name = "http", address = "127.0.0.1:${port}", http = (), service = "main")],
);
const worker :Workerd.Worker = (
  modules = [
    (name = "main.js", esModule = embed "dist/main.js"),
    (name = "deltavec.wasm", wasm = embed "dist/deltavec.wasm"),
  ],
  compatibilityDate = "2026-01-01",
);\n`;
  writeFileSync(project.path("config.capnp"), config);
  const program = createRequire(import.meta.url).resolve("workerd/bin/workerd");
  const server = spawn(program, ["serve", "config.capnp"], {
    cwd: project.folder,
    stdio: ["ignore", "ignore", "pipe"],
  });
  let said = "";
  server.stderr.on("data", (chunk) => {
    said += chunk;
  });
  try {
    const response = await answered(`http://127.0.0.1:${port}/`, server, () => said);
    assert.deepEqual(await response.json(), EXPECTED);
  } finally {
    server.kill();
    if (server.exitCode === null && server.signalCode === null) await once(server, "exit");
  }
});

for (const [resolution, module] of [
  ["nodenext", "nodenext"],
  ["bundler", "esnext"],
] as const) {
  test(`TypeScript finds all types by moduleResolution ${resolution}`, () => {
    const project = new Project(`types-${resolution}`);
    const tests = join(import.meta.dirname, "../../deltavec/test/consumer");
    mkdirSync(project.path("src"));
    copyFileSync(join(tests, "consumer.ts"), project.path("src/consumer.ts"));
    const typescript = createRequire(
      join(import.meta.dirname, "../../deltavec/package.json"),
    ).resolve("typescript/package.json");
    project.node(
      join(dirname(typescript), "bin/tsc"),
      ...["--noEmit", "--strict", "--target", "es2022", "--lib", "es2022,dom", "--ignoreConfig"],
      ...["--module", module, "--moduleResolution", resolution, "--types", "", "src/consumer.ts"],
    );
  });
}

/** A port that nobody listens on just now. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

/** Asks until there is an answer. */
async function answered(url: string, server: ChildProcess, said: () => string): Promise<Response> {
  for (let i = 0; i < 200; i++) {
    if (server.exitCode !== null) break;
    try {
      return await fetch(url);
    } catch {
      await sleep(50);
    }
  }
  throw new Error(`workerd does not answer: ${said()}`);
}
