/** What is made of TeaVM's output: one object for each module that the project ships or tests with. */
export interface Product {
  /** Exports that stay, besides the memory. */
  readonly exports: RegExp;
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
  maximumPages: 65535,
  kernelExports: false,
  names: false,
  exceptions: "try",
};

/** What the tests of the raw module need: the kernels, and a memory that is soon full (16 MiB). */
export const TEST: Product = { ...MODULE, maximumPages: 256, kernelExports: true };

/** The module with names of functions, for profilers. */
export const PROFILE: Product = { ...MODULE, names: true };

/** All of them by name. */
export const PRODUCTS: ReadonlyMap<string, Product> = new Map([
  ["module", MODULE],
  ["test", TEST],
  ["profile", PROFILE],
]);
