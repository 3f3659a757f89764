import { fileURLToPath } from "node:url";

export { fetchModel, hasModel, modelFolder } from "./model.ts";
export { type Served, type ServeOptions, serve } from "./serve.ts";

/** Folder of the built page. */
export const PAGE: string = fileURLToPath(new URL("../dist", import.meta.url));
