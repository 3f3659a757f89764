/** What is made of TeaVM's output: one object for each module that the project ships or tests with. */
export interface Product {
  /** Exports that stay, besides the memory. */
  readonly exports: RegExp;
  /** Functions that may be imported, as `module.name`: any other import fails the build. */
  readonly imports: ReadonlySet<string>;
  /** Whether the table of kernels is exported, so that others can be put in it. */
  readonly table: boolean;
  /** Most pages (64 KiB) that the memory may grow to. */
  readonly maximumPages: number;
  /** Whether the kernels are exported under their own names, for tests. */
  readonly kernelExports: boolean;
  /** Whether functions keep their names, for profiling. */
  readonly names: boolean;
  /** How exceptions are handled: by the legacy `try` that all engines have, or by `try_table` as TeaVM writes it. */
  readonly exceptions: "try" | "try_table";
}

/** The module that ships. One page less than 4 GiB, so that the end of every region is a number of 32 bits. */
export const MODULE: Product = {
  exports: /^dv_[a-z_]+$/,
  imports: new Set(),
  table: true,
  maximumPages: 65535,
  kernelExports: false,
  names: false,
  exceptions: "try",
};

/** What the tests of the raw module need: the kernels, and a memory that is soon full (16 MiB). */
export const TEST: Product = { ...MODULE, maximumPages: 256, kernelExports: true };

/** The module with names of functions, for profilers. */
export const PROFILE: Product = { ...MODULE, names: true };

/**
 * The core module of a component that exports one interface with one resource, `database`.
 *
 * Nobody but the component's host calls it, so nobody can put other kernels in. Hosts other than JavaScript have no legacy
 * exceptions.
 *
 * @param name the interface's, with package and version
 * @param imports functions that the world imports
 */
function core(name: string, imports: readonly string[]): Product {
  const escaped = name.replace(/[.]/g, "\\.");
  return {
    ...MODULE,
    exports: new RegExp(`^(?:cabi_realloc|${escaped}#.+)$`),
    imports: new Set([`[export]${name}.[resource-new]database`, ...imports]),
    table: false,
    exceptions: "try_table",
  };
}

/** The core module of the world `delta-vector-world`, which imports nothing: only the host's own table of handles. */
export const DELTA_VECTOR: Product = core("ruvector:delta/delta-db@0.1.0", []);

/** The core module of the world `deltavec-world`, which imports the clock. */
export const DELTAVEC: Product = core("deltavec:db/databases@0.1.0", [
  "wasi:clocks/wall-clock@0.2.0.now",
]);

/**
 * The same for the components' form in JavaScript: engines had the legacy exceptions years before, and who makes the instance
 * can put other kernels in.
 */
const inJavaScript = (product: Product): Product => ({
  ...product,
  table: true,
  exceptions: "try",
});

/** All of them by name. */
export const PRODUCTS: ReadonlyMap<string, Product> = new Map([
  ["module", MODULE],
  ["test", TEST],
  ["profile", PROFILE],
  ["delta-vector", DELTA_VECTOR],
  ["delta-vector-js", inJavaScript(DELTA_VECTOR)],
  ["deltavec", DELTAVEC],
  ["deltavec-js", inJavaScript(DELTAVEC)],
]);
