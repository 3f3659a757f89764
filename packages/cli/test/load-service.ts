// A service that takes deltas as a gateway does, each of a client's once.
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { type DeltaError, DeltaVectorDB } from "deltavec";
import { decodeDeltas } from "deltavec/streams";
import { frameLength, isReplicated } from "../../deltavec/src/codec.ts";

/** What to answer in place of the right thing. */
export type Fault = "busy" | "lost" | "cut";

/** A service for tests. */
export class LoadService implements AsyncDisposable {
  /** All that was taken. */
  readonly db: DeltaVectorDB;
  /** Clients that have sent, with the highest sequence of each. */
  readonly clients = new Map<string, number>();
  /** Deltas of each post that was answered well. */
  readonly posts: number[] = [];
  /** What the next posts meet with. */
  readonly faults: Fault[] = [];
  /** Posts that are taken before all others wait, for ever. */
  patience = Number.POSITIVE_INFINITY;
  token: string | undefined;
  epoch = "e1";
  readonly #server: Server;
  readonly #seen = new Set<string>();

  private constructor(server: Server, dimensions: number) {
    this.#server = server;
    this.db = new DeltaVectorDB({ dimensions });
    server.on("request", async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) {
        chunks.push(chunk as Buffer);
      }
      const answer = (status: number, body: object): void => {
        response.writeHead(status, { "content-type": "application/json", "retry-after": "0" });
        response.end(JSON.stringify(body));
      };
      if (this.token !== undefined && request.headers.authorization !== `Bearer ${this.token}`) {
        answer(401, { code: "UNAUTHENTICATED", message: "the token is not good" });
      } else if (request.url === "/info") {
        const { epoch } = this;
        answer(200, { shards: 4, epoch, dimensions, grid: 0, metric: "cosine", version: 1 });
      } else if (this.patience-- <= 0) {
        return; // never answered
      } else {
        const fault = this.faults.shift();
        if (fault === "busy") {
          answer(429, { code: "RATE_LIMITED", message: "too much" });
          return;
        }
        try {
          const client = request.headers["deltavec-client"] as string | undefined;
          const sequence = Number(request.headers["deltavec-sequence"]);
          const accepted = this.#take(Buffer.concat(chunks), client, sequence);
          if (fault === "lost") {
            answer(503, { code: "UNAVAILABLE", message: "the answer is lost" });
          } else if (fault === "cut") {
            request.socket.destroy();
          } else {
            this.posts.push(accepted);
            answer(200, { accepted, epoch: this.epoch, offsets: {} });
          }
        } catch (error) {
          const { code, message, index } = error as DeltaError;
          answer(400, { code, message, index });
        }
      }
    });
  }

  static async start(dimensions = 2): Promise<LoadService> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return new LoadService(server, dimensions);
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  #take(body: Uint8Array, client: string | undefined, first: number): number {
    if (body.length > 0 && isReplicated(body, 0)) {
      this.db.merge(body);
      let count = 0;
      for (let at = 0; at < body.length; at += frameLength(body, at)!) {
        count++;
      }
      return count;
    }
    if (client === undefined || client.length > 200 || !(first >= 1)) {
      throw Object.assign(new Error("who is it?"), { code: "INVALID_ARGUMENT" });
    }
    const deltas = decodeDeltas(body);
    const fresh = deltas.filter((_, i) => !this.#seen.has(`${client} ${first + i}`));
    this.db.applyDeltas(fresh);
    deltas.forEach((_, i) => {
      this.#seen.add(`${client} ${first + i}`);
    });
    const last = first + deltas.length - 1;
    this.clients.set(client, Math.max(this.clients.get(client) ?? 0, last));
    return deltas.length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
    this.db.close();
  }
}
