/** The module, deflated by the build, which puts it in as base64. */
declare module "*.deflate" {
  const base64: string;
  export default base64;
}

/** The kernels in relaxed SIMD, as base64. */
declare module "*.wasm" {
  const base64: string;
  export default base64;
}

/** A component as `scripts/component.ts` has transpiled it. */
declare module "*.glue" {
  export const instantiate: import("./component/instances.ts").Instantiate<never>;
  export const parts: Readonly<Record<string, string>>;
  export const mark: string;
}

/** The module as platforms give it that compile what is imported. */
declare module "deltavec/deltavec.wasm" {
  const module: WebAssembly.Module;
  export default module;
}
