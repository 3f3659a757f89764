import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, before, test } from "node:test";
import { type Served, serve } from "../server/index.ts";

let folder: string;
let site: Served;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "deltavec-demo-"));
  await mkdir(join(folder, "page"));
  await mkdir(join(folder, "model"));
  await writeFile(join(folder, "page", "index.html"), "<!doctype html>the page");
  await writeFile(join(folder, "page", "deltavec.wasm"), "");
  await writeFile(join(folder, "model", "tokenizer.json"), "{}");
  await writeFile(join(folder, "secret.txt"), "secret");
  site = await serve({ page: join(folder, "page"), model: join(folder, "model"), port: 0 });
});

after(async () => {
  await site[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

/** Asks for a path just as it is written; `fetch` would tidy it up. */
async function raw(path: string): Promise<string> {
  const socket = connect(Number(new URL(site.url).port), "127.0.0.1");
  socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
  return await text(socket);
}

test("serves the page with headers that isolate it", async () => {
  const response = await fetch(site.url);
  assert.equal(await response.text(), "<!doctype html>the page");
  assert.match(response.headers.get("content-type") ?? "", /^text\/html/);
  assert.equal(response.headers.get("cross-origin-opener-policy"), "same-origin");
  assert.equal(response.headers.get("cross-origin-embedder-policy"), "require-corp");
  assert.match(
    response.headers.get("content-security-policy") ?? "",
    /^default-src 'none'; script-src 'self' 'wasm-unsafe-eval';/,
  );
});

test("serves WebAssembly as such", async () => {
  const response = await fetch(new URL("deltavec.wasm", site.url));
  assert.equal(response.headers.get("content-type"), "application/wasm");
});

test("gives the whole file where a part is asked for that cannot be", async () => {
  const response = await fetch(site.url, { headers: { range: "bytes=5-2" } });
  assert.equal(response.status, 200);
  assert.equal(await response.text(), "<!doctype html>the page");
});

test("goes on with what it began with when files are changed or removed", async () => {
  const file = join(folder, "page", "gone.js");
  await writeFile(file, "1");
  const other = await serve({ page: join(folder, "page"), model: undefined, port: 0 });
  try {
    await rm(file);
    const response = await fetch(new URL("gone.js", other.url));
    assert.equal(await response.text(), "1");
  } finally {
    await other[Symbol.asyncDispose]();
  }
});

test("serves the model, and tells that there is one", async () => {
  const about = await fetch(new URL("model/info.json", site.url));
  assert.deepEqual(await about.json(), { there: true });
  assert.equal((await fetch(new URL("model/tokenizer.json", site.url))).status, 200);
});

for (const path of [
  "/../secret.txt",
  "/..%2fsecret.txt",
  "/%2e%2e/secret.txt",
  "/model/../../secret.txt",
  "/model/..%2f..%2fsecret.txt",
  "//etc/passwd",
  "/model",
]) {
  test(`gives nothing for ${path}`, async () => {
    const answer = await raw(path);
    assert.match(answer, /^HTTP\/1\.1 404 /);
    assert.doesNotMatch(answer, /secret\n|root:/);
  });
}

test("refuses what is no reading", async () => {
  assert.equal((await fetch(site.url, { method: "POST" })).status, 405);
});
