/** The module, deflated by the build, which puts it in as base64. */
declare module "*.deflate" {
  const base64: string;
  export default base64;
}
