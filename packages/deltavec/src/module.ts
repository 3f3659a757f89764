import { DeltaError, describe, invalid } from "./errors.ts";
import { FUNCTIONS } from "./instance.ts";
import { requirePlatform } from "./platform.ts";
import type { InitSource } from "./types.ts";

let module: WebAssembly.Module | undefined;
let loading: Promise<void> | undefined;

/** Returns the module, or throws a CLOSED that says what to do. */
export function loadedModule(): WebAssembly.Module {
  if (module === undefined) {
    throw new DeltaError(
      "CLOSED",
      loading === undefined
        ? "deltavec is not loaded: call and await init() before making a database"
        : "deltavec is still loading: await init() before making a database",
    );
  }
  return module;
}

/** Waits for a load that is under way. Returns the module, or undefined if there is none. */
export async function moduleSoFar(): Promise<WebAssembly.Module | undefined> {
  await loading?.catch(() => undefined);
  return module;
}

/**
 * Loads the module once; while that goes on and after it succeeded, returns the same promise whatever the source. A
 * failure is forgotten, so that the next call tries again.
 *
 * @param source - gives the source; called only if there is something to load
 */
export function load(source: () => InitSource | Promise<InitSource>): Promise<void> {
  loading ??= compileModule(source).then(
    (compiled) => {
      requireExports(compiled);
      module = compiled;
    },
    (error) => {
      loading = undefined;
      throw error;
    },
  );
  return loading;
}

/** Compiles a module, whichever it is; throws what `init` does. */
export async function compileModule(
  source: () => InitSource | Promise<InitSource>,
): Promise<WebAssembly.Module> {
  requirePlatform();
  const given = await settle(source);
  return kindOf(given) === "WebAssembly.Module"
    ? (given as WebAssembly.Module)
    : compileFrom(given as Exclude<InitSource, WebAssembly.Module | Promise<Response>>);
}

/** Waits for a source that is still to come. */
async function settle(source: () => InitSource | Promise<InitSource>): Promise<InitSource> {
  try {
    return await source();
  } catch (cause) {
    throw cannotLoad("the module", cause);
  }
}

async function compileFrom(
  source: URL | string | Response | ArrayBuffer | Uint8Array,
): Promise<WebAssembly.Module> {
  switch (kindOf(source)) {
    case "String":
    case "URL":
      return compileFrom(await fetchModule(toUrl(String(source))));
    case "Response":
      return compileResponse(source as Response);
    case "ArrayBuffer":
    case "Uint8Array":
      return compileBytes(source as ArrayBuffer | Uint8Array<ArrayBuffer>);
    default:
      throw invalid(
        `the source of init must be a URL, Response, bytes or WebAssembly.Module, not ${describe(source)}`,
      );
  }
}

/** The kind of a value, also of one from another realm (a frame, a test environment). */
function kindOf(value: unknown): string {
  return Object.prototype.toString.call(value).slice(8, -1);
}

function toUrl(text: string): URL {
  try {
    return new URL(text, globalThis.location?.href);
  } catch (cause) {
    throw invalid(`the source of init is no URL: ${describe(text)}`, { cause });
  }
}

/** What of Node is used where there is Node. */
interface NodeProcess {
  getBuiltinModule?(id: "node:fs/promises"): {
    readFile(path: URL): Promise<Uint8Array<ArrayBuffer>>;
  };
}

async function fetchModule(url: URL): Promise<Response | Uint8Array> {
  try {
    if (url.protocol === "file:") {
      // Node's fetch takes no file: URLs. Asked for like this, bundlers for the browser do not look for it.
      const { process } = globalThis as { process?: NodeProcess };
      const files = process?.getBuiltinModule?.("node:fs/promises");
      if (files !== undefined) {
        return await files.readFile(url);
      }
    }
    return await fetch(url);
  } catch (cause) {
    throw cannotLoad(url.href, cause);
  }
}

async function compileResponse(response: Response): Promise<WebAssembly.Module> {
  const what = response.url === "" ? "the module" : response.url;
  if (!response.ok) {
    throw cannotLoad(what, `HTTP status ${response.status}`);
  }
  const type = response.headers.get("Content-Type")?.split(";")[0]?.trim().toLowerCase();
  if (type === "application/wasm" && typeof WebAssembly.compileStreaming === "function") {
    return WebAssembly.compileStreaming(response).catch((cause) => {
      throw cause instanceof WebAssembly.CompileError
        ? cannotCompile(cause)
        : cannotLoad(what, cause);
    });
  }
  let bytes: ArrayBuffer;
  try {
    bytes = await response.arrayBuffer();
  } catch (cause) {
    throw cannotLoad(what, cause);
  }
  return compileBytes(bytes);
}

async function compileBytes(
  bytes: ArrayBuffer | Uint8Array<ArrayBuffer>,
): Promise<WebAssembly.Module> {
  try {
    return await WebAssembly.compile(bytes);
  } catch (cause) {
    throw cannotCompile(cause);
  }
}

/** What a module must export besides functions, and as what. */
const OTHER_EXPORTS: readonly (readonly [name: string, kind: string])[] = [
  ["memory", "memory"],
  ["kernels", "table"],
];

function requireExports(compiled: WebAssembly.Module): void {
  const kinds = new Map(WebAssembly.Module.exports(compiled).map(({ name, kind }) => [name, kind]));
  const expected = [...FUNCTIONS.map((name) => [name, "function"]), ...OTHER_EXPORTS];
  const missing = expected.find(([name, kind]) => kinds.get(name) !== kind);
  if (missing !== undefined) {
    throw new DeltaError(
      "UNSUPPORTED_VERSION",
      `the module is not this release's deltavec.wasm: it lacks ${missing[0]}`,
    );
  }
}

function cannotLoad(what: string, cause: unknown): DeltaError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return cause instanceof DeltaError
    ? cause
    : invalid(`init cannot load ${what}: ${why}`, { cause });
}

/** The engine has all features: either the bytes are wrong or compiling is forbidden. */
function cannotCompile(cause: unknown): DeltaError {
  const why = cause instanceof Error ? cause.message : String(cause);
  if (/disallowed|blocked|unsafe-eval|Content Security Policy/i.test(why)) {
    return new DeltaError(
      "UNSUPPORTED_PLATFORM",
      `the page's Content-Security-Policy forbids WebAssembly, it needs script-src 'wasm-unsafe-eval': ${why}`,
      { cause },
    );
  }
  return new DeltaError("CORRUPT_DATA", `the module cannot be compiled: ${why}`, { cause });
}
