// Sources in Chromium: server-sent events, which only browsers have, tabs, sockets and responses.
import assert from "node:assert/strict";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, test } from "node:test";
import { DeltaVectorDB, init, type VectorDelta } from "deltavec";
import { deltaToJson, encodeDeltas } from "deltavec/streams";
import type { Page } from "playwright-core";
import type {} from "./browser/sources.ts";
import { Browser, bundle, page, type Site, serve } from "./support/chromium.ts";
import { create, story } from "./support/deltas.ts";
import { serveWebSockets } from "./support/websocket-server.ts";

let browser: Browser;
let site: Site;

before(async () => {
  site = await serve({
    "/": { type: "text/html", body: page("/sources.js") },
    "/sources.js": { type: "text/javascript", body: await bundle("sources.ts") },
  });
  browser = await Browser.launch();
});

after(async () => {
  await browser[Symbol.asyncDispose]();
  await site[Symbol.asyncDispose]();
});

await init();
const deltas = story(9, 200);
const messages: VectorDelta[][] = [];
for (let at = 0, size = 1; at < deltas.length; at += size, size = (size % 4) + 1) {
  messages.push(deltas.slice(at, at + size));
}
const expected = new DeltaVectorDB({ dimensions: 3, now: () => 1_700_000_000_000 });
expected.applyDeltas(deltas);

async function open(replica = "00000000000a"): Promise<Page & AsyncDisposable> {
  const tab = await browser.context.newPage();
  await tab.goto(site.origin);
  await tab.waitForFunction(() => "sources" in globalThis);
  await tab.evaluate((id) => sources.open(id), replica);
  return Object.assign(tab, { [Symbol.asyncDispose]: () => tab.close() });
}

interface Events extends AsyncDisposable {
  readonly url: string;
  /** From which event on each request asked. */
  readonly asked: (string | undefined)[];
}

/** Serves server-sent events; `answer` gets the number of the request and the event to begin with. */
async function serveEvents(
  answer: (response: ServerResponse, from: number, request: number) => void,
): Promise<Events> {
  const asked: (string | undefined)[] = [];
  const server = createServer((request: IncomingMessage, response) => {
    const { searchParams } = new URL(request.url!, "http://x");
    const id =
      (request.headers["last-event-id"] as string | undefined) ??
      searchParams.get("lastEventId") ??
      undefined;
    asked.push(id);
    response.setHeader("access-control-allow-origin", "*");
    answer(response, id === undefined ? 0 : Number(id) + 1, asked.length - 1);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    asked,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Sends events; what has no id is sent with the last one. */
function send(response: ServerResponse, from: number, end: number, everyId = 1): void {
  response.writeHead(200, { "content-type": "text/event-stream" });
  response.write("retry: 5\n\n");
  for (let i = from; i < end; i++) {
    const id = i % everyId === everyId - 1 ? `id: ${i}\n` : "";
    response.write(`${id}data: ${JSON.stringify(messages[i]!.map(deltaToJson))}\n\n`);
  }
  if (end === messages.length) {
    response.write("event: end\ndata:\n\n");
  }
}

const fast = { minDelayMs: 1, maxDelayMs: 5 };

test("server-sent events are applied; their end event ends them", async () => {
  await using server = await serveEvents((response, from) => send(response, from, messages.length));
  await using tab = await open();
  for (const kind of ["events", "given events"]) {
    await tab.evaluate(() => sources.open("00000000000a"));
    const outcome = await tab.evaluate(
      ([kind, url]) => sources.stream(kind!, url!, { endEvent: "end" }),
      [kind, server.url] as const,
    );
    assert.deepEqual(outcome, {
      applied: 200,
      cursor: `0@${messages.length - 1}`,
      digest: expected.stateDigest(),
    });
  }
});

for (const everyId of [1, 4]) {
  test(`server-sent events that are cut are resumed, with an id every ${everyId}`, async () => {
    const cuts = [5, 9, 10, 30];
    await using server = await serveEvents((response, from) => {
      const cut = cuts.shift();
      send(response, from, cut ?? messages.length, everyId);
      if (cut !== undefined) {
        setTimeout(() => response.destroy(), 20);
      }
    });
    await using tab = await open();
    const outcome = await tab.evaluate(
      (url) => sources.stream("events", url, { endEvent: "end" }),
      server.url,
    );
    assert.equal(outcome.message, undefined);
    assert.equal(outcome.applied, 200);
    assert.equal(outcome.digest, expected.stateDigest());
    assert.equal(server.asked.length, 5);
  });
}

test("after an HTTP error, which browsers do not try again, server-sent events are asked for anew", async () => {
  await using server = await serveEvents((response, from, request) => {
    if (request % 2 === 1) {
      response.writeHead(503).end();
    } else {
      send(response, from, request < 4 ? 5 * (request + 1) : messages.length);
      if (request < 4) {
        setTimeout(() => response.destroy(), 20);
      }
    }
  });
  await using tab = await open();
  const outcome = await tab.evaluate(
    ([url, reconnect]) => sources.stream("events", url, { endEvent: "end", reconnect }),
    [server.url, fast] as const,
  );
  assert.equal(outcome.message, undefined);
  assert.equal(outcome.digest, expected.stateDigest());
});

test("a reader that stops goes on from its cursor with new server-sent events", async () => {
  await using server = await serveEvents((response, from) =>
    send(response, from, messages.length, 3),
  );
  await using tab = await open();
  let cursor: string | number | undefined;
  let outcome: Awaited<ReturnType<typeof sources.stream>> | undefined;
  for (const most of [10, 37, 60, undefined]) {
    outcome = await tab.evaluate(
      ([url, from, most]) =>
        sources.stream(
          "events",
          url,
          { endEvent: "end", ...(from === undefined ? {} : { from }) },
          most,
        ),
      [server.url, cursor, most] as const,
    );
    cursor = outcome.cursor;
  }
  assert.equal(outcome!.message, undefined);
  assert.equal(outcome!.digest, expected.stateDigest());
});

test("server-sent events that cannot be had are DISCONNECTED", async () => {
  await using server = await serveEvents((response) => response.writeHead(404).end());
  await using tab = await open();
  const outcome = await tab.evaluate(
    ([url, reconnect]) => sources.stream("events", url, { reconnect }),
    [server.url, { ...fast, maxAttempts: 2 }] as const,
  );
  assert.equal(outcome.code, "DISCONNECTED");
  assert.equal(server.asked.length, 3);
});

test("when too much waits, server-sent events with ids pause, and go on when they are read", async () => {
  await using server = await serveEvents((response, from) => send(response, from, messages.length));
  await using tab = await open();
  const outcome = await tab.evaluate(
    ([url, reconnect]) =>
      sources.stream("events", url, { endEvent: "end", maxBuffered: 600, reconnect }),
    [server.url, fast] as const,
  );
  assert.equal(outcome.message, undefined);
  assert.equal(outcome.digest, expected.stateDigest());
  assert.ok(server.asked.length > 1);
});

test("a WebSocket that is cut is resumed in Chromium, too", async () => {
  const cuts = [5, 40];
  await using server = await serveWebSockets(
    () => {},
    (socket, text) => {
      const { since } = JSON.parse(text) as { since: string | null };
      const cut = cuts.shift() ?? messages.length;
      for (let i = since === null ? 0 : Number(since) + 1; i < cut; i++) {
        socket.send(encodeDeltas(messages[i]!));
        socket.send(JSON.stringify({ cursor: String(i) }));
      }
      if (cut === messages.length) {
        socket.close(1000);
      } else {
        setTimeout(socket.cut, 20);
      }
    },
  );
  await using tab = await open();
  const outcome = await tab.evaluate(
    ([url, reconnect]) => sources.stream("socket", url, { reconnect }),
    [server.url, fast] as const,
  );
  assert.equal(outcome.message, undefined);
  assert.equal(outcome.digest, expected.stateDigest());
});

test("a body of frames that breaks off is resumed in Chromium, too", async () => {
  const bytes = encodeDeltas(deltas);
  const cuts = [1000, 5000];
  const http = createServer((request, response) => {
    response.setHeader("access-control-allow-origin", "*");
    response.setHeader("access-control-expose-headers", "content-range");
    const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);
    response.writeHead(from > 0 ? 206 : 200, {
      "content-length": bytes.length - from,
      ...(from > 0 ? { "content-range": `bytes ${from}-${bytes.length - 1}/${bytes.length}` } : {}),
    });
    const cut = cuts.shift() ?? bytes.length;
    response.write(bytes.subarray(from, cut), () => cut < bytes.length && response.destroy());
  });
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  try {
    await using tab = await open();
    const outcome = await tab.evaluate(
      ([url, reconnect]) => sources.stream("fetch", url, { reconnect }),
      [`http://127.0.0.1:${(http.address() as AddressInfo).port}/`, fast] as const,
    );
    assert.equal(outcome.message, undefined);
    assert.equal(outcome.digest, expected.stateDigest());
    assert.equal(outcome.cursor, bytes.length);
  } finally {
    http.closeAllConnections();
    http.close();
  }
});

test("two tabs come to one state by a channel, and one that is opened later, too", async () => {
  await using first = await open("00000000000a");
  await using second = await open("00000000000b");
  for (const tab of [first, second]) {
    await tab.evaluate(() => sources.join("deltavec"));
  }
  for (let round = 0; round < 5; round++) {
    for (const [i, tab] of [first, second].entries()) {
      const own = [1, 2, 3].map((n) => deltaToJson(create(`tab${i}-${round}-${n}`, round)));
      await tab.evaluate((json) => sources.apply(json), JSON.stringify(own));
    }
  }
  const third = await open("00000000000c");
  await third.evaluate(() => sources.join("deltavec"));
  const states: { position: number; digest: string }[] = [];
  for (const tab of [first, second, third]) {
    await tab.waitForFunction(() => sources.state().position === 30);
    states.push(await tab.evaluate(() => sources.state()));
  }
  assert.equal(new Set(states.map(({ digest }) => digest)).size, 1);
  await third.close();
});
