import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";

/** A resource within the host. */
export class Resource {
  readonly number: number;

  constructor(number: number) {
    this.number = number;
  }
}

/** The error of a result, as transpiled components throw it. */
export class ComponentError extends Error {
  readonly payload: unknown;

  constructor(payload: unknown) {
    super(JSON.stringify(payload, (_, value) => (typeof value === "bigint" ? `${value}` : value)));
    this.name = "ComponentError";
    this.payload = payload;
  }
}

/** The component trapped: nothing may be called any more. */
export class Trap extends Error {}

/** A type of the component model, as far as deltavec uses them. Fields are in camelCase. */
export type Type =
  | { readonly type: "bool" | "u8" | "u16" | "u32" | "u64" | "f32" | "f64" | "string" | "resource" }
  | { readonly type: "enum"; readonly names: readonly string[] }
  | { readonly type: "list"; readonly element: Type }
  | { readonly type: "record"; readonly fields: readonly (readonly [key: string, Type])[] }
  | { readonly type: "variant"; readonly cases: readonly (readonly [tag: string, Type | null])[] }
  | { readonly type: "option"; readonly payload: Type };

/** What is known once a component is compiled. */
export interface Hello {
  readonly imports: readonly string[];
  readonly exports: readonly string[];
  /** Parameters by the function's name as WIT mangles it. */
  readonly functions: Readonly<Record<string, readonly (readonly [name: string, Type])[]>>;
  /** Seconds. */
  readonly compiled: number;
}

/** How a host runs a component; `start` says what they mean. */
export type Flag = "wasi" | "clock" | "speed" | `memory=${number}`;

/** A call, by the function's name as WIT mangles it. */
export type Call = readonly [name: string, ...args: unknown[]];

/** What many calls did. */
export interface Repeated {
  /** How many answers were errors. */
  readonly errors: number;
  /** Ten times: resident kilobytes, and microseconds for each call since the mark before. */
  readonly marks: readonly (readonly [kilobytes: number, microseconds: number])[];
}

interface Answer {
  readonly id: number;
  readonly value?: unknown;
  readonly error?: unknown;
  readonly trap?: string;
  readonly unfit?: string;
}

const base64 = (list: Uint8Array | Uint32Array | Float32Array): string =>
  Buffer.from(list.buffer, list.byteOffset, list.byteLength).toString("base64");

/** A value as values.py takes it. */
function toJson(value: unknown): unknown {
  switch (typeof value) {
    case "bigint":
      return { $int: `${value}` };
    case "number":
      return Number.isFinite(value) && !Object.is(value, -0)
        ? value
        : { $float: Object.is(value, -0) ? "-0" : `${value}` };
    case "string":
      return value.toWellFormed();
    case "object":
      if (value === null) {
        return null;
      }
      if (value instanceof Resource) {
        return { $resource: value.number };
      }
      if (value instanceof Uint8Array) {
        return { $u8: base64(value) };
      }
      if (value instanceof Uint32Array) {
        return { $u32: base64(value) };
      }
      if (value instanceof Float32Array) {
        return { $f32: base64(value) };
      }
      if (Array.isArray(value)) {
        return value.map(toJson);
      }
      return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, toJson(one)]));
    default:
      return value;
  }
}

/** What values.py gave, as transpiled components give it: nothing is `undefined`. */
function fromJson(json: unknown): unknown {
  if (json === null) {
    return undefined;
  }
  if (typeof json !== "object") {
    return json;
  }
  if (Array.isArray(json)) {
    return json.map(fromJson);
  }
  const [[key, value] = ["", undefined]] = Object.entries(json);
  const bytes = (): Uint8Array<ArrayBuffer> => Uint8Array.from(Buffer.from(value, "base64"));
  switch (key) {
    case "$int":
      return BigInt(value);
    case "$float":
      return Number(value);
    case "$u8":
      return bytes();
    case "$u32":
      return new Uint32Array(bytes().buffer);
    case "$f32":
      return new Float32Array(bytes().buffer);
    case "$resource":
      return new Resource(value);
    default:
      return Object.fromEntries(Object.entries(json).map(([name, one]) => [name, fromJson(one)]));
  }
}

/** A component in wasmtime, in a process of its own. */
export class WasmtimeHost {
  readonly hello: Hello;
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, PromiseWithResolvers<Answer>>();
  readonly #ended: Promise<unknown>;
  #next = 1;

  private constructor(
    child: ChildProcess,
    lines: AsyncIterator<string>,
    hello: Hello,
    complaint: readonly string[],
  ) {
    this.#child = child;
    this.hello = hello;
    this.#ended = new Promise((resolve) => child.once("exit", resolve));
    void this.#listen(lines, complaint);
  }

  /**
   * Compiles and instantiates a component.
   *
   * @param python - an interpreter that has wasmtime
   * @param component - the component's file
   * @param flags - `wasi`: it may import WASI; `clock`: a wall clock, which `setNow` sets; without either nothing; `speed`: says
   *   that code is to be fast; `memory=` the most bytes of linear memory
   */
  static async start(
    python: string,
    component: string,
    ...flags: readonly Flag[]
  ): Promise<WasmtimeHost> {
    const script = join(import.meta.dirname, "host.py");
    const child = spawn(python, ["-B", script, component, ...flags], {
      stdio: ["pipe", "pipe", "pipe"],
    });
    const complaint: string[] = [];
    child.stderr.setEncoding("utf8").on("data", (text: string) => complaint.push(text));
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const { value, done } = await lines.next();
    if (done === true) {
      throw new Error(`the host ended: ${complaint.join("")}`);
    }
    return new WasmtimeHost(child, lines, JSON.parse(value), complaint);
  }

  async #listen(lines: AsyncIterator<string>, complaint: readonly string[]): Promise<void> {
    for (let line = await lines.next(); line.done !== true; line = await lines.next()) {
      const answer = JSON.parse(line.value) as Answer;
      this.#waiting.get(answer.id)?.resolve(answer);
      this.#waiting.delete(answer.id);
    }
    for (const waiting of this.#waiting.values()) {
      waiting.reject(new Trap(`the host ended: ${complaint.join("")}`));
    }
  }

  async #ask(question: object): Promise<Answer> {
    const id = this.#next++;
    const waiting = Promise.withResolvers<Answer>();
    this.#waiting.set(id, waiting);
    this.#child.stdin?.write(`${JSON.stringify({ id, ...question })}\n`);
    const answer = await waiting.promise;
    if (answer.trap !== undefined) {
      throw new Trap(answer.trap);
    }
    if (answer.unfit !== undefined) {
      throw new TypeError(answer.unfit);
    }
    return answer;
  }

  /** Calls a function. The error of a result is thrown as `ComponentError`. */
  async call(...[name, ...args]: Call): Promise<unknown> {
    const { value, error } = await this.#ask({ call: name, args: args.map(toJson) });
    if (error !== undefined) {
      throw new ComponentError(fromJson(error));
    }
    return fromJson(value ?? null);
  }

  /** Drops a resource. */
  async drop(resource: Resource): Promise<void> {
    await this.#ask({ drop: resource.number });
  }

  /** Makes calls in turn, `count` times, without converting their answers. Resources that they give are dropped. */
  async repeat(calls: readonly Call[], count: number): Promise<Repeated> {
    const repeat = calls.map(([call, ...args]) => ({ call, args: args.map(toJson) }));
    return (await this.#ask({ repeat, count })) as unknown as Repeated;
  }

  /** Seconds that an instantiation takes, on average. */
  async instantiate(times: number): Promise<number> {
    return ((await this.#ask({ instantiate: times })) as unknown as { seconds: number }).seconds;
  }

  /** Sets the clock to Unix milliseconds, or to the true time. */
  async setNow(now: number | null): Promise<void> {
    await this.#ask({ now });
  }

  /** Resident memory of the process, in KB. */
  async memory(): Promise<number> {
    return ((await this.#ask({ memory: true })) as unknown as { kilobytes: number }).kilobytes;
  }

  /** Ends the process. */
  async close(): Promise<void> {
    this.#child.stdin?.end();
    await this.#ended;
  }
}
