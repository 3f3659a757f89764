// WHATWG streams: into a database, out of one, and between bytes and deltas.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type DeltaError,
  type DeltaEvent,
  DeltaVectorDB,
  init,
  type SkippedDelta,
  type VectorDelta,
  type WritableOptions,
} from "deltavec";
import {
  DeltaDecoderStream,
  DeltaEncoderStream,
  decodeDeltas,
  encodeDeltas,
} from "deltavec/streams";
import fc from "fast-check";
import { create, offset, story, until } from "./support/deltas.ts";

await init();

const newDb = (options = {}): DeltaVectorDB =>
  new DeltaVectorDB({ dimensions: 3, now: () => 1_700_000_000_000, ...options });

const deltas = story(5, 400);
const expected = newDb();
expected.applyDeltas(deltas);

/** A body in pieces that end at these places. */
function body(bytes: Uint8Array, cuts: readonly number[]): ReadableStream<Uint8Array> {
  const ends = [...new Set([...cuts, bytes.length])].sort((a, b) => a - b);
  let at = 0;
  return new ReadableStream<Uint8Array>({
    pull(controller) {
      const end = ends.shift();
      if (end === undefined) {
        controller.close();
      } else {
        controller.enqueue(bytes.slice(at, end));
        at = end;
      }
    },
  });
}

async function write(
  db: DeltaVectorDB,
  chunks: readonly (VectorDelta | Uint8Array)[],
  options?: WritableOptions,
): Promise<void> {
  const writer = db.writable(options).getWriter();
  try {
    for (const chunk of chunks) {
      await writer.ready;
      writer.write(chunk).catch(() => undefined);
    }
    await writer.close();
  } finally {
    writer.releaseLock();
  }
}

const failure = (promise: Promise<unknown>): Promise<DeltaError> =>
  promise.then(
    () => assert.fail("nothing was thrown"),
    (error: DeltaError) => error,
  );

test("deltas that are written are applied", async () => {
  const db = newDb();
  await write(db, deltas);
  assert.equal(db.stateDigest(), expected.stateDigest());
});

test("a response's body of frames is piped into a database", async () => {
  const db = newDb();
  await new Response(encodeDeltas(deltas)).body!.pipeTo(db.writable());
  assert.equal(db.stateDigest(), expected.stateDigest());
});

test("bytes may be cut anywhere: at every single byte, and at random", async () => {
  const few = deltas.slice(0, 60);
  const bytes = encodeDeltas(few);
  const all = newDb();
  all.applyDeltas(few);
  const db = newDb();
  await body(bytes, Array.from(bytes.keys())).pipeTo(db.writable());
  assert.equal(db.stateDigest(), all.stateDigest());
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 0, max: bytes.length }), { maxLength: 20 }),
      async (cuts) => {
        const db = newDb();
        await body(bytes, cuts).pipeTo(db.writable());
        assert.equal(db.stateDigest(), all.stateDigest());
      },
    ),
    { numRuns: 50 },
  );
});

test("each cut in two gives the same deltas", async () => {
  const few = deltas.slice(0, 8);
  const bytes = encodeDeltas(few);
  for (let cut = 0; cut <= bytes.length; cut++) {
    const read: VectorDelta[] = [];
    for await (const delta of body(bytes, [cut]).pipeThrough(new DeltaDecoderStream())) {
      read.push(delta);
    }
    assert.deepEqual(read, decodeDeltas(bytes), `cut at ${cut}`);
  }
});

test("encoder and decoder are each other's inverse, and their pipe ends in a database", async () => {
  const db = newDb();
  const source = new ReadableStream<VectorDelta>({
    start(controller) {
      for (const delta of deltas) {
        controller.enqueue(delta);
      }
      controller.close();
    },
  });
  await source
    .pipeThrough(new DeltaEncoderStream())
    .pipeThrough(new DeltaDecoderStream())
    .pipeTo(db.writable());
  assert.equal(db.stateDigest(), expected.stateDigest());
});

test("frames of a replica are merged, cut anywhere", async () => {
  const since = expected.cursor();
  const other = newDb({ replicaId: "00000000000a" });
  other.merge(expected.deltasSince());
  other.applyDeltas([create("x"), offset("x"), create("y")]);
  const whole = newDb({ replicaId: "00000000000b" });
  whole.merge(other.deltasSince());
  // Two streams, one behind the other; the second begins anew.
  const bytes = Uint8Array.of(...expected.deltasSince(), ...other.deltasSince(since));
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 0, max: bytes.length }), { maxLength: 20 }),
      async (cuts) => {
        const db = newDb({ replicaId: "00000000000b" });
        await body(bytes, cuts).pipeTo(db.writable());
        assert.equal(db.stateDigest(), whole.stateDigest());
        assert.deepEqual(db.cursor(), whole.cursor());
      },
    ),
    { numRuns: 30 },
  );
});

test("frames of a replica are merged while their stream goes on", async () => {
  const db = newDb();
  const bytes = expected.deltasSince();
  const writer = db.writable({ maxDelayMs: 1 }).getWriter();
  const half = bytes.length >> 1;
  await writer.write(bytes.subarray(0, half));
  await until(() => db.position > 100, "the first half");
  const before = db.position;
  assert.ok(before < expected.position);
  await writer.write(bytes.subarray(half));
  await until(() => db.position === expected.position, "the second half");
  await writer.close();
  assert.equal(db.stateDigest(), expected.stateDigest());
});

test("deltas, frames and frames of a replica keep their order", async () => {
  const other = newDb();
  other.applyDeltas([create("r", 1), offset("r", 1)]);
  const db = newDb();
  await write(db, [
    create("a", 1),
    encodeDeltas([offset("a", 1), create("b", 1)]),
    other.deltasSince(),
    offset("r", 10),
    Uint8Array.of(...encodeDeltas([offset("r", 10)]), ...other.deltasSince()),
    { vectorId: "r", operation: { type: "scale", factor: 2 } },
  ]);
  assert.deepEqual([...db.getVector("a")!], [2, 2, 3]);
  assert.deepEqual([...db.getVector("r")!], [44, 44, 46]);
});

test("a refused delta fails the stream, with its number; all before it is applied", async () => {
  const db = newDb();
  const error = await failure(
    write(db, [create("a"), encodeDeltas([create("b"), offset("nobody"), create("c")])]),
  );
  assert.equal(error.code, "VECTOR_NOT_FOUND");
  assert.equal(error.index, 2);
  assert.deepEqual([...db.ids()].sort(), ["a", "b"]);
});

test("skip passes over refused deltas and refused frames of a replica", async () => {
  const db = newDb();
  const skipped: SkippedDelta[] = [];
  const other = newDb({ dimensions: 4 });
  other.applyDelta({ vectorId: "q", operation: { type: "create", vector: new Float32Array(4) } });
  await write(db, [create("a"), offset("nobody"), other.deltasSince(), create("b")], {
    onError: "skip",
    onSkip: (delta) => skipped.push(delta),
  });
  assert.deepEqual(
    skipped.map(({ index, vectorId, code }) => [index, vectorId, code]),
    [
      [1, "nobody", "VECTOR_NOT_FOUND"],
      [2, undefined, "DIMENSION_MISMATCH"],
    ],
  );
  assert.deepEqual([...db.ids()].sort(), ["a", "b"]);
});

test("after frames that were passed over, those that refer to them are, too", async () => {
  const source = newDb();
  source.applyDeltas([create("a"), create("b"), offset("a", 5), offset("b", 7)]);
  const bytes = source.deltasSince();
  const ends: number[] = [];
  for (let at = 0; at < bytes.length; at = ends.at(-1)!) {
    ends.push(at + (bytes[at]! | (bytes[at + 1]! << 8)));
  }
  const broken = bytes.slice();
  broken[ends[1]! + 12]! ^= 1; // within the second delta
  const db = newDb();
  const skipped: SkippedDelta[] = [];
  const writer = db
    .writable({ onError: "skip", maxDelayMs: 0, onSkip: (delta) => skipped.push(delta) })
    .getWriter();
  await writer.write(broken.subarray(0, ends[2]));
  await until(() => skipped.length > 0);
  await writer.write(broken.subarray(ends[2]));
  await writer.write(source.deltasSince());
  await writer.close();
  assert.deepEqual(
    skipped.map(({ code }) => code),
    ["CORRUPT_DATA", "CORRUPT_DATA"],
  );
  assert.equal(db.stateDigest(), source.stateDigest());
});

for (const [name, pipe] of [
  [
    "writable",
    (from: ReadableStream<Uint8Array>, options = {}) => from.pipeTo(newDb().writable(options)),
  ],
  [
    "decoder",
    async (from: ReadableStream<Uint8Array>, options = {}) => {
      for await (const _ of from.pipeThrough(new DeltaDecoderStream(options))) {
        // All of it.
      }
    },
  ],
] as const) {
  test(`${name}: a stream that ends within a frame is CORRUPT_DATA`, async () => {
    const bytes = encodeDeltas([create("a"), create("b")]);
    const half = bytes.length / 2;
    for (let end = 0; end <= bytes.length; end++) {
      const done = pipe(body(bytes.slice(0, end), [3]));
      if (end % half === 0) {
        await done;
      } else {
        const { code, message } = await failure(done);
        assert.equal(code, "CORRUPT_DATA", `end ${end}`);
        assert.match(message, new RegExp(`ends within the frame at byte ${end < half ? 0 : half}`));
      }
    }
  });

  test(`${name}: a frame over the limit is refused when its length is known`, async () => {
    const large = encodeDeltas([{ ...create("a"), metadata: { x: "y".repeat(2000) } }]);
    const first = encodeDeltas([create("b")]);
    const bytes = Uint8Array.of(...first, ...large.subarray(0, 9));
    let asked = 0;
    const source = new ReadableStream<Uint8Array>(
      {
        pull(controller) {
          if (asked++ === 0) {
            controller.enqueue(bytes);
          }
        },
      },
      { highWaterMark: 0 },
    );
    const { code, message } = await failure(pipe(source, { maxFrameBytes: 1000 }));
    assert.equal(code, "BUFFER_FULL");
    assert.match(message, new RegExp(`at byte ${first.length} has ${large.length} bytes`));
  });

  test(`${name}: any byte changed is noticed`, async () => {
    const bytes = encodeDeltas([create("a"), { ...create("b"), metadata: { n: 1 } }]);
    for (let at = 0; at < bytes.length; at++) {
      const changed = bytes.slice();
      changed[at]! ^= 1 << (at & 7);
      const { code } = await failure(pipe(body(changed, [20])));
      assert.match(
        code,
        /CORRUPT_DATA|UNSUPPORTED_VERSION|BUFFER_FULL|INVALID_ARGUMENT/,
        `byte ${at}`,
      );
    }
  });

  test(`${name}: bytes at random are refused, never anything else`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 80 }), async (bytes) => {
        const { code } = await failure(pipe(body(bytes, [])));
        assert.match(code, /CORRUPT_DATA|UNSUPPORTED_VERSION|BUFFER_FULL|INVALID_ARGUMENT/);
      }),
      { numRuns: 100 },
    );
  });

  test(`${name}: wrong options and pieces are INVALID_ARGUMENT`, async () => {
    const wrong: [object, unknown][] = [
      [{ maxFrameBytes: 8 }, create("a")],
      [{}, "text"],
      [{}, 7],
    ];
    for (const [options, piece] of wrong) {
      const done = (async () => {
        const source = new ReadableStream({
          start(controller) {
            controller.enqueue(piece);
            controller.close();
          },
        });
        await pipe(source as ReadableStream<Uint8Array>, options);
      })();
      assert.equal((await failure(done)).code, "INVALID_ARGUMENT");
    }
  });
}

test("the decoder gives all deltas before an error", async () => {
  const bytes = encodeDeltas([create("a"), create("b"), create("c")]);
  bytes[bytes.length - 1]! ^= 1;
  const read: string[] = [];
  const done = (async () => {
    for await (const delta of body(bytes, []).pipeThrough(new DeltaDecoderStream())) {
      read.push(delta.vectorId);
    }
  })();
  const { code, message } = await failure(done);
  assert.deepEqual(read, ["a", "b"]);
  assert.equal(code, "CORRUPT_DATA");
  assert.match(message, new RegExp(`frame at byte ${(bytes.length / 3) * 2} of the stream`));
});

test("the decoder sends frames of a replica elsewhere", async () => {
  const done = new Response(expected.deltasSince())
    .body!.pipeThrough(new DeltaDecoderStream())
    .pipeTo(newDb().writable());
  const { code, message } = await failure(done);
  assert.equal(code, "INVALID_ARGUMENT");
  assert.match(message, /byte 0 .*writable/);
});

test("the encoder fails with the error of a delta that cannot be encoded", async () => {
  const encoder = new DeltaEncoderStream();
  const writer = encoder.writable.getWriter();
  writer.write({ vectorId: "", operation: { type: "delete" } }).catch(() => undefined);
  const done = encoder.readable.getReader().read();
  assert.equal((await failure(done)).code, "INVALID_ARGUMENT");
});

test("a delta within a frame is refused", async () => {
  const bytes = encodeDeltas([create("a")]);
  const { code } = await failure(write(newDb(), [bytes.subarray(0, 5), create("b")]));
  assert.equal(code, "CORRUPT_DATA");
});

test("a replica's stream that is too long to be held is BUFFER_FULL", async () => {
  const { code } = await failure(
    write(newDb(), [expected.deltasSince()], { maxStreamBytes: 1000 }),
  );
  assert.equal(code, "BUFFER_FULL");
});

test("whoever writes waits for a database that is slow", async () => {
  let most = 0;
  let written = 0;
  const db = newDb();
  const stream = db.writable({ highWaterMark: 2560, maxCount: 10 });
  const writer = stream.getWriter();
  for (const delta of Array.from({ length: 500 }, (_, i) => create(`v${i}`))) {
    await writer.ready;
    written++;
    most = Math.max(most, written - db.size);
    writer.write(delta).catch(() => undefined);
  }
  await writer.close();
  assert.equal(db.size, 500);
  assert.ok(most <= 10 + 20 + 1, `${most} waited`);
});

test("what was written is applied also if the stream is aborted", async () => {
  const db = newDb();
  const writer = db.writable().getWriter();
  await writer.write(create("a"));
  await writer.abort(new Error("enough"));
  assert.ok(db.has("a"));
});

test("a pipe that its source breaks leaves what came", async () => {
  const db = newDb();
  const bytes = encodeDeltas([create("a"), create("b")]);
  const source = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (!db.has("a")) {
        controller.enqueue(bytes.subarray(0, bytes.length - 5));
      }
      controller.error(new Error("broken"));
    },
  });
  await assert.rejects(source.pipeTo(db.writable()), /broken/);
});

test("a closed database takes no streams", () => {
  const db = newDb();
  db.close();
  assert.throws(() => db.writable(), { code: "CLOSED" });
  assert.throws(() => db.readable(), { code: "CLOSED" });
});

test("readable gives the deltas from a position on, then those to come", async () => {
  const db = newDb();
  db.applyDeltas([create("a"), create("b")]);
  const reader = db.readable({ since: 1 }).getReader();
  const next = async (): Promise<string | undefined> => (await reader.read()).value?.vectorId;
  assert.equal(await next(), "b");
  const coming = next();
  db.applyDelta(create("c"));
  assert.equal(await coming, "c");
  const last = reader.read();
  db.close();
  assert.deepEqual(await last, { done: true, value: undefined });
});

test("readable reads no more than is asked for, and cancel ends it", async () => {
  const db = newDb();
  db.applyDeltas([create("a"), create("b")]);
  const stream: ReadableStream<DeltaEvent> = db.readable({ since: 0 });
  const reader = stream.getReader();
  await reader.read();
  await reader.cancel();
  assert.equal((await reader.read()).done, true);
});

test("readable tells when deltas were compacted away", async () => {
  const db = newDb();
  db.applyDeltas([create("a"), offset("a")]);
  db.compact();
  const reader = db.readable({ since: 0 }).getReader();
  assert.equal((await failure(reader.read())).code, "HISTORY_COMPACTED");
});

test("one database mirrors another over bytes, as it changes", async () => {
  const source = newDb();
  const mirror = newDb();
  const controller = new AbortController();
  const piped = source
    .readable({ since: 0, signal: controller.signal })
    .pipeThrough(new DeltaEncoderStream())
    .pipeTo(mirror.writable());
  for (const delta of deltas) {
    source.applyDelta(delta);
  }
  await until(() => mirror.position === deltas.length, "the mirror");
  controller.abort();
  await piped;
  assert.equal(mirror.stateDigest(), expected.stateDigest());
});
