#!/usr/bin/env node
import { Command, InvalidArgumentError, Option } from "commander";
/** The command line: `demo`, `verify`, `dump`, `load`, `follow`, `server`, `bench adr`, `bench history`, `bench churn`, `bench bridge`, `bench storage`, `bench component`, `bench peers`. */
import { PARTS as BRIDGE_PARTS, type Part as BridgePart } from "./bench/bridge/protocol.ts";
import { PARTS, type Part } from "./bench/churn/protocol.ts";
import {
  PARTS as COMPONENT_PARTS,
  type Part as ComponentPart,
} from "./bench/component/protocol.ts";
import { NAMES as PEER_NAMES } from "./bench/peers/catalog.ts";
import { PARTS as SCALE_PARTS, type Part as ScalePart } from "./bench/scale/protocol.ts";
import { PARTS as STORAGE_PARTS, type Part as StoragePart } from "./bench/storage/protocol.ts";
import { ENGINES, type EngineName, WASM_ENGINES } from "./engine/engine.ts";
import { messageOf } from "./errors.ts";
import type { FollowOptions } from "./follow.ts";
import type { LoadOptions } from "./load/load.ts";
import { print } from "./terminal.ts";

function positive(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < 1 || value > 1e9) {
    throw new InvalidArgumentError("It must be a whole number of 1 or more.");
  }
  return value;
}

function port(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value > 65_535) {
    throw new InvalidArgumentError("It must be a whole number up to 65,535; 0 for any free port.");
  }
  return value;
}

function among<T extends string>(known: readonly T[]): (text: string) => T[] {
  return (text) => {
    const names = text.split(",").map((name) => name.trim() as T);
    const unknown = names.find((name) => !known.includes(name));
    if (unknown !== undefined) {
      throw new InvalidArgumentError(
        `${JSON.stringify(unknown)} is none; there are ${known.join(", ")}.`,
      );
    }
    return known.filter((name) => names.includes(name));
  };
}

/** Status of `verify` and `dump` where something is damaged, and where they are called wrongly. */
const DAMAGED = 1;
const USAGE = 2;

const STATUS = `
Ends with 0 where all is good, ${DAMAGED} where something is damaged, ${USAGE} where it is called wrongly.
Changes nothing.`;

/** Whether a command tells damage by its status. */
function tellsDamage(): boolean {
  return ["verify", "dump"].includes(process.argv[2] ?? "");
}

const program = new Command("deltavec")
  .description("A delta-first vector database: see it work, measure it.")
  .showHelpAfterError("(--help tells the options)")
  .exitOverride((error) => {
    process.exit(error.exitCode !== 0 && tellsDamage() ? USAGE : error.exitCode);
  });

program
  .command("demo")
  .description("serve a page with semantic search that follows edits; or replay them here")
  .option("--port <number>", "where the page is served on this machine", port, 4173)
  .option("--open", "open the page in your browser", false)
  .option("--terminal", "load real embeddings and replay real edits in the terminal", false)
  .addOption(
    new Option("--engine <name>", "where that runs (default: node)")
      .choices(["node", "chromium", "jvm"])
      .implies({ terminal: true }),
  )
  .addOption(
    new Option("--edits <count>", "replay only the first edits there")
      .argParser(positive)
      .implies({ terminal: true }),
  )
  .action(
    async (options: {
      port: number;
      open: boolean;
      terminal: boolean;
      engine?: EngineName;
      edits?: number;
    }) => {
      if (!options.terminal) {
        const { servePage } = await import("./demo/page.ts");
        await servePage(options);
        return;
      }
      const { demo, demoData } = await import("./demo/demo.ts");
      const { DemoView } = await import("./demo/view.ts");
      const edits = options.edits ?? 1e9;
      const view = new DemoView(await demoData(), edits);
      await demo({ engine: options.engine ?? "node", edits }, (event) => view.show(event));
    },
  );

program
  .command("verify")
  .description("check a file, or the directory of a database, also while it is open")
  .argument("<path>", "log, snapshot, exported snapshot, frames, cursor, or a directory")
  .option("--strict", "a torn tail is damage, too", false)
  .addHelpText("after", STATUS)
  .action(async (path: string, options: { strict: boolean }) => {
    const { verify } = await import("./files/verify.ts");
    process.exitCode = verify(path, options) ? 0 : DAMAGED;
  });

program
  .command("dump")
  .description("show what is in such a file, a line for each record, delta or section")
  .argument("<path>", "log, snapshot, exported snapshot, frames, cursor, or a directory")
  .addOption(
    new Option("--limit <count>", "the most lines")
      .argParser(positive)
      .default(Number.POSITIVE_INFINITY, "all"),
  )
  .option("--json", "a JSON object a line, with all values", false)
  .option("--vector <id>", "only what is of this vector")
  .addHelpText("after", STATUS)
  .action(async (path: string, options: { limit: number; json: boolean; vector?: string }) => {
    const { dump } = await import("./files/dump.ts");
    const { vector, ...rest } = options;
    process.exitCode = dump(path, { ...rest, vector }) ? 0 : DAMAGED;
  });

const collect = (text: string, all: readonly string[]): string[] => [...all, text];

program
  .command("load")
  .description("load vectors or deltas into a service")
  .argument(
    "[files...]",
    "JSON lines of {id, vector, metadata} or of deltas, frames, or folders of a data set",
  )
  .requiredOption("--to <url>", "where the service is")
  .option("--token <jwt>", "token to show (default: $DELTAVEC_TOKEN)")
  .option("--token-file <file>", "file that holds it")
  .option("--batch <count>", "deltas of a request at most", positive, 1000)
  .option("--parallel <count>", "requests at a time", positive, 4)
  .option("--client <name>", "goes on where a load of this name was interrupted; nothing twice")
  .option("--position <file>", "keeps how far it has come (default: NAME.position.json)")
  .option("--dimensions-check", "read and check all files before anything is sent", false)
  .option("--sample", "load the 2,000 vectors that the repository carries", false)
  .action(async (files: string[], options: LoadOptions) => {
    const { load } = await import("./load/load.ts");
    await load(files, options);
  });

program
  .command("follow")
  .description("bring a database up to date with a service, and show what changes")
  .argument("<url>", "where the service is")
  .option("--into <file:dir>", "keep the database in a directory (default: in memory)")
  .option("--export <file>", "write the database to a file at the end")
  .option("--prefix <text>", "only vectors whose ids begin so; may be repeated", collect, [])
  .option("--id <id>", "only this vector; may be repeated", collect, [])
  .option("--token <jwt>", "token to show (default: $DELTAVEC_TOKEN)")
  .option("--token-file <file>", "file that holds it")
  .option("--once", "end when it is up to date", false)
  .option("--json", "a JSON object a line", false)
  .action(async (url: string, options: FollowOptions & { token?: string; tokenFile?: string }) => {
    const { follow } = await import("./follow.ts");
    const { tokenOf } = await import("./load/load.ts");
    await follow(url, { ...options, token: tokenOf(options) });
  });

program
  .command("server")
  .description("run the server, from the source tree")
  .argument("[options...]", "those of the server; --help tells them")
  .helpOption(false)
  .allowUnknownOption()
  .action(async (args: string[]) => {
    const { server } = await import("./server.ts");
    process.exitCode = await server(args);
  });

const bench = program.command("bench").description("measure");

bench
  .command("adr")
  .description("the operations on real data, on the JVM, Node and Chromium in one run")
  .option("--json <file>", "write the figures to a file")
  .option("--data <folder>", "data set (default: the full one, built on first use)")
  .option("--engines <names>", "comma-separated", among(ENGINES), [...ENGINES])
  .option("--n <count>", "vectors in the database", positive, 10_000)
  .option("--rounds <count>", "measured rounds", positive, 7)
  .addOption(
    new Option("--history <state>", "whether the databases keep it")
      .choices(["on", "off"])
      .default("on"),
  )
  .action(
    async (options: {
      json?: string;
      data?: string;
      engines: EngineName[];
      n: number;
      rounds: number;
      history: "on" | "off";
    }) => {
      const { adr } = await import("./bench/adr.ts");
      const { render } = await import("./bench/report.ts");
      const { json, data, history, ...rest } = options;
      print(render(await adr({ ...rest, history: history === "on", json, data })));
    },
  );

bench
  .command("history")
  .description("reading the past, merging, bytes, and what keeping history costs")
  .option("--json <file>", "write the figures to a file")
  .option("--data <folder>", "data set (default: what the repository carries)")
  .option("--engines <names>", "comma-separated", among(WASM_ENGINES), [...WASM_ENGINES])
  .option("--deltas <count>", "deltas of the chain, frames of a merge", positive, 10_000)
  .option("--rounds <count>", "measured rounds", positive, 5)
  .action(
    async (options: {
      json?: string;
      data?: string;
      engines: EngineName[];
      deltas: number;
      rounds: number;
    }) => {
      const { history } = await import("./bench/history.ts");
      const { renderHistory } = await import("./bench/history-report.ts");
      const { json, data, ...rest } = options;
      print(renderHistory(await history({ ...rest, json, data })));
    },
  );

bench
  .command("churn")
  .description("the index under edits: updates, deletes, turnover, filters, search, memory, scale")
  .option("--json <file>", "write the figures to a file")
  .option("--data <folder>", "data set (default: what the repository carries, with noise)")
  .option("--engines <names>", "comma-separated", among(ENGINES), ["jvm", "chromium"])
  .option("--only <parts>", `comma-separated, of ${PARTS.join(", ")}`, among(PARTS), [...PARTS])
  .option("--n <count>", "vectors in the database", positive, 10_000)
  .option("--rounds <count>", "rounds of what is timed", positive, 3)
  .action(
    async (options: {
      json?: string;
      data?: string;
      engines: EngineName[];
      only: Part[];
      n: number;
      rounds: number;
    }) => {
      const { churn } = await import("./bench/churn/churn.ts");
      const { renderChurn } = await import("./bench/churn/report.ts");
      const { json, data, ...rest } = options;
      print(renderChurn(await churn({ ...rest, json, data })));
    },
  );

bench
  .command("bridge")
  .description("from programs to databases: pool, views, workers, channels, readers")
  .option("--json <file>", "write the figures to a file")
  .option("--data <folder>", "data set (default: what the repository carries, with noise)")
  .option("--engines <names>", "comma-separated", among(WASM_ENGINES), ["chromium"])
  .option("--only <parts>", `comma-separated, of ${BRIDGE_PARTS.join(", ")}`, among(BRIDGE_PARTS), [
    ...BRIDGE_PARTS,
  ])
  .option("--n <count>", "vectors in the database", positive, 10_000)
  .option("--rounds <count>", "rounds of what is timed", positive, 5)
  .option("--soak <frames>", "frames of the soak", positive, 1_000_000)
  .action(
    async (options: {
      json?: string;
      data?: string;
      engines: EngineName[];
      only: BridgePart[];
      n: number;
      rounds: number;
      soak: number;
    }) => {
      const { bridge } = await import("./bench/bridge/bridge.ts");
      const { renderBridge } = await import("./bench/bridge/report.ts");
      const { json, data, ...rest } = options;
      print(renderBridge(await bridge({ ...rest, json, data })));
    },
  );

bench
  .command("storage")
  .description("export, import, opening, and what it costs to be on disk")
  .option("--json <file>", "write the figures to a file")
  .option("--data <folder>", "data set (default: what the repository carries, with noise)")
  .option("--engines <names>", "comma-separated", among(ENGINES), [...ENGINES])
  .option(
    "--only <parts>",
    `comma-separated, of ${STORAGE_PARTS.join(", ")}`,
    among(STORAGE_PARTS),
    [...STORAGE_PARTS],
  )
  .option("--n <count>", "vectors in the database", positive, 10_000)
  .option("--rounds <count>", "rounds of what is timed", positive, 5)
  .option("--kills <count>", "processes that are killed while they write", positive, 40)
  .action(
    async (options: {
      json?: string;
      data?: string;
      engines: EngineName[];
      only: StoragePart[];
      n: number;
      rounds: number;
      kills: number;
    }) => {
      const { storage } = await import("./bench/storage/storage.ts");
      const { renderStorage } = await import("./bench/storage/report.ts");
      const { json, data, ...rest } = options;
      print(renderStorage(await storage({ ...rest, json, data })));
    },
  );

bench
  .command("component")
  .description("the WebAssembly components: calls by jco, in wasmtime, size, memory")
  .option("--json <file>", "write the figures to a file")
  .option("--data <folder>", "data set (default: what the repository carries, with noise)")
  .option(
    "--only <parts>",
    `comma-separated, of ${COMPONENT_PARTS.join(", ")}`,
    among(COMPONENT_PARTS),
    [...COMPONENT_PARTS],
  )
  .option("--n <count>", "vectors in the database", positive, 10_000)
  .option("--rounds <count>", "rounds of what is timed", positive, 5)
  .option("--soak <calls>", "calls of each kind in the soak", positive, 100_000)
  .action(
    async (options: {
      json?: string;
      data?: string;
      only: ComponentPart[];
      n: number;
      rounds: number;
      soak: number;
    }) => {
      const { component } = await import("./bench/component/component.ts");
      const { renderComponent } = await import("./bench/component/report.ts");
      const { json, data, ...rest } = options;
      print(renderComponent(await component({ ...rest, json, data })));
    },
  );

bench
  .command("scale")
  .description("shards, a service on Apache Kafka of real processes, followers, faults")
  .option("--json <file>", "write the figures to a file")
  .option("--data <folder>", "data set (default: what the repository carries, with noise)")
  .option("--only <parts>", `comma-separated, of ${SCALE_PARTS.join(", ")}`, among(SCALE_PARTS), [
    ...SCALE_PARTS,
  ])
  .option("--n <count>", "vectors", positive, 10_000)
  .option("--rounds <count>", "rounds of what is timed", positive, 7)
  .option("--faults <count>", "processes killed, networks cut", positive, 50)
  .option("--seed <number>", "of the faults", positive, 1)
  .action(
    async (options: {
      json?: string;
      data?: string;
      only: ScalePart[];
      n: number;
      rounds: number;
      faults: number;
      seed: number;
    }) => {
      const { scale } = await import("./bench/scale/scale.ts");
      const { renderScale } = await import("./bench/scale/report.ts");
      const { json, data, ...rest } = options;
      print(renderScale(await scale({ ...rest, json, data })));
    },
  );

bench
  .command("peers")
  .description(
    "deltavec and other vector databases, side by side, in Chromium, Node and on the JVM",
  )
  .option("--json <file>", "write the figures to a file")
  .option("--data <folder>", "data set (default: the full one, built on first use)")
  .option(
    "--only <names>",
    `comma-separated groups or databases, of ${PEER_NAMES.join(", ")}`,
    among(PEER_NAMES),
  )
  .option("--n <count>", "vectors in the database (default: 10000)", positive)
  .option("--rounds <count>", "how often each is measured", positive, 1)
  .option("--quick", "1,000 vectors of the data that the repository carries", false)
  .option("--resume", "take what an earlier run measured for all that --only does not name", false)
  .option("--write-docs", "write docs/benchmarks.md and its plots", false)
  .action(
    async (options: {
      json?: string;
      data?: string;
      only?: string[];
      n?: number;
      rounds: number;
      quick: boolean;
      resume: boolean;
      writeDocs: boolean;
    }) => {
      const { benchPeers } = await import("./bench/peers/command.ts");
      const { json, data, only, n, ...rest } = options;
      print(await benchPeers({ ...rest, json, data, only, n }));
    },
  );

// A reader that has seen enough, such as `head`, is no error; what was started is still ended in order.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") {
    throw error;
  }
});

try {
  await program.parseAsync();
} catch (error) {
  process.stderr.write(`deltavec: ${messageOf(error)}\n`);
  process.exitCode = tellsDamage() ? USAGE : 1;
}
