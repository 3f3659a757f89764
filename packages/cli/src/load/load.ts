import { readFileSync } from "node:fs";
import { crc32c } from "../../../deltavec/src/crc32c.ts";
import { messageOf, UsageError } from "../errors.ts";
import { CARRIED_DATA } from "../paths.ts";
import { colors, print, progressBar, say, whole } from "../terminal.ts";
import { inputsOf, readInputs } from "./inputs.ts";
import type { Item } from "./item.ts";
import { Lane } from "./lane.ts";
import { beginning, loadPosition, type Place, type Position, savePosition } from "./position.ts";
import { type Info, Service } from "./service.ts";

const SAVE_MS = 1000;
const SHOW_MS = 100;
/** Deltas between two places that a load may go on from. */
const PLACE_DELTAS = 1000;
const UTF8 = new TextEncoder();

/** What is loaded, and where to. */
export interface LoadOptions {
  /** URL of the service. */
  readonly to: string;
  readonly token?: string | undefined;
  readonly tokenFile?: string | undefined;
  /** Deltas of a request at most. */
  readonly batch: number;
  /** Requests at a time. */
  readonly parallel: number;
  /** Name under which an interrupted load goes on. */
  readonly client?: string | undefined;
  /** File that keeps how far it has come. */
  readonly position?: string | undefined;
  /** Whether all files are read and checked before anything is sent. */
  readonly dimensionsCheck: boolean;
  /** Whether to load the data that the repository carries. */
  readonly sample: boolean;
}

/** Reads a token from where the user has it. */
export function tokenOf(options: {
  token?: string | undefined;
  tokenFile?: string | undefined;
}): string | undefined {
  if (options.tokenFile === undefined) {
    const { DELTAVEC_TOKEN } = process.env;
    return options.token ?? DELTAVEC_TOKEN;
  }
  try {
    return readFileSync(options.tokenFile, "utf8").trim();
  } catch (error) {
    throw new UsageError(`cannot read the token: ${messageOf(error)}`);
  }
}

/** Loads files into a service. */
export async function load(files: readonly string[], options: LoadOptions): Promise<void> {
  const paths = options.sample ? [CARRIED_DATA, ...files] : files;
  if (paths.length === 0) {
    throw new UsageError("there is nothing to load: name files, or --sample");
  }
  const inputs = inputsOf(paths);
  let waits = "";
  const service = new Service(options.to, tokenOf(options), (why) => {
    waits = why;
    if (!process.stderr.isTTY) {
      say(`deltavec: ${why}; trying again`);
    }
  });
  const info = await service.info();
  if (options.dimensionsCheck) {
    for await (const { item } of readInputs(inputs)) {
      requireDimensions(item, info);
    }
  }
  const file = options.position ?? (options.client && `${safe(options.client)}.position.json`);
  const position =
    (file && loadPosition(file, info.epoch, inputs)) ||
    beginning(info.epoch, inputs, options.parallel);
  if (position.done) {
    print(`all of it was loaded before, as ${file} tells`);
    return;
  }
  const run = new Run(service, info, position, options, file);
  const bar = progressBar(
    "load",
    inputs.reduce((sum, { bytes }) => sum + bytes, 0),
  );
  const shown = setInterval(() => {
    bar.to(run.bytesRead, waits === "" ? run.rate() : waits);
    waits = "";
  }, SHOW_MS);
  // What was sent is known when it is begun again.
  const interrupted = (): void => {
    run.save();
    bar.stop();
    say(
      file
        ? "deltavec: interrupted; the same command goes on from here"
        : "deltavec: interrupted; what was sent stays",
    );
    process.exit(130);
  };
  process.once("SIGINT", interrupted);
  process.once("SIGTERM", interrupted);
  try {
    await run.all();
  } finally {
    await run.settled();
    clearInterval(shown);
    bar.stop();
    process.off("SIGINT", interrupted);
    process.off("SIGTERM", interrupted);
    run.save();
  }
  print(`${colors.green("loaded")} ${run.summary()}`);
}

/** One load under way. */
class Run {
  bytesRead = 0;
  readonly #info: Info;
  readonly #position: Position;
  readonly #options: LoadOptions;
  readonly #file: string | undefined;
  readonly #lanes: Lane[];
  readonly #started = performance.now();
  #deltas = 0;
  #bytes = 0;
  #saved = performance.now();
  /** Places that not all lanes have come to. */
  readonly #places: Place[] = [];
  #place: Place;
  #done = false;

  constructor(
    service: Service,
    info: Info,
    position: Position,
    options: LoadOptions,
    file: string | undefined,
  ) {
    this.#info = info;
    this.#position = position;
    this.#options = options;
    this.#file = file;
    this.#place = position.place;
    const onSent = (deltas: number, bytes: number): void => {
      this.#deltas += deltas;
      this.#bytes += bytes;
      this.#advance();
    };
    const name = options.client ?? "load";
    this.#lanes = position.sent.map(
      (sent, i) =>
        new Lane(
          service,
          `${name.slice(0, 100)}:${position.run}:${i}`,
          options.batch,
          { read: position.place.read[i]!, numbered: position.place.numbered[i]! },
          sent,
          onSent,
        ),
    );
  }

  async all(): Promise<void> {
    const { place, inputs } = this.#position;
    const read = [...place.read];
    const numbered = [...place.numbered];
    let sincePlace = 0;
    let last = place.mark;
    for await (const { item, next, bytes } of readInputs(inputs, place.mark)) {
      // A place is between lines: one may hold several deltas.
      if (sincePlace >= PLACE_DELTAS && next !== last) {
        this.#places.push({ mark: last, read: [...read], numbered: [...numbered] });
        sincePlace = 0;
      }
      last = next;
      if (!this.#options.dimensionsCheck) {
        requireDimensions(item, this.#info);
      }
      const lane = crc32c(UTF8.encode(item.vectorId), 0) % this.#lanes.length;
      read[lane]!++;
      numbered[lane]! += item.identified ? 0 : 1;
      sincePlace++;
      this.bytesRead = bytes;
      await this.#lanes[lane]!.push(item);
    }
    await Promise.all(this.#lanes.map((lane) => lane.end()));
    this.#places.push({ mark: last, read, numbered });
    this.#done = true;
    this.#advance();
  }

  /** Waits for requests that are under way. */
  async settled(): Promise<void> {
    await Promise.all(this.#lanes.map((lane) => lane.settled()));
  }

  /** Finds the last place that all lanes have come to, and saves it now and then. */
  #advance(): void {
    for (
      let next = this.#places[0];
      next?.read.every((count, i) => this.#lanes[i]!.acknowledged >= count);
      next = this.#places[0]
    ) {
      this.#place = next;
      this.#places.shift();
    }
    if (performance.now() - this.#saved > SAVE_MS) {
      this.save();
    }
  }

  save(): void {
    if (this.#file !== undefined) {
      this.#saved = performance.now();
      const sent = this.#lanes.map(({ acknowledged }) => acknowledged);
      savePosition(this.#file, {
        ...this.#position,
        place: this.#place,
        sent,
        done: this.#done,
      });
    }
  }

  rate(): string {
    const seconds = (performance.now() - this.#started) / 1000;
    return `${whole(this.#deltas)} deltas, ${size(this.#bytes)}, ${whole(this.#deltas / seconds)}/s`;
  }

  summary(): string {
    const seconds = (performance.now() - this.#started) / 1000;
    return `${whole(this.#deltas)} deltas in ${size(this.#bytes)} in ${seconds.toFixed(1)} s: ${whole(this.#deltas / seconds)} per second`;
  }
}

function requireDimensions({ values, place }: Item, { dimensions }: Info): void {
  if (values !== undefined && values !== dimensions) {
    throw new UsageError(
      `${place}: DIMENSION_MISMATCH: a vector of ${values} values; the service has ${dimensions} dimensions`,
    );
  }
}

function size(bytes: number): string {
  return bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

function safe(name: string): string {
  return name.replace(/[^\w.-]/g, "_");
}
