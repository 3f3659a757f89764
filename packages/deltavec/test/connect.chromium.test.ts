// Databases in workers of pages: bundled and not, under a strict Content-Security-Policy, and workers that fail.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type {} from "./browser/connect.ts";
import {
  Browser,
  bundle,
  ISOLATION,
  page,
  type Resource,
  type Site,
  serve,
} from "./support/chromium.ts";
import { PACKAGE } from "./support/process.ts";

const STRICT =
  "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; img-src data:";
const FOUND = [{ id: "a", score: 1 }];

const MORTAL =
  'import "/worker.js"; addEventListener("message", ({ data }) => { if (data === "die") throw new Error("trouble"); });';

let site: Site;
let browser: Browser;

const script = (body: string | Uint8Array, policy?: string): Resource => ({
  type: "text/javascript",
  body,
  ...(policy === undefined ? {} : { headers: { "content-security-policy": policy } }),
});

before(async () => {
  const dist = (name: string): Uint8Array => readFileSync(join(PACKAGE, "dist", name));
  const document = (entry: string, policy?: string): Resource => ({
    ...script(page(entry), policy),
    type: "text/html",
  });
  const published = readdirSync(join(PACKAGE, "dist")).filter((name) => name.endsWith(".js"));
  const app = await bundle("connect.ts");
  const unbundled = await bundle("connect.ts", ["deltavec"]);
  site = await serve({
    ...Object.fromEntries(published.map((name) => [`/package/${name}`, script(dist(name))])),
    "/bundled": document("/app.js"),
    "/strict": document("/app.js", STRICT),
    "/no-workers": document("/app.js", STRICT.replace("worker-src 'self'", "worker-src 'none'")),
    "/unbundled": document("/unbundled.js"),
    "/app.js": script(app),
    "/unbundled.js": script(unbundled.replaceAll('"deltavec"', '"/package/index.js"')),
    "/worker.js": script(dist("worker.js"), STRICT),
    "/assets/database.js": script(dist("worker.js")),
    "/broken.js": script("this is no script"),
    "/mortal.js": script(MORTAL),
    "/isolated": { ...document("/app.js"), headers: ISOLATION },
    "/isolated/mortal.js": { ...script(MORTAL), headers: ISOLATION },
  });
  browser = await Browser.launch();
});

after(async () => {
  await browser[Symbol.asyncDispose]();
  await site[Symbol.asyncDispose]();
});

async function run(path: string, name: keyof typeof connectTests): Promise<unknown> {
  const tab = await browser.context.newPage();
  try {
    await tab.goto(`${site.origin}/${path}`);
    return await tab.evaluate((which) => connectTests[which](), name);
  } finally {
    await tab.close();
  }
}

for (const path of ["bundled", "unbundled"]) {
  test(`${path}, the worker's script is found beside the package's, or by its URL`, async () => {
    assert.deepEqual(await run(path, "beside"), { hits: FOUND, violations: [] });
    assert.deepEqual(await run(path, "url"), FOUND);
  });
}

test("databases in workers need no more of a strict policy than worker-src 'self'", async () => {
  assert.deepEqual(await run("strict", "beside"), { hits: FOUND, violations: [] });
});

for (const [what, path, name] of [
  ["is missing", "bundled", "missing"],
  ["lies elsewhere", "bundled", "elsewhere"],
  ["the policy forbids", "no-workers", "missing"],
] as const) {
  test(`a script that ${what} is refused, and it is said what to do`, async () => {
    const [code, message] = (await run(path, name)) as [string, string];
    assert.equal(code, "INVALID_ARGUMENT");
    assert.match(message, /deltavec\/worker.*option worker.*worker-src/);
  });
}

test("a script that is broken is told", async () => {
  const [code, message] = (await run("bundled", "broken")) as [string, string];
  assert.equal(code, "INVALID_ARGUMENT");
  assert.match(message, /cannot be loaded/);
});

test("a worker that somebody else ends rejects what waits for it", async () => {
  const { first, second, third } = (await run("bundled", "terminated")) as Record<
    string,
    [string, string]
  >;
  for (const [code, message] of [first, second]) {
    assert.equal(code, "CLOSED");
    assert.match(message, /worker "mortal" of the database has died: it was terminated/);
  }
  assert.equal(third, "CLOSED");
});

test("a worker that throws rejects what waits for it", async () => {
  const [code, message] = (await run("bundled", "thrown")) as [string, string];
  assert.equal(code, "CLOSED");
  assert.match(message, /has died:.*trouble/);
});

test("readers that somebody else ends, or that throw, are missed by nobody", async () => {
  assert.deepEqual(await run("isolated", "readers"), {
    counts: [2, 1, 0],
    hits: [20_000, 1, 20_000, 1],
  });
});
