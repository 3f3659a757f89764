// Loading the module: from everywhere, once, again after a failure, with clear errors.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { HELPERS, inFreshProcess, PACKAGE } from "./support/process.ts";

let server: Server;
let origin = "";

before(async () => {
  const wasm = await readFile(join(PACKAGE, "dist/deltavec.wasm"));
  server = createServer((request, response) => {
    switch (request.url) {
      case "/deltavec.wasm":
        response.writeHead(200, { "content-type": "application/wasm" }).end(wasm);
        break;
      case "/untyped":
        response.writeHead(200, { "content-type": "application/octet-stream" }).end(wasm);
        break;
      case "/page":
        response.writeHead(200, { "content-type": "text/html" }).end("<!doctype html>");
        break;
      case "/broken":
        response.writeHead(200, { "content-type": "application/wasm" }).end(wasm.subarray(0, 5000));
        break;
      default:
        response.writeHead(404).end();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

after(() => server.close());

const run = (script: string): Promise<unknown> =>
  inFreshProcess(
    `${HELPERS}
    import { readFileSync } from "node:fs";
    import { DeltaVectorDB, init } from "deltavec";
    const origin = ${JSON.stringify(origin)};
    const wasm = readFileSync("dist/deltavec.wasm");
    ${script}`,
  );

test("without a source the bundled module is used", async () => {
  assert.equal(await run("await init(); report(works(DeltaVectorDB))"), true);
});

const sources: [string, string][] = [
  ["an http URL", "new URL(origin + '/deltavec.wasm')"],
  ["a URL as text", "origin + '/deltavec.wasm'"],
  ["a URL whose server does not say what it sends", "origin + '/untyped'"],
  ["a file URL", "new URL('dist/deltavec.wasm', 'file://' + process.cwd() + '/')"],
  ["a Response", "await fetch(origin + '/deltavec.wasm')"],
  ["a Response to come", "fetch(origin + '/deltavec.wasm')"],
  ["an ArrayBuffer", "wasm.buffer.slice(wasm.byteOffset, wasm.byteOffset + wasm.byteLength)"],
  ["a Uint8Array", "new Uint8Array(wasm)"],
  ["a part of a Uint8Array", "new Uint8Array([7, ...wasm, 7]).subarray(1, wasm.length + 1)"],
  ["a WebAssembly.Module", "new WebAssembly.Module(wasm)"],
];
for (const [name, source] of sources) {
  test(`the module is loaded from ${name}`, async () => {
    assert.equal(await run(`await init(${source}); report(works(DeltaVectorDB))`), true);
  });
}

test("deltavec/slim loads the module beside it", async () => {
  const result = await run(`
    const slim = await import("deltavec/slim");
    await slim.init();
    report(works(slim.DeltaVectorDB))`);
  assert.equal(result, true);
});

test("both entries are one: a module loaded by one serves the other", async () => {
  const result = await run(`
    const slim = await import("deltavec/slim");
    await init();
    report([works(slim.DeltaVectorDB), slim.DeltaVectorDB === DeltaVectorDB])`);
  assert.deepEqual(result, [true, true]);
});

test("a database before init is CLOSED, naming init", async () => {
  const [code, message] = (await run(
    "report(await codeOf(() => new DeltaVectorDB({ dimensions: 2 })))",
  )) as string[];
  assert.equal(code, "CLOSED");
  assert.match(message, /init\(\)/);
});

test("a database while init goes on is CLOSED, naming init", async () => {
  const [code, message] = (await run(`
    const loading = init();
    report(await codeOf(() => new DeltaVectorDB({ dimensions: 2 })));
    await loading`)) as string[];
  assert.equal(code, "CLOSED");
  assert.match(message, /still loading.*init\(\)/);
});

test("init loads once, however often it is called", async () => {
  const result = await run(`
    let compiled = 0;
    for (const name of ["compile", "compileStreaming"]) {
      const original = WebAssembly[name];
      WebAssembly[name] = (...given) => (compiled++, original.apply(WebAssembly, given));
    }
    const first = init();
    const second = init("http://nowhere.invalid/");
    await Promise.all([first, second, init()]);
    await init();
    report([compiled, first === second, works(DeltaVectorDB)])`);
  assert.deepEqual(result, [1, true, true]);
});

test("after a failure init tries again", async () => {
  const result = (await run(`
    const failed = await codeOf(() => init(origin + "/missing"));
    await init(origin + "/deltavec.wasm");
    report([failed[0], works(DeltaVectorDB)])`)) as unknown[];
  assert.deepEqual(result, ["INVALID_ARGUMENT", true]);
});

const failures: [string, string, string, RegExp][] = [
  ["a missing file on a server", "origin + '/missing'", "INVALID_ARGUMENT", /missing.*404/],
  [
    "a missing file",
    "new URL('file:///missing.wasm')",
    "INVALID_ARGUMENT",
    /missing\.wasm.*ENOENT/,
  ],
  [
    "a server that is not there",
    "'http://127.0.0.1:9/x.wasm'",
    "INVALID_ARGUMENT",
    /127\.0\.0\.1:9/,
  ],
  ["a text that is no URL", "'x.wasm'", "INVALID_ARGUMENT", /no URL.*x\.wasm/],
  ["a request that fails", "Promise.reject(new Error('lost'))", "INVALID_ARGUMENT", /lost/],
  ["a number", "7", "INVALID_ARGUMENT", /source of init.*7/],
  ["null", "null", "INVALID_ARGUMENT", /source of init.*null/],
  ["a web page", "origin + '/page'", "CORRUPT_DATA", /compiled/],
  ["half a module", "origin + '/broken'", "CORRUPT_DATA", /compiled/],
  ["no bytes", "new Uint8Array(0)", "CORRUPT_DATA", /compiled/],
  [
    "another module",
    "Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0)",
    "UNSUPPORTED_VERSION",
    /not this release's.*dv_open/,
  ],
];
for (const [name, source, code, message] of failures) {
  test(`init of ${name} is ${code}`, async () => {
    const result = (await run(`report(await codeOf(async () => init(${source})))`)) as string[];
    assert.equal(result[0], code, String(result));
    assert.match(result[1], message);
  });
}

test("on an engine that lacks features init is UNSUPPORTED_PLATFORM and loads nothing", async () => {
  const result = (await run(`
    let fetched = 0;
    globalThis.fetch = async () => fetched++;
    WebAssembly.validate = () => false;
    report([await codeOf(() => init(origin + "/deltavec.wasm")), fetched])`)) as [string[], number];
  assert.equal(result[0][0], "UNSUPPORTED_PLATFORM");
  assert.match(result[0][1], /WasmGC.*SIMD.*exceptions/);
  assert.equal(result[1], 0);
});
