// The site as it is built: every page is there, and every link leads somewhere.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { before, test } from "node:test";
import { PAGES } from "../src/pages.ts";
import { DeadLinkError, ROOT, withLinks } from "../src/prepare.ts";

const package_ = join(import.meta.dirname, "..");
const site = join(package_, "target/site");

before(() => {
  execFileSync(process.execPath, [join(package_, "src/main.ts")], { stdio: "pipe" });
});

test("every document is a page", () => {
  const documents = globSync("docs/*.md", { cwd: ROOT });
  const missing = documents.filter((file) => !PAGES.some(({ source }) => source === file));
  assert.deepEqual(missing, []);
  for (const { address } of PAGES) {
    assert.ok(existsSync(join(site, `${address}.html`)), address);
  }
});

test("every link within the site leads to a page, and to a heading of it", () => {
  const dead: string[] = [];
  for (const { address } of PAGES) {
    const file = join(site, `${address}.html`);
    for (const [, to] of readFileSync(file, "utf8").matchAll(/href="([^"]*)"/g)) {
      if (to === undefined || /^[a-z]+:/.test(to)) continue;
      const [path, anchor] = decodeURI(to).split("#") as [string, string?];
      const base = path.startsWith("/") ? site : dirname(file);
      let target = path === "" ? file : join(base, path);
      if (target.endsWith("/") || target === site) target = join(target, "index.html");
      if (!existsSync(target)) target += ".html";
      const found = existsSync(target);
      const hasAnchor =
        anchor === undefined ||
        !target.endsWith(".html") ||
        (found && readFileSync(target, "utf8").includes(`id="${anchor}"`));
      if (!found || !hasAnchor) dead.push(`${relative(site, file)}: ${to}`);
    }
  }
  assert.deepEqual(dead, []);
});

test("the reference has the database and its options", () => {
  for (const name of ["classes/index.DeltaVectorDB", "interfaces/index.DeltaDBOptions"]) {
    assert.ok(existsSync(join(site, `api/${name}.html`)), name);
  }
});

test("a link to a file that is not there is told, with the document that has it", () => {
  const lead = (text: string) => withLinks(text, "docs/errors.md", () => "/files/x");
  assert.throws(() => lead("see [this](nowhere.md)"), DeadLinkError);
  assert.throws(() => lead("see [this](../nowhere.txt)"), /docs\/errors\.md links to/);
});

test("links in code, and to other sites, stay as they are", () => {
  const text = "`[a](b.md)`\n\n```md\n[a](b.md)\n```\n\n[a](https://example.com/b.md)\n";
  assert.equal(
    withLinks(text, "docs/errors.md", () => "/files/x"),
    text,
  );
});
