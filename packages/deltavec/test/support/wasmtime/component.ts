import { join } from "node:path";
import { test as nodeTest, type TestFn } from "node:test";
import type { SmallComponent, SmallDatabase } from "../../component/delta-vector.ts";
import type { WitComponent, WitDatabase } from "../../component/face.ts";
import { PACKAGE } from "../process.ts";
import { type Flag, Resource, WasmtimeHost } from "./host.ts";
import { type Found, findPython } from "./python.ts";

/** The worlds, by the names of their files. */
export type World = "delta-vector" | "deltavec";

const found: Found = await findPython();
const started: WasmtimeHost[] = [];

/** Registers a test; where there is no wasmtime, it is skipped, and says why. */
export function test(name: string, body: TestFn): void {
  void nodeTest(name, { skip: "missing" in found && found.missing }, body);
}

/** The component as the package ships it. */
export function componentFile(world: World): string {
  return join(PACKAGE, `dist/component/${world}.component.wasm`);
}

/** Starts a host that has compiled a component. `closeHosts` ends it. */
export async function start(world: World, ...flags: readonly Flag[]): Promise<WasmtimeHost> {
  if ("missing" in found) {
    throw new Error(found.missing);
  }
  const host = await WasmtimeHost.start(found.python, componentFile(world), ...flags);
  started.push(host);
  return host;
}

/** Ends all hosts. */
export async function closeHosts(): Promise<void> {
  await Promise.all(started.splice(0).map((host) => host.close()));
}

/** Which resource an object of methods stands for. */
const RESOURCES = new WeakMap<object, Resource>();

/** The methods of a resource as the types of the package have them, but that their answers come later. */
export function methodsOf<T extends object>(host: WasmtimeHost, resource: Resource): T {
  const prefix = "[method]database.";
  const methods = Object.fromEntries(
    Object.entries(host.hello.functions)
      .filter(([name]) => name.startsWith(prefix))
      .map(([name, [, ...parameters]]) => [
        name.slice(prefix.length).replace(/-(.)/g, (_, letter: string) => letter.toUpperCase()),
        (...given: unknown[]) => host.call(name, resource, ...parameters.map((_, i) => given[i])),
      ]),
  ) as T;
  RESOURCES.set(methods, resource);
  return methods;
}

/** Drops the resource of such methods. */
export async function drop(host: WasmtimeHost, methods: object): Promise<void> {
  const resource = RESOURCES.get(methods);
  if (!(resource instanceof Resource)) {
    throw new TypeError("not the methods of a resource");
  }
  await host.drop(resource);
}

/** The second world for the behaviour suite; the host must have been started with `clock`. */
export function componentOf(host: WasmtimeHost): WitComponent {
  return {
    open: async (options) =>
      methodsOf<WitDatabase>(host, (await host.call("[static]database.open", options)) as Resource),
    drop: (database) => drop(host, database),
    setClock: (time) => host.setNow(time ?? null),
  };
}

/** The first world for its suite. */
export function smallComponentOf(host: WasmtimeHost): SmallComponent {
  return {
    create: async (dimensions) =>
      methodsOf<SmallDatabase>(
        host,
        (await host.call("[constructor]database", dimensions)) as Resource,
      ),
    drop: (database) => drop(host, database),
  };
}
