/** Builds the site into `target/site`: the documents by VitePress, the reference by TypeDoc. */
import { join } from "node:path";
import { build } from "vitepress";
import { gather } from "./prepare.ts";
import { writeReference } from "./reference.ts";

const root = join(import.meta.dirname, "..");
gather();
await build(root);
await writeReference(join(root, "target/site/api"));
