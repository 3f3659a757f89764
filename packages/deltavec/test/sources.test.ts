// Sources of deltas, with real sockets, servers and threads.
import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import {
  type DeltaError,
  DeltaStreamProcessor,
  DeltaVectorDB,
  init,
  type StreamPart,
  type VectorDelta,
} from "deltavec";
import {
  broadcast,
  broadcastDeltas,
  type DeltaSource,
  deltaToJson,
  encodeDeltas,
  eventSourceDeltas,
  fetchDeltas,
  webSocketDeltas,
} from "deltavec/streams";
import fc from "fast-check";
import { readRevisions } from "../../cli/src/data/carried.ts";
import { folder } from "../../cli/src/data/folder.ts";
import { row } from "../../cli/src/data/source.ts";
import { create, offset, story, until } from "./support/deltas.ts";
import { PACKAGE } from "./support/process.ts";
import { Random } from "./support/random.ts";
import { type ServerSocket, serveWebSockets } from "./support/websocket-server.ts";

await init();

const newDb = (options = {}): DeltaVectorDB =>
  new DeltaVectorDB({ dimensions: 3, now: () => 1_700_000_000_000, ...options });

const deltas = story(7, 300);
const expected = newDb();
expected.applyDeltas(deltas);

const fast = { minDelayMs: 1, maxDelayMs: 5 };

const failure = (promise: Promise<unknown>): Promise<DeltaError> =>
  promise.then(
    () => assert.fail("nothing was thrown"),
    (error: DeltaError) => error,
  );

async function all(source: DeltaSource): Promise<StreamPart[]> {
  const parts: StreamPart[] = [];
  for await (const part of source) {
    parts.push(part);
  }
  return parts;
}

const json = (part: VectorDelta | readonly VectorDelta[]): string =>
  JSON.stringify(Array.isArray(part) ? part.map(deltaToJson) : deltaToJson(part as VectorDelta));

// ---------------------------------------------------------------- WebSocket

test("a WebSocket's messages of every kind are applied, and 1000 ends them", async () => {
  const other = newDb();
  other.applyDeltas([create("r"), offset("r", 2)]);
  await using server = await serveWebSockets((socket) => {
    socket.send(json(create("a")));
    socket.send(json([create("b"), create("c")]));
    socket.send(JSON.stringify({ deltas: [deltaToJson(create("d"))], cursor: "four" }));
    socket.send(encodeDeltas([create("e"), create("f")]));
    socket.send(other.deltasSince());
    socket.close(1000);
  });
  const db = newDb();
  const processor = new DeltaStreamProcessor(db);
  assert.equal(await processor.streamDeltas(webSocketDeltas(server.url)), 8);
  assert.deepEqual([...db.ids()].sort(), ["a", "b", "c", "d", "e", "f", "r"]);
  assert.equal(processor.cursor, "4@four");
});

test("a WebSocket that is given is listened to from the call on, and is left open", async () => {
  await using server = await serveWebSockets((socket) => socket.send(json(create("a"))));
  const socket = new WebSocket(server.url);
  const source = webSocketDeltas(socket);
  await until(() => socket.readyState === WebSocket.OPEN);
  await new Promise((resolve) => setTimeout(resolve, 20)); // the message comes before it is asked for
  const first = await source.next();
  assert.equal((first.value as StreamPart & { delta: VectorDelta }).delta.vectorId, "a");
  await source.return?.();
  assert.equal(socket.readyState, WebSocket.OPEN);
  socket.close();
});

test("a WebSocket that is given and open is asked at once for what lies behind the cursor", async () => {
  await using server = await serveWebSockets(
    () => {},
    feed([[create("a")], [create("b")]], [], false),
  );
  const socket = new WebSocket(server.url);
  await until(() => socket.readyState === WebSocket.OPEN);
  const parts = await all(webSocketDeltas(socket, { resume, from: "0@0" }));
  assert.equal(parts.length, 1);
  assert.deepEqual(server.sockets[0]!.received, ['{"since":"0"}']);
});

test("what resume throws ends the source", async () => {
  await using server = await serveWebSockets(() => {});
  const mine = new Error("mine");
  const source = webSocketDeltas(server.url, {
    resume: () => {
      throw mine;
    },
  });
  assert.equal(await failure(all(source)), mine);
  await until(() => server.sockets[0]!.closedWith === 1000);
});

test("a source closes its WebSocket when nobody reads it any more, also while it waits", async () => {
  await using server = await serveWebSockets((socket) => socket.send(json(create("a"))));
  for (const signal of [undefined, new AbortController()]) {
    const db = newDb();
    const source = webSocketDeltas(server.url, signal && { signal: signal.signal });
    const controller = new AbortController();
    const done = new DeltaStreamProcessor(db).streamDeltas(source, { signal: controller.signal });
    await until(() => db.size === 1);
    if (signal === undefined) {
      controller.abort();
      assert.equal((await failure(done)).name, "AbortError");
    } else {
      signal.abort();
      assert.equal(await done, 1);
    }
    await until(() => server.sockets.at(-1)!.closedWith === 1000, "the end");
  }
});

/** Serves deltas in messages with marks, from the mark that is asked for; cuts where it is told. */
function feed(
  messages: readonly VectorDelta[][],
  cuts: number[],
  binary: boolean,
): (socket: ServerSocket, text: string) => void {
  return (socket, text) => {
    const { since } = JSON.parse(text) as { since: string | null };
    for (let i = since === null ? 0 : Number(since) + 1; i < messages.length; i++) {
      if (cuts[0] === i) {
        cuts.shift();
        socket.cut();
        return;
      }
      if (binary) {
        socket.send(encodeDeltas(messages[i]!));
        if (i % 3 === 2) {
          socket.send(JSON.stringify({ cursor: String(i) }));
        }
      } else {
        socket.send(JSON.stringify({ deltas: messages[i]!.map(deltaToJson), cursor: String(i) }));
      }
    }
    socket.close(1000);
  };
}

const resume = (mark: string | undefined): string => JSON.stringify({ since: mark ?? null });

test("a WebSocket that is cut at any places and resumed gives the same state", async () => {
  const messages: VectorDelta[][] = [];
  for (let at = 0, size = 1; at < 120; at += size, size = (size * 5 + 3) % 9) {
    messages.push(deltas.slice(at, at + size));
  }
  const few = newDb();
  few.applyDeltas(messages.flat());
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 0, max: messages.length }), { maxLength: 4 }),
      fc.boolean(),
      async (cuts, binary) => {
        const serve = feed(
          messages,
          cuts.sort((a, b) => a - b),
          binary,
        );
        await using server = await serveWebSockets(() => {}, serve);
        const db = newDb();
        const source = webSocketDeltas(server.url, { resume, reconnect: fast });
        assert.equal(
          await new DeltaStreamProcessor(db).streamDeltas(source),
          messages.flat().length,
        );
        assert.equal(db.stateDigest(), few.stateDigest());
      },
    ),
    { numRuns: 25 },
  );
});

test("a reader that stops at any delta goes on from its cursor with a new WebSocket", async () => {
  const messages = Array.from({ length: 20 }, (_, i) => deltas.slice(5 * i, 5 * i + 5));
  const few = newDb();
  few.applyDeltas(messages.flat());
  for (const binary of [false, true]) {
    await using server = await serveWebSockets(() => {}, feed(messages, [], binary));
    for (const stop of [0, 1, 4, 5, 17, 52, 99, 100]) {
      const db = newDb();
      const processor = new DeltaStreamProcessor(db);
      const first = webSocketDeltas(server.url, { resume });
      const part = (async function* () {
        for (let i = 0; i < stop; i++) {
          yield (await first.next()).value!;
        }
        await first.return?.();
      })();
      await processor.streamDeltas(part);
      const rest = webSocketDeltas(server.url, { resume, from: processor.cursor });
      assert.equal(await processor.streamDeltas(rest), 100 - stop, `stopped at ${stop}`);
      assert.equal(db.stateDigest(), few.stateDigest());
    }
  }
});

test("a lost WebSocket that cannot resume is DISCONNECTED, when all that came is applied", async () => {
  await using server = await serveWebSockets((socket) => {
    socket.send(json(create("a")));
    setTimeout(() => socket.close(1011), 20);
  });
  const db = newDb();
  const error = await failure(
    new DeltaStreamProcessor(db).streamDeltas(webSocketDeltas(server.url)),
  );
  assert.equal(error.code, "DISCONNECTED");
  assert.match(error.message, /1011/);
  assert.ok(db.has("a"));
});

test("reconnecting gives up after maxAttempts without a message", async () => {
  await using server = await serveWebSockets((socket) => socket.cut());
  const source = webSocketDeltas(server.url, {
    resume,
    reconnect: { ...fast, maxAttempts: 3 },
  });
  assert.equal((await failure(all(source))).code, "DISCONNECTED");
  assert.equal(server.sockets.length, 4);
});

test("when too much waits, a WebSocket that can resume closes, and goes on when it is read", async () => {
  const messages = deltas.slice(0, 200).map((delta) => [delta]);
  await using server = await serveWebSockets(() => {}, feed(messages, [], false));
  const source = webSocketDeltas(server.url, { resume, maxBuffered: 2000 });
  await source.next().then(async ({ value }) => {
    const db = newDb();
    await until(() => server.sockets[0]!.closedWith !== undefined, "the pause");
    assert.equal(server.sockets[0]!.closedWith, 4013);
    const rest = (async function* () {
      yield value!;
      yield* source;
    })();
    assert.equal(await new DeltaStreamProcessor(db).streamDeltas(rest), 200);
    const few = newDb();
    few.applyDeltas(messages.flat());
    assert.equal(db.stateDigest(), few.stateDigest());
  });
  assert.ok(server.sockets.length > 1);
});

test("when too much waits, a WebSocket that cannot resume fails with BUFFER_FULL, behind what came", async () => {
  await using server = await serveWebSockets((socket) => {
    for (let i = 0; i < 100; i++) {
      socket.send(json(create(`v${i}`)));
    }
  });
  const source = webSocketDeltas(server.url, { maxBuffered: 1000 });
  await source.next();
  await until(() => server.sockets[0]!.closedWith === 4013);
  let read = 1;
  const error = await failure(
    (async () => {
      for await (const _ of source) {
        read++;
      }
    })(),
  );
  assert.equal(error.code, "BUFFER_FULL");
  assert.ok(read > 5 && read < 50, `${read}`);
});

test("a message that is too large is BUFFER_FULL, and is not opened", async () => {
  for (const message of ["[".repeat(2000), new Uint8Array(2000)]) {
    await using server = await serveWebSockets((socket) => socket.send(message));
    const source = webSocketDeltas(server.url, { maxMessageBytes: 1000 });
    assert.equal((await failure(all(source))).code, "BUFFER_FULL");
  }
});

const junk: [string, string | Uint8Array, string][] = [
  ["text that is no JSON", "{", "CORRUPT_DATA"],
  ["JSON that is no delta", '{"a":1}', "INVALID_ARGUMENT"],
  ["an envelope of something else", '{"deltas":{}}', "INVALID_ARGUMENT"],
  ["an envelope with a wrong cursor", '{"cursor":7}', "INVALID_ARGUMENT"],
  ["an envelope with something more", '{"deltas":[],"more":1}', "INVALID_ARGUMENT"],
  ["bytes that are no frames", new Uint8Array(20), "UNSUPPORTED_VERSION"],
  ["half a frame", encodeDeltas([create("x")]).subarray(0, 20), "CORRUPT_DATA"],
  [
    "a frame with a wrong checksum",
    encodeDeltas([create("x")]).map((byte, i) => (i === 4 ? byte ^ 1 : byte)),
    "CORRUPT_DATA",
  ],
];
for (const [name, message, code] of junk) {
  test(`${name} ends a source, or is reported and passed over`, async () => {
    await using server = await serveWebSockets((socket) => {
      socket.send(json(create("a")));
      socket.send(message);
      socket.send(json(create("b")));
      socket.close(1000);
    });
    const db = newDb();
    const run = new DeltaStreamProcessor(db).streamDeltas(webSocketDeltas(server.url));
    assert.equal((await failure(run)).code, code);
    assert.deepEqual([...db.ids()], ["a"]);
    const told: string[] = [];
    const source = webSocketDeltas(server.url, { onInvalid: (error) => told.push(error.code) });
    assert.equal((await all(source)).length, 2);
    assert.deepEqual(told, [code]);
  });
}

test("wrong options of a WebSocket source are named", () => {
  const wrong: [string, object][] = [
    ["from", { from: "1@x" }],
    ["from", { from: "x", resume }],
    ["signal", { signal: 7 }],
    ["maxBuffered", { maxBuffered: 0 }],
    ["maxMessageBytes", { maxMessageBytes: "x" }],
    ["reconnect.minDelayMs", { reconnect: { minDelayMs: -1 } }],
  ];
  for (const [name, options] of wrong) {
    assert.throws(() => webSocketDeltas(new EventTarget() as WebSocket, options), {
      code: "INVALID_ARGUMENT",
      message: new RegExp(name.replace(".", "\\.")),
    });
  }
  assert.throws(() => webSocketDeltas(7 as unknown as string), { code: "INVALID_ARGUMENT" });
});

// ---------------------------------------------------------------- fetch

interface HttpServer extends AsyncDisposable {
  readonly url: string;
  readonly requests: IncomingMessage[];
}

async function serveHttp(
  answer: (request: IncomingMessage, response: ServerResponse, number: number) => void,
): Promise<HttpServer> {
  const requests: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    requests.push(request);
    answer(request, response, requests.length - 1);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    requests,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Sends bytes from where the request's range begins, and cuts the connection at a place if told to. */
function sendRange(
  bytes: Uint8Array,
  { headers }: IncomingMessage,
  response: ServerResponse,
  { ranges = true, tag = '"1"', cut = bytes.length } = {},
): void {
  const from = ranges ? Number(/^bytes=(\d+)-$/.exec(headers.range ?? "")?.[1] ?? 0) : 0;
  const partial = ranges && headers.range !== undefined;
  if (partial && from === bytes.length) {
    response.writeHead(416, { "content-range": `bytes */${bytes.length}` }).end();
    return;
  }
  response.writeHead(partial ? 206 : 200, {
    etag: tag,
    "content-length": bytes.length - from,
    ...(partial ? { "content-range": `bytes ${from}-${bytes.length - 1}/${bytes.length}` } : {}),
  });
  if (cut >= bytes.length) {
    response.end(bytes.subarray(from));
  } else {
    response.write(bytes.subarray(from, Math.max(cut, from)), () => response.destroy());
  }
}

const frames = encodeDeltas(deltas);

test("the frames of a response's body are applied; cursors are places in it", async () => {
  await using server = await serveHttp((request, response) => sendRange(frames, request, response));
  const db = newDb();
  const processor = new DeltaStreamProcessor(db);
  assert.equal(await processor.streamDeltas(fetchDeltas(server.url)), 300);
  assert.equal(db.stateDigest(), expected.stateDigest());
  assert.equal(processor.cursor, frames.length);
});

test("a response that is given is read", async () => {
  const db = newDb();
  const applied = await new DeltaStreamProcessor(db).streamDeltas(
    fetchDeltas(new Response(frames)),
  );
  assert.equal(applied, 300);
});

test("a body in chunks of a byte each, over the network, gives the same state", async () => {
  const few = encodeDeltas(deltas.slice(0, 40));
  await using server = await serveHttp(async (_, response) => {
    response.writeHead(200);
    response.socket?.setNoDelay(true);
    for (const byte of few) {
      response.write(Uint8Array.of(byte));
      await new Promise(setImmediate);
    }
    response.end();
  });
  const db = newDb();
  assert.equal(await new DeltaStreamProcessor(db).streamDeltas(fetchDeltas(server.url)), 40);
  const same = newDb();
  same.applyDeltas(deltas.slice(0, 40));
  assert.equal(db.stateDigest(), same.stateDigest());
});

test("a body that breaks off at any bytes is resumed, with and without ranges, to the same state", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 0, max: frames.length - 1 }), { maxLength: 4 }),
      fc.boolean(),
      async (cuts, ranges) => {
        const left = cuts.sort((a, b) => a - b);
        await using server = await serveHttp((request, response) => {
          const cut = left.shift();
          sendRange(frames, request, response, { ranges, ...(cut === undefined ? {} : { cut }) });
        });
        const db = newDb();
        const source = fetchDeltas(server.url, { reconnect: fast });
        assert.equal(await new DeltaStreamProcessor(db).streamDeltas(source), 300);
        assert.equal(db.stateDigest(), expected.stateDigest());
      },
    ),
    { numRuns: 25 },
  );
});

test("a reader that stops at any delta goes on from its cursor with another request", async () => {
  await using server = await serveHttp((request, response) => sendRange(frames, request, response));
  for (const stop of [0, 1, 150, 299, 300]) {
    const db = newDb();
    const processor = new DeltaStreamProcessor(db);
    const first = fetchDeltas(server.url);
    const part = (async function* () {
      for (let i = 0; i < stop; i++) {
        yield (await first.next()).value!;
      }
      await first.return?.();
    })();
    await processor.streamDeltas(part);
    const rest = fetchDeltas(server.url, { from: processor.cursor });
    assert.equal(await processor.streamDeltas(rest), 300 - stop);
    assert.equal(db.stateDigest(), expected.stateDigest());
  }
});

test("resume makes the request for what lies behind a cursor", async () => {
  await using server = await serveHttp(({ url }, response, number) => {
    const from = Number(new URL(url!, "http://x").searchParams.get("from"));
    const end = number === 0 ? 1000 : frames.length;
    response.writeHead(200, { "content-length": frames.length - from });
    response.write(frames.subarray(from, end), () => number === 0 && response.destroy());
  });
  const db = newDb();
  const source = fetchDeltas(server.url, {
    resume: (cursor) => `${server.url}?from=${cursor}`,
    reconnect: fast,
  });
  assert.equal(await new DeltaStreamProcessor(db).streamDeltas(source), 300);
  assert.equal(db.stateDigest(), expected.stateDigest());
  assert.equal(server.requests[1]!.headers.range, undefined);
});

test("a body that has become another is CORRUPT_DATA", async () => {
  await using server = await serveHttp((request, response, number) =>
    sendRange(frames, request, response, { tag: `"${number}"`, cut: number === 0 ? 1000 : 1e9 }),
  );
  const error = await failure(all(fetchDeltas(server.url, { reconnect: fast })));
  assert.equal(error.code, "CORRUPT_DATA");
  assert.match(error.message, /changed/);
});

test("a body that ends within a frame: CORRUPT_DATA of a response, DISCONNECTED of an address", async () => {
  const half = frames.subarray(0, 1000);
  assert.equal((await failure(all(fetchDeltas(new Response(half))))).code, "CORRUPT_DATA");
  await using server = await serveHttp((_, response) => response.end(half));
  const error = await failure(all(fetchDeltas(server.url, { reconnect: false })));
  assert.equal(error.code, "DISCONNECTED");
  assert.match(error.message, /ends within the frame/);
});

test("a status of 503 is tried again, one of 404 is DISCONNECTED at once", async () => {
  await using server = await serveHttp((request, response, number) =>
    number < 2 ? response.writeHead(503).end() : sendRange(frames, request, response),
  );
  assert.equal((await all(fetchDeltas(server.url, { reconnect: fast }))).length, 300);
  await using missing = await serveHttp((_, response) => response.writeHead(404).end());
  const error = await failure(all(fetchDeltas(missing.url, { reconnect: fast })));
  assert.equal(error.code, "DISCONNECTED");
  assert.match(error.message, /404/);
  assert.equal(missing.requests.length, 1);
});

test("an address that nothing can connect to is refused", async () => {
  const error = await failure(all(webSocketDeltas("nowhere://x")));
  assert.equal(error.code, "INVALID_ARGUMENT");
  assert.match(error.message, /no such WebSocket/);
});

test("a source that the engine has no connections for is refused with what to do", async (t) => {
  const { EventSource } = globalThis;
  t.after(() => Object.assign(globalThis, { EventSource }));
  Object.assign(globalThis, { EventSource: undefined });
  const error = await failure(all(eventSourceDeltas("http://127.0.0.1/")));
  assert.equal(error.code, "UNSUPPORTED_PLATFORM");
  assert.match(error.message, /no EventSource: give one/);
});

test("what cannot be requested is refused, and not tried again", async () => {
  const error = await failure(all(fetchDeltas("/no-page-here", { reconnect: fast })));
  assert.equal(error.code, "INVALID_ARGUMENT");
  assert.match(error.message, /request.*\/no-page-here/);
});

test("a server that sends another range than asked for is CORRUPT_DATA", async () => {
  await using server = await serveHttp((_, response) =>
    response.writeHead(206, { "content-range": `bytes 0-9/${frames.length}` }).end(frames),
  );
  const error = await failure(all(fetchDeltas(server.url, { from: 55 })));
  assert.equal(error.code, "CORRUPT_DATA");
});

test("streams of replicas come as one part each, and are resumed behind the last whole one", async () => {
  const since = expected.cursor();
  const other = newDb();
  other.merge(expected.deltasSince());
  other.applyDeltas([create("x"), offset("x")]);
  const bytes = Uint8Array.of(
    ...expected.deltasSince(),
    ...other.deltasSince(since),
    ...frames.subarray(0, 0),
  );
  const cuts = [1, 500, bytes.length - 3];
  await using server = await serveHttp((request, response) => {
    const cut = cuts.shift();
    sendRange(bytes, request, response, cut === undefined ? {} : { cut });
  });
  const db = newDb();
  const processor = new DeltaStreamProcessor(db);
  await processor.streamDeltas(fetchDeltas(server.url, { reconnect: fast }));
  assert.equal(db.stateDigest(), other.stateDigest());
  assert.equal(processor.cursor, bytes.length);
  const error = await failure(all(fetchDeltas(new Response(bytes), { maxStreamBytes: 1000 })));
  assert.equal(error.code, "BUFFER_FULL");
});

test("a slow reader slows the server down", async () => {
  let sent = 0;
  const large = encodeDeltas([{ ...create("v"), metadata: { text: "x".repeat(60_000) } }]);
  await using server = await serveHttp(async (_, response) => {
    response.setMaxListeners(0).writeHead(200);
    while (!response.destroyed && sent < 1000) {
      sent++;
      if (!response.write(large)) {
        await new Promise((resolve) => response.once("drain", resolve).once("close", resolve));
      }
    }
  });
  const source = fetchDeltas(server.url);
  await source.next();
  await new Promise((resolve) => setTimeout(resolve, 200));
  const before = sent;
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.equal(sent, before);
  assert.ok(sent < 500, `${sent} x 60 KB were sent`);
  await source.return?.();
});

test("a fetch that waits ends with its signal, quietly, and its connection is closed", async () => {
  let closed = false;
  await using server = await serveHttp((_, response) => {
    response.write(frames.subarray(0, 1000));
    response.on("close", () => {
      closed = true;
    });
  });
  const controller = new AbortController();
  const db = newDb();
  const done = new DeltaStreamProcessor(db).streamDeltas(
    fetchDeltas(server.url, { signal: controller.signal }),
  );
  await until(() => db.position > 5);
  controller.abort();
  assert.equal(await done, db.position);
  await until(() => closed, "the connection's end");
});

test("wrong options of a fetch source are named", () => {
  for (const [name, options] of [
    ["from", { from: "x" }],
    ["from", { from: -1 }],
    ["maxFrameBytes", { maxFrameBytes: 1 }],
    ["maxStreamBytes", { maxStreamBytes: 0 }],
    ["reconnect.maxAttempts", { reconnect: { maxAttempts: "x" } }],
  ] as const) {
    assert.throws(() => fetchDeltas("http://x/", options as object), {
      code: "INVALID_ARGUMENT",
      message: new RegExp(name),
    });
  }
});

// ---------------------------------------------------------------- BroadcastChannel

/** A replica in a thread of its own: issues some changes, hears those of others, and tells its digest when asked. */
const REPLICA = `
  import { parentPort, workerData } from "node:worker_threads";
  import { DeltaStreamProcessor, DeltaVectorDB, init } from "deltavec";
  import { broadcast, broadcastDeltas } from "deltavec/streams";
  await init();
  const db = new DeltaVectorDB({ dimensions: 3, replicaId: workerData.replica, ...workerData.options });
  const stop = broadcast(db, workerData.channel);
  const source = broadcastDeltas(workerData.channel, { since: db.cursor() });
  new DeltaStreamProcessor(db).streamDeltas(source);
  parentPort.on("message", (message) => {
    if (message === "state") {
      parentPort.postMessage({ position: db.position, digest: db.stateDigest(), heard: heard });
    } else {
      for (const delta of message) {
        try { db.applyDelta(delta); } catch {}
      }
    }
  });
  let heard = 0;
  const ear = new BroadcastChannel(workerData.channel);
  ear.onmessage = () => heard++;
  parentPort.postMessage("ready");`;

interface State {
  readonly position: number;
  readonly digest: string;
  readonly heard: number;
}

class Replica {
  readonly #worker: Worker;
  #answer: ((value: unknown) => void) | undefined;

  constructor(channel: string, replica: string, options: object) {
    const script = new URL(
      `data:text/javascript,${encodeURIComponent(
        REPLICA.replaceAll('"deltavec', `"file://${join(PACKAGE, "dist")}/deltavec`)
          .replaceAll("/deltavec/streams", "/streams.js")
          .replaceAll(/dist\/deltavec"/g, 'dist/index.js"'),
      )}`,
    );
    this.#worker = new Worker(script, { workerData: { channel, replica, options } });
    this.#worker.on("message", (value) => this.#answer?.(value));
  }

  ask(question?: unknown): Promise<unknown> {
    return new Promise((resolve) => {
      this.#answer = resolve;
      if (question !== undefined) {
        this.#worker.postMessage(question);
      }
    });
  }

  apply(deltas: readonly VectorDelta[]): void {
    this.#worker.postMessage(deltas);
  }

  async state(): Promise<State> {
    return (await this.ask("state")) as State;
  }

  end(): Promise<number> {
    return this.#worker.terminate();
  }
}

async function settled(replicas: readonly Replica[], position: number): Promise<State[]> {
  for (let left = 400; ; left--) {
    const states: State[] = [];
    for (const replica of replicas) {
      states.push(await replica.state());
    }
    if (states.every((state) => state.position === position) || left === 0) {
      return states;
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

for (const [name, options] of [
  ["of floats", {}],
  ["on a grid", { precision: { grid: 1000 } }],
] as const) {
  test(`replicas ${name} in three threads come to one state by a channel, without echoes`, async () => {
    const channel = `deltavec-${name}-${process.pid}`;
    const random = new Random(8);
    const replicas = ["a", "b", "c"].map(
      (letter) => new Replica(channel, letter.repeat(12), options),
    );
    try {
      await Promise.all(replicas.map((replica) => replica.ask()));
      let count = 0;
      for (let round = 0; round < 10; round++) {
        for (const [i, replica] of replicas.entries()) {
          const own = Array.from({ length: 1 + random.below(20) }, (_, n) =>
            create(`r${i}-${round}-${n}`, random.normal()),
          );
          count += own.length;
          replica.apply(own);
        }
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      const states = await settled(replicas, count);
      assert.deepEqual(
        states.map(({ position }) => position),
        [count, count, count],
      );
      assert.equal(new Set(states.map(({ digest }) => digest)).size, 1);
      // Each hears its own messages and those of two others (with their channel's second ear), and nothing sent on.
      for (const { heard } of states) {
        assert.ok(heard <= 3 * 10 + 6, `${heard} messages`);
      }
      // One that comes late asks for what it missed.
      const late = new Replica(channel, "dddddddddddd", options);
      replicas.push(late);
      await late.ask();
      const [state] = await settled([late], count);
      assert.equal(state!.digest, states[0]!.digest);
    } finally {
      await Promise.all(replicas.map((replica) => replica.end()));
    }
  });
}

/** Two channels of one name: what one sends the other hears. */
function channels(): [BroadcastChannel, BroadcastChannel, () => void] {
  const name = `deltavec-${process.pid}-${Math.random()}`;
  const [a, b] = [new BroadcastChannel(name), new BroadcastChannel(name)];
  return [
    a,
    b,
    () => {
      a.close();
      b.close();
    },
  ];
}

test("a large change goes in several messages, all of it", async () => {
  const [a, b, close] = channels();
  let messages = 0;
  b.addEventListener("message", () => messages++);
  const source = newDb();
  const mirror = newDb();
  source.applyDelta(create("before"));
  const stop = broadcast(source, a);
  const controller = new AbortController();
  const done = new DeltaStreamProcessor(mirror).streamDeltas(
    broadcastDeltas(b, { signal: controller.signal }),
  );
  await new Promise((resolve) => setTimeout(resolve, 10));
  source.applyDeltas(Array.from({ length: 2500 }, (_, i) => create(`v${i}`)));
  await until(() => mirror.size === 2500, "all");
  assert.equal(messages, 3);
  assert.ok(!mirror.has("before"));
  stop();
  source.applyDelta(create("after"));
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.ok(!mirror.has("after"));
  controller.abort();
  assert.equal(await done, 2500);
  close();
});

test("what a replica merged is not sent on", async () => {
  const [a, b, close] = channels();
  let messages = 0;
  b.addEventListener("message", () => messages++);
  const db = newDb();
  const stop = broadcast(db, a);
  db.merge(expected.deltasSince());
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(messages, 0);
  stop();
  close();
});

test("deltas that were compacted away before they were sent are told, and those behind them sent", async () => {
  const [a, b, close] = channels();
  const errors: DeltaError[] = [];
  const source = newDb();
  const mirror = newDb();
  const stop = broadcast(source, a, { onError: (error) => errors.push(error as DeltaError) });
  const controller = new AbortController();
  const { signal } = controller;
  const done = new DeltaStreamProcessor(mirror).streamDeltas(broadcastDeltas(b, { signal }));
  await new Promise((resolve) => setTimeout(resolve, 10));
  source.applyDeltas([create("a"), create("b")]);
  source.compact();
  await until(() => errors.length > 0);
  assert.equal(errors[0]!.code, "HISTORY_COMPACTED");
  source.applyDelta(create("c"));
  await until(() => mirror.has("c"));
  assert.equal(mirror.size, 1);
  controller.abort();
  await done;
  stop();
  close();
});

test("broadcast needs history, and opens nothing without", () => {
  const db = newDb({ history: false });
  assert.throws(() => broadcast(db, "nobody"), { code: "INVALID_ARGUMENT" });
});

test("what others send is hostile until checked", async () => {
  const [a, b, close] = channels();
  for (const message of [null, 7, {}, { since: 1 }, new Uint8Array(30), "{", new Date(), [1]]) {
    const source = broadcastDeltas(b);
    a.postMessage(message);
    const error = await failure(source.next());
    assert.match(error.code, /INVALID_ARGUMENT|CORRUPT_DATA|UNSUPPORTED_VERSION/);
  }
  const told: unknown[] = [];
  const stop = broadcast(newDb(), b, { onError: (error) => told.push(error) });
  a.postMessage({ since: new Uint8Array(3) });
  await until(() => told.length > 0);
  assert.equal((told[0] as DeltaError).code, "CORRUPT_DATA");
  stop();
  close();
});

test("when too much waits, a channel's source ends with BUFFER_FULL behind what came", async () => {
  const [a, b, close] = channels();
  const source = broadcastDeltas(b, { maxBuffered: 200 });
  for (let i = 0; i < 20; i++) {
    a.postMessage(encodeDeltas([create(`v${i}`)]));
  }
  await new Promise((resolve) => setTimeout(resolve, 50));
  let read = 0;
  const error = await failure(
    (async () => {
      for await (const _ of source) {
        read++;
      }
    })(),
  );
  assert.equal(error.code, "BUFFER_FULL");
  assert.ok(read > 1 && read < 10, `${read}`);
  close();
});

test("by name, a thread does not hear itself, and the channel closes with its last user", async () => {
  const name = `deltavec-self-${process.pid}`;
  const db = newDb();
  const stop = broadcast(db, name);
  const source = broadcastDeltas(name);
  let heard = false;
  const next = source.next().then((result) => {
    heard = result.done !== true;
  });
  db.applyDelta(create("a"));
  await new Promise((resolve) => setTimeout(resolve, 30));
  await source.return?.();
  await next;
  assert.equal(heard, false);
  stop();
  stop();
});

// ---------------------------------------------------------------- real data

test("real edits of texts come over HTTP and a WebSocket, cut and resumed, to the same state", async () => {
  const [edits, vectors] = await readRevisions(folder(join(PACKAGE, "../../data")));
  const stream = edits.slice(0, 400).map((edit, i): VectorDelta => {
    const timestamp = new Date(1_600_000_000_000 + i);
    const vectorId = edit.id;
    if (edit.kind === "delete") {
      return { vectorId, operation: { type: "delete" }, timestamp };
    }
    const type = edit.kind === "create" ? "create" : "dense";
    const operation = { type, vector: row(vectors, edit.row) } as const;
    return { vectorId, operation, metadata: { version: edit.version }, timestamp };
  });
  const wanted = new DeltaVectorDB();
  wanted.applyDeltas(stream);
  const bytes = encodeDeltas(stream);
  const cuts = [100_000, 100_001, 333_333];
  await using http = await serveHttp((request, response) => {
    const cut = cuts.shift();
    sendRange(bytes, request, response, cut === undefined ? {} : { cut });
  });
  const byHttp = new DeltaVectorDB();
  await new DeltaStreamProcessor(byHttp).streamDeltas(fetchDeltas(http.url, { reconnect: fast }));
  assert.equal(byHttp.stateDigest(), wanted.stateDigest());
  const messages = Array.from({ length: 40 }, (_, i) => stream.slice(10 * i, 10 * i + 10));
  await using sockets = await serveWebSockets(() => {}, feed(messages, [7, 20, 20], false));
  const bySocket = new DeltaVectorDB();
  await new DeltaStreamProcessor(bySocket).streamDeltas(
    webSocketDeltas(sockets.url, { resume, reconnect: fast }),
  );
  assert.equal(bySocket.stateDigest(), wanted.stateDigest());
});
