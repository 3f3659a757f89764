import { fromBase64 } from "../base64.ts";
import { DeltaError } from "../errors.ts";
import { compileModule } from "../module.ts";
import { relax } from "../relaxed.ts";
import type { InitSource } from "../types.ts";
import type { ViewedMemory } from "./texts.ts";

/**
 * What jco makes of a component: links the core modules and returns the exports.
 *
 * @param getCoreModule - gives the module of a file's name
 * @param imports - what the component imports, by name
 * @param instantiateCore - instantiates a core module
 */
export type Instantiate<Exports> = (
  getCoreModule: (path: string) => WebAssembly.Module | Promise<WebAssembly.Module>,
  imports: Readonly<Record<string, object>>,
  instantiateCore: (
    module: WebAssembly.Module,
    imports?: WebAssembly.Imports,
  ) => Promise<CoreInstance>,
) => Promise<Exports>;

/** What the glue takes of an instance of a core module. */
interface CoreInstance {
  readonly exports: Readonly<Record<string, unknown>>;
}

/**
 * Gives a memory's buffer as the glue wants it, dozens of times for each delta: some ten times faster than
 * `WebAssembly.Memory` does, which made the half of what the glue costs.
 */
class QuickMemory implements ViewedMemory {
  readonly #memory: WebAssembly.Memory;
  #views: ViewedMemory & { readonly buffer: ArrayBuffer };

  constructor(memory: WebAssembly.Memory) {
    this.#memory = memory;
    this.#views = viewsOn(memory.buffer);
  }

  get buffer(): ArrayBuffer {
    return this.#current().buffer;
  }

  get bytes(): Uint8Array {
    return this.#current().bytes;
  }

  get floats(): Float32Array {
    return this.#current().floats;
  }

  get words(): Uint32Array {
    return this.#current().words;
  }

  #current(): ViewedMemory & { readonly buffer: ArrayBuffer } {
    // A buffer has no bytes any more when the memory has grown, and never has none before.
    if (this.#views.buffer.byteLength === 0) {
      this.#views = viewsOn(this.#memory.buffer);
    }
    return this.#views;
  }
}

function viewsOn(buffer: ArrayBuffer): ViewedMemory & { readonly buffer: ArrayBuffer } {
  return {
    buffer,
    bytes: new Uint8Array(buffer),
    floats: new Float32Array(buffer),
    words: new Uint32Array(buffer),
  };
}

/** A component as the build left it. */
export interface Transpiled<Exports> {
  readonly instantiate: Instantiate<Exports>;
  /** The small modules that jco puts beside the component's own, as base64, by file name. */
  readonly parts: Readonly<Record<string, string>>;
  /** A function that no other module exports. */
  readonly mark: string;
}

/** Instantiates a core module; that of the component gets the kernels in relaxed SIMD where the engine has it. */
async function instantiateCore(
  module: WebAssembly.Module,
  imports?: WebAssembly.Imports,
): Promise<CoreInstance> {
  const { exports } = await WebAssembly.instantiate(module, imports);
  const { memory, kernels } = exports;
  if (!(memory instanceof WebAssembly.Memory)) {
    return { exports };
  }
  if (kernels instanceof WebAssembly.Table) {
    relax(memory, kernels);
  }
  return { exports: { ...exports, memory: new QuickMemory(memory) } };
}

/** A component's module, compiled once, and its instances. */
export class Instances<Exports> {
  readonly #component: Transpiled<Exports>;
  readonly #url: () => URL;
  #module: Promise<WebAssembly.Module> | undefined;
  #first: Promise<Exports> | undefined;

  /**
   * @param component - what was transpiled
   * @param url - gives where its core module lies
   */
  constructor(component: Transpiled<Exports>, url: () => URL) {
    this.#component = component;
    this.#url = url;
  }

  /** Returns the instance that all share; after a failure the next call tries again. */
  shared(imports: () => Record<string, object>, source?: InitSource): Promise<Exports> {
    this.#first ??= this.make(imports, source).catch((error) => {
      this.#first = undefined;
      throw error;
    });
    return this.#first;
  }

  /** Makes an instance. */
  async make(imports: () => Record<string, object>, source?: InitSource): Promise<Exports> {
    const core = await (source === undefined ? this.#own() : this.#compile(() => source));
    const { instantiate, parts } = this.#component;
    const module = (path: string): WebAssembly.Module | Promise<WebAssembly.Module> =>
      path in parts ? WebAssembly.compile(fromBase64(parts[path])) : core;
    return instantiate(module, imports(), instantiateCore);
  }

  /** The module that the package brings along. */
  #own(): Promise<WebAssembly.Module> {
    this.#module ??= this.#compile(this.#url).catch((error) => {
      this.#module = undefined;
      throw error;
    });
    return this.#module;
  }

  async #compile(source: () => InitSource): Promise<WebAssembly.Module> {
    const module = await compileModule(source);
    const { mark } = this.#component;
    if (!WebAssembly.Module.exports(module).some(({ name }) => name === mark)) {
      throw new DeltaError(
        "UNSUPPORTED_VERSION",
        `the module is not this component's core: it lacks ${mark}`,
      );
    }
    return module;
  }
}
