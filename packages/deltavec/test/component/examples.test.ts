// The examples of docs/component.md that are not TypeScript, as they stand there; readme.test.ts has the others.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { registerHooks } from "node:module";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { PACKAGE } from "../support/process.ts";
import { findPython } from "../support/wasmtime/python.ts";

const text = readFileSync(join(PACKAGE, "../../docs/component.md"), "utf8");
// Within the package, so that "deltavec" is this package.
const directory = join(PACKAGE, "target/component-examples");

before(() => {
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
});

after(() => rmSync(directory, { recursive: true, force: true }));

/** The only block of that language, and what is said to come of it. */
function block(language: string, rest = ""): string[] {
  const found = [...text.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\`$${rest}`, "gms"))];
  assert.equal(found.length, 1, `${found.length} blocks of ${language}`);
  return found[0]!.slice(1) as string[];
}

test("the example in Python prints what is said", async (t) => {
  const found = await findPython();
  if ("missing" in found) {
    t.skip(found.missing);
    return;
  }
  const [code, output] = block("python run", "\n\nprints\n\n```text\n(.*?)^```$");
  copyFileSync(
    join(PACKAGE, "dist/component/deltavec.component.wasm"),
    join(directory, "deltavec.component.wasm"),
  );
  writeFileSync(join(directory, "example.py"), code!);
  const options = { cwd: directory, encoding: "utf8" } as const;
  assert.equal(execFileSync(found.python, ["-B", "example.py"], options), output);
});

/** What a server of components hands to a handler. */
interface Handler {
  readonly incomingHandler: {
    handle(request: object, out: { answer?: Answer }): void;
  };
}

/** What a handler answered: its status, and all that it wrote. */
interface Answer {
  readonly status: number;
  readonly text: string;
}

// wasi:http/types, as far as a handler of plain text needs it.
const TYPES = `
export class Fields {}
export class OutgoingResponse {
  status = 200;
  text = "";
  setStatusCode(status) { this.status = status; }
  body() { return new OutgoingBody(this); }
}
export class OutgoingBody {
  constructor(response) { this.response = response; }
  write() {
    const { response } = this;
    return {
      blockingWriteAndFlush: (bytes) => { response.text += new TextDecoder().decode(bytes); },
      [Symbol.dispose]() {},
    };
  }
  static finish() {}
}
export const ResponseOutparam = { set(out, { val }) { out.answer = val; } };
`;

const IMPORTS: Readonly<Record<string, string>> = {
  "deltavec:db/databases@0.1.0": `
    import { init } from "deltavec/component";
    export const { Database } = await init();`,
  "wasi:http/types@0.2.10": TYPES,
};

test("the handler of HTTP answers from the component that it imports", async () => {
  const files = new Map<string, string>();
  for (const [i, [name, source]] of Object.entries(IMPORTS).entries()) {
    const file = join(directory, `import-${i}.mjs`);
    writeFileSync(file, source);
    files.set(name, pathToFileURL(file).href);
  }
  const handler = join(directory, "handler.mjs");
  writeFileSync(handler, block("javascript handler.js")[0]!);
  const hooks = registerHooks({
    resolve: (name, context, next) =>
      files.has(name) ? { url: files.get(name)!, shortCircuit: true } : next(name, context),
  });
  const { incomingHandler } = (await import(pathToFileURL(handler).href)) as Handler;
  hooks.deregister();
  const ask = (method: string, path: string): Answer => {
    const out: { answer?: Answer } = {};
    incomingHandler.handle({ method: () => ({ tag: method }), pathWithQuery: () => path }, out);
    const { status, text } = out.answer!;
    return { status, text };
  };

  const { status, text: id } = ask("put", "/tide?v=1,0,0");
  assert.equal(status, 201);
  assert.match(id, /^[0-9A-HJKMNP-TV-Z]{26}\n$/);
  assert.equal(ask("put", "/dune?v=0,1,0").status, 201);
  assert.deepEqual(ask("get", "/?v=1,0,0"), {
    status: 200,
    text: "tide 0\ndune 1.4142135381698608\n",
  });
  assert.deepEqual(ask("put", "/reef?v=1,2"), {
    status: 400,
    text: 'vector "reef" is given 2 values, not 3\n',
  });
});
