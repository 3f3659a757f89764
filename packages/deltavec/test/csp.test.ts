// Strict Content-Security-Policy: nothing but scripts of one's own, and WebAssembly.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { Report } from "./browser/csp.ts";
import { Browser, bundle, page, type Resource, type Site, serve } from "./support/chromium.ts";
import { PACKAGE } from "./support/process.ts";

const STRICT = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; img-src data:";

let site: Site;
let browser: Browser;

before(async () => {
  const document = (policy: string): Resource => ({
    type: "text/html",
    body: page("/csp.js"),
    headers: { "content-security-policy": policy },
  });
  site = await serve({
    "/strict": document(STRICT),
    "/strict-and-fetch": document(`${STRICT}; connect-src 'self'`),
    "/no-wasm": document(STRICT.replace(" 'wasm-unsafe-eval'", "")),
    "/csp.js": { type: "text/javascript", body: await bundle("csp.ts") },
    "/deltavec.wasm": {
      type: "application/wasm",
      body: await readFile(join(PACKAGE, "dist/deltavec.wasm")),
    },
    "/deltavec.core.wasm": {
      type: "application/wasm",
      body: await readFile(join(PACKAGE, "dist/component/deltavec.core.wasm")),
    },
  });
  browser = await Browser.launch();
});

after(async () => {
  await browser[Symbol.asyncDispose]();
  await site[Symbol.asyncDispose]();
});

async function run(path: string, what: string): Promise<Report & { printed: string[] }> {
  const tab = await browser.context.newPage();
  try {
    const printed: string[] = [];
    tab.on("console", (message) => printed.push(message.text()));
    tab.on("pageerror", (error) => printed.push(error.message));
    await tab.goto(`${site.origin}/${path}#${what}`);
    return { ...(await tab.evaluate(() => cspReport)), printed };
  } finally {
    await tab.close();
  }
}

test("the package works under a strict policy, without a violation", async () => {
  assert.deepEqual(await run("strict", "bundled"), {
    outcome: [{ id: "a", score: 1 }],
    violations: [],
    printed: [],
  });
});

test("deltavec/slim works under a strict policy that lets it fetch its module", async () => {
  assert.deepEqual(await run("strict-and-fetch", "slim"), {
    outcome: [{ id: "a", score: 1 }],
    violations: [],
    printed: [],
  });
});

test("the component as jco transpiles it works under the same policy", async () => {
  assert.deepEqual(await run("strict-and-fetch", "component"), {
    outcome: [{ id: "a", score: 1 }],
    violations: [],
    printed: [],
  });
});

test("the control: eval under the same policy is a violation that is seen", async () => {
  const { outcome, violations } = await run("strict", "eval");
  assert.equal(outcome, "EvalError");
  assert.deepEqual(violations, ["script-src: eval"]);
});

test("where the policy forbids WebAssembly, init says so", async () => {
  const { outcome } = await run("no-wasm", "bundled");
  const { code, message } = outcome as { code: string; message: string };
  assert.equal(code, "UNSUPPORTED_PLATFORM");
  assert.match(message, /Content-Security-Policy.*'wasm-unsafe-eval'/);
});
