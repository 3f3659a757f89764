import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join, posix } from "node:path";
import { PAGES } from "./pages.ts";

/** Root of the repository. */
export const ROOT: string = join(import.meta.dirname, "../../..");

/** Where the pages are gathered, for VitePress to read. */
export const GATHERED: string = join(import.meta.dirname, "../target/pages");

/** A link in a document leads to nothing. */
export class DeadLinkError extends Error {
  override name = "DeadLinkError";
}

/**
 * Gathers the documents, with their links led to the site's addresses. Files that are linked and no pages, such as licences and
 * plots, are copied. O(bytes)
 *
 * @throws DeadLinkError if a link names a file that is not there, or one of the repository's sources
 */
export function gather(): void {
  rmSync(GATHERED, { recursive: true, force: true });
  const files = join(GATHERED, "public/files");
  mkdirSync(files, { recursive: true });
  for (const { source, address } of PAGES) {
    const text = withLinks(readFileSync(join(ROOT, source), "utf8"), source, (file) => {
      const isKnown = /\.(png|svg|txt)$/.test(file); // else VitePress takes it for a page
      const name = isKnown ? basename(file) : `${basename(file)}.txt`;
      copyFileSync(join(ROOT, file), join(files, name));
      return `/files/${name}`;
    });
    writeFileSync(join(GATHERED, `${address}.md`), text);
  }
}

/** Documents link to each other as files; outside of code. */
const LINK = /(```.*?^```|`[^`\n]*`)|\]\(([^)#\s]+)(#[^)\s]*)?\)/gms;

/**
 * Leads a document's links to the site's addresses.
 *
 * @param text - the document
 * @param source - where it lies, from the root
 * @param copied - takes a file that is no page, and returns its address
 */
export function withLinks(text: string, source: string, copied: (file: string) => string): string {
  return text.replace(LINK, (all, code?: string, to?: string, anchor = "") => {
    if (code !== undefined || to === undefined || /^[a-z]+:/.test(to)) return all;
    const file = posix.normalize(posix.join(dirname(source), to));
    const page = PAGES.find((each) => each.source === file || each.source === `${file}README.md`);
    if (page !== undefined) return `](/${page.address}.md${anchor})`;
    if (!existsSync(join(ROOT, file)) || file.endsWith(".md"))
      throw new DeadLinkError(`${source} links to ${to}, which is no page`);
    return `](${copied(file)})`;
  });
}
