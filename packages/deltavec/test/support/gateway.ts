// A gateway as docs/follow.md needs one: the log in memory, the protocol whole.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { type DeltaError, DeltaVectorDB } from "deltavec";
import { shardOf } from "../../src/shards.ts";
import { createAs, type Shared, splitStream, toVarint } from "./replica-frames.ts";
import { acceptWebSocket, type ServerSocket } from "./websocket-server.ts";

/** What a gateway is made with. */
export interface GatewayOptions {
  readonly dimensions?: number;
  readonly shards?: number;
  readonly metric?: string;
  readonly retentionMs?: number;
  /** The only token that is taken. */
  readonly token?: string;
  /** Records of a chunk. */
  readonly chunk?: number;
}

/** Where a connection can be cut. */
export type Cut = "request" | "response";

/** A delta that is not taken. */
export interface Refusal {
  readonly status: number;
  readonly code: string;
}

interface Record {
  readonly deltas: readonly Shared[];
}

interface Shard {
  /** What is there at `begin`: deltas that make it. */
  base: readonly Shared[];
  begin: number;
  records: Record[];
}

interface Tail {
  readonly wants: (vectorId: string) => boolean;
  send(shard: number, next: number, deltas: readonly Shared[]): void;
  end(): void;
}

/** A server for tests. */
export class Gateway implements AsyncDisposable {
  readonly url: string;
  /** All that was ever taken, as one database. */
  readonly all: DeltaVectorDB;
  epoch = "e1";
  /** Deltas up to this time are too old. */
  horizon = 0;
  /** The token that is taken. */
  token: string | undefined;
  /** Says where a request is cut. */
  cut: (path: string) => Cut | undefined = () => undefined;
  /** Says which deltas are not taken. */
  refuse: (delta: Shared) => Refusal | undefined = () => undefined;
  /** Says what to answer in place of the right thing. */
  instead: (request: IncomingMessage, response: ServerResponse) => boolean = () => false;
  /** Requests by method and path without query. */
  readonly requests: string[] = [];
  /** How many deltas each post had that was taken. */
  readonly posts: number[] = [];
  readonly sockets: ServerSocket[] = [];
  readonly #server: Server;
  readonly #options: Required<Omit<GatewayOptions, "token">>;
  #shards: Shard[];
  readonly #tails = new Set<Tail>();

  private constructor(server: Server, options: GatewayOptions) {
    const { dimensions = 3, shards = 4, metric = "cosine" } = options;
    const { retentionMs = 30 * 86_400_000, chunk = 10 } = options;
    this.#options = { dimensions, shards, metric, retentionMs, chunk };
    this.token = options.token;
    this.#server = server;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    this.all = new DeltaVectorDB({ dimensions, maxClockAheadMs: 1e13 });
    this.#shards = this.#empty();
    server.on("request", (request, response) => void this.#answer(request, response));
    server.on("upgrade", (request: IncomingMessage, stream: Duplex) =>
      this.#upgrade(request, stream),
    );
  }

  static async start(options: GatewayOptions = {}): Promise<Gateway> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return new Gateway(server, options);
  }

  /** How many deltas the log has. */
  get size(): number {
    return this.#shards
      .flatMap(({ records }) => records)
      .reduce((sum, { deltas }) => sum + deltas.length, 0);
  }

  /** Takes deltas as if they were posted. */
  take(stream: Uint8Array): void {
    this.all.merge(stream);
    const parts = new Map<number, Shared[]>();
    for (const delta of splitStream(stream)) {
      const shard = shardOf(delta.vectorId, this.#options.shards);
      parts.set(shard, [...(parts.get(shard) ?? []), delta]);
    }
    for (const [shard, deltas] of parts) {
      this.append(shard, deltas);
    }
  }

  /** Takes deltas as if each were posted by itself. */
  takeEach(stream: Uint8Array): void {
    this.all.merge(stream);
    for (const delta of splitStream(stream)) {
      this.append(shardOf(delta.vectorId, this.#options.shards), [delta]);
    }
  }

  /** Puts a record into the log as it is. */
  append(shard: number, deltas: readonly Shared[]): void {
    const { records, begin } = this.#shards[shard]!;
    records.push({ deltas });
    for (const tail of this.#tails) {
      tail.send(shard, begin + records.length, deltas);
    }
  }

  /** Forgets the log, and the history of all vectors: what is older than now is too old from now on. */
  compact(): void {
    this.horizon = Date.now();
    for (const shard of this.#shards) {
      shard.begin += shard.records.length;
      shard.records = [];
      shard.base = [];
    }
    for (const id of this.all.ids()) {
      const { deltaId, timestamp } = this.all.getDeltaChain(id).deltas.at(-1)!;
      const identity = { time: timestamp.getTime(), ...identityOf(deltaId) };
      const frame = createAs(
        id,
        new Float32Array(this.all.getVector(id)!),
        this.all.getMetadata(id)!,
        identity,
      );
      const shard = this.#shards[shardOf(id, this.#options.shards)]!;
      shard.base = [...shard.base, { vectorId: id, frame, ...identity }];
    }
  }

  /** Begins anew with what there is, under another name. */
  renew(epoch: string): void {
    this.compact();
    this.epoch = epoch;
    for (const shard of this.#shards) {
      shard.begin = 0;
    }
    this.cutAll();
  }

  /** Cuts all live connections. */
  cutAll(): void {
    for (const socket of this.sockets.splice(0)) {
      socket.cut();
    }
    for (const tail of this.#tails) {
      tail.end();
    }
    this.#tails.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cutAll();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
    this.all.close();
  }

  #empty(): Shard[] {
    return Array.from({ length: this.#options.shards }, () => ({
      base: [],
      begin: 0,
      records: [],
    }));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url!, "http://x");
    this.requests.push(`${request.method} ${pathname}`);
    response.setHeader("access-control-allow-origin", "*");
    response.setHeader("access-control-allow-headers", "*, authorization");
    response.setHeader("access-control-expose-headers", "*");
    if (request.method === "OPTIONS") {
      response.writeHead(204).end();
      return;
    }
    const where = this.cut(pathname);
    if (where === "request" || (where !== undefined && pathname === "/follow")) {
      request.socket.destroy();
      return;
    }
    const chunks: Buffer[] = [];
    for await (const chunk of request) {
      chunks.push(chunk as Buffer);
    }
    if (where === "response") {
      response.write = () => true;
      response.end = (() => {
        request.socket.destroy();
        return response;
      }) as never;
    }
    if (this.instead(request, response)) {
      return;
    }
    try {
      const expected = this.token && `Bearer ${this.token}`;
      if (expected !== undefined && request.headers.authorization !== expected) {
        throw { status: 401, code: "UNAUTHENTICATED" };
      }
      this.#route(pathname, searchParams, request, response, Buffer.concat(chunks));
    } catch (error) {
      const { status, code, message, ...rest } = error as Refusal & { message?: string };
      response.writeHead(status ?? 400, { "content-type": "application/json" });
      response.end(JSON.stringify({ code, message: message ?? `it is ${code}`, ...rest }));
    }
  }

  #route(
    path: string,
    query: URLSearchParams,
    request: IncomingMessage,
    response: ServerResponse,
    body: Buffer,
  ): void {
    const { epoch } = this;
    const { chunk, ...own } = this.#options;
    const [, number, what] = /^\/shards\/(\d+)\/(\w+)/.exec(path) ?? [];
    const wants = wantsOf(query);
    const send = (deltas: readonly Shared[], headers: object): void => {
      const bytes = Buffer.concat(
        deltas.filter(({ vectorId }) => wants(vectorId)).map(({ frame }) => frame),
      );
      const type = { "content-type": "application/vnd.deltavec.frames" };
      const length = { "content-length": bytes.length, "deltavec-epoch": epoch };
      response.writeHead(200, { ...type, ...length, ...headers }).end(bytes);
    };
    if (path === "/info") {
      response.end(JSON.stringify({ ...own, grid: 0, epoch, version: 1 }));
    } else if (path === "/deltas") {
      this.#post(body, response);
    } else if (path === "/follow") {
      this.#events(request, query, response);
    } else if (what === "snapshot") {
      const { base, begin, records } = this.#shards[Number(number)]!;
      const end = begin + records.length;
      if (!path.endsWith(`/${epoch}/${end}`)) {
        const to = `/shards/${number}/snapshot/${epoch}/${end}?${query}`;
        response.writeHead(307, { location: to, "cache-control": "no-cache" }).end();
        return;
      }
      send([...base, ...records.flatMap(({ deltas }) => deltas)], { "deltavec-offset": end });
    } else if (what === "deltas") {
      const { begin, records } = this.#shards[Number(number)]!;
      const end = begin + records.length;
      const since = Number(query.get("since"));
      const wanted = query.get("epoch");
      if (wanted !== null && wanted !== epoch) {
        throw { status: 409, code: "EPOCH_CHANGED" };
      }
      if (since < begin || since > end) {
        throw { status: 409, code: "TOO_FAR_BEHIND", begin, end };
      }
      const next = Math.min(end, (Math.floor(since / chunk) + 1) * chunk);
      const deltas = records.slice(since - begin, next - begin).flatMap((r) => r.deltas);
      send(deltas, { "deltavec-next": next, "deltavec-end": end });
    } else {
      throw { status: 404, code: "NOT_FOUND" };
    }
  }

  #post(body: Buffer, response: ServerResponse): void {
    let deltas: Shared[];
    try {
      const check = new DeltaVectorDB({
        dimensions: this.#options.dimensions,
        maxClockAheadMs: 1e13,
      });
      check.merge(body);
      check.close();
      deltas = splitStream(body);
    } catch (error) {
      const { code, message } = error as DeltaError;
      throw { status: 400, code, message };
    }
    for (const [index, delta] of deltas.entries()) {
      const { vectorId } = delta;
      if (delta.time <= this.horizon) {
        throw { status: 409, code: "TOO_OLD", index, vectorId };
      }
      const refusal = this.refuse(delta);
      if (refusal !== undefined) {
        throw { ...refusal, index, vectorId };
      }
    }
    this.take(body);
    this.posts.push(deltas.length);
    const offsets = {};
    response.end(JSON.stringify({ accepted: deltas.length, epoch: this.epoch, offsets }));
  }

  /** Begins a tail at a cursor. */
  #tail(
    cursor: string,
    query: URLSearchParams,
    send: Tail["send"],
    end: () => void,
  ): Tail & { readonly offsets: (number | undefined)[] } {
    const [, epoch, list] = /^(.*):([\d,]*)$/.exec(cursor) ?? [];
    const offsets = (list ?? "").split(",").map((o) => (o === "" ? undefined : Number(o)));
    if (epoch !== this.epoch || offsets.length !== this.#shards.length) {
      throw { status: 409, code: "EPOCH_CHANGED" };
    }
    for (const [shard, { begin, records }] of this.#shards.entries()) {
      const from = offsets[shard];
      if (from !== undefined && (from < begin || from > begin + records.length)) {
        throw { status: 409, code: "TOO_FAR_BEHIND" };
      }
    }
    const wants = wantsOf(query);
    const tail = {
      offsets,
      wants,
      end,
      send: (shard: number, next: number, deltas: readonly Shared[]): void => {
        if (offsets[shard] !== undefined) {
          offsets[shard] = next;
          send(
            shard,
            next,
            deltas.filter(({ vectorId }) => wants(vectorId)),
          );
        }
      },
    };
    this.#tails.add(tail);
    // At once, so that nothing comes between.
    for (const [shard, { begin, records }] of this.#shards.entries()) {
      const from = offsets[shard];
      for (let at = from ?? 0; from !== undefined && at < begin + records.length; at++) {
        tail.send(shard, at + 1, records[at - begin]!.deltas);
      }
    }
    return tail;
  }

  #events(request: IncomingMessage, query: URLSearchParams, response: ServerResponse): void {
    const last = request.headers["last-event-id"] as string | undefined;
    const parts: [number, number, readonly Shared[]][] = [];
    let begun = false;
    const write = (): void => {
      for (const [, , deltas] of parts.splice(0)) {
        const data = Buffer.concat(deltas.map(({ frame }) => frame)).toString("base64");
        const id = `${this.epoch}:${tail.offsets.map((o) => o ?? "").join(",")}`;
        response.write(`event: deltas\nid: ${id}\ndata: ${data}\n\n`);
      }
    };
    const tail = this.#tail(
      last ?? query.get("since") ?? "",
      query,
      (shard, next, deltas) => {
        parts.push([shard, next, deltas]);
        if (begun) {
          write();
        }
      },
      () => {
        response.write('event: end\ndata: {"code":"GOING_AWAY","message":"for now"}\n\n');
        response.end();
      },
    );
    begun = true;
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write(": here\n\n");
    // The cursor is behind all of these.
    const all = parts.splice(0).flatMap(([, , deltas]) => deltas);
    if (all.length > 0) {
      parts.push([0, 0, all]);
      write();
    }
    response.on("close", () => this.#tails.delete(tail));
  }

  #upgrade(request: IncomingMessage, stream: Duplex): void {
    const { searchParams } = new URL(request.url!, "http://x");
    this.requests.push("WEBSOCKET /follow");
    if (this.cut("/follow") !== undefined) {
      stream.destroy();
      return;
    }
    const socket = acceptWebSocket(request, stream, undefined, "deltavec.v1");
    this.sockets.push(socket);
    const protocols = request.headers["sec-websocket-protocol"]?.split(/, ?/) ?? [];
    if (this.token !== undefined && !protocols.includes(`bearer.${this.token}`)) {
      socket.send(JSON.stringify({ code: "UNAUTHENTICATED", message: "who is there?" }));
      socket.close(4001);
      return;
    }
    try {
      const tail = this.#tail(
        searchParams.get("since") ?? "",
        searchParams,
        (shard, next, deltas) => {
          const bytes = Buffer.concat(deltas.map(({ frame }) => frame));
          const head = [shard, next, bytes.length].map(toVarint);
          socket.send(Buffer.concat([...head, bytes]));
        },
        () => undefined,
      );
      stream.on("close", () => this.#tails.delete(tail));
    } catch (error) {
      const { code } = error as Refusal;
      socket.send(JSON.stringify({ code, message: "begin anew" }));
      socket.close(4009);
    }
  }
}

function wantsOf(query: URLSearchParams): (vectorId: string) => boolean {
  const prefixes = query.getAll("prefix");
  const ids = query.getAll("id");
  return (vectorId) =>
    (prefixes.length === 0 && ids.length === 0) ||
    ids.includes(vectorId) ||
    prefixes.some((prefix) => vectorId.startsWith(prefix));
}

/** Whose delta an id of a delta is. */
function identityOf(deltaId: string): { sequence: number; replica: string } {
  let bits = 0n;
  for (const digit of deltaId) {
    bits = (bits << 5n) | BigInt("0123456789ABCDEFGHJKMNPQRSTVWXYZ".indexOf(digit));
  }
  return {
    sequence: Number((bits >> 48n) & 0xffff_ffffn),
    replica: (bits & 0xffff_ffff_ffffn).toString(16).padStart(12, "0"),
  };
}
