import { DeltaVectorDB, type Following, init } from "deltavec";
import type { ScaleRequest } from "./protocol.ts";

/** Milliseconds that an edit may take to be seen. */
const PATIENCE = 30_000;

/** A database that follows a service, in a page or a process. */
export class FollowingPage {
  #db: DeltaVectorDB | undefined;
  #following: Following | undefined;

  /** Does one call; times are milliseconds since 1970, of a clock that all pages share. */
  async call(request: ScaleRequest): Promise<number> {
    if (request.part === "follow") {
      await init();
      this.#db = new DeltaVectorDB({ dimensions: request.dimensions });
      this.#following = await this.#db.follow(request.url);
      await this.#following.ready;
      return now();
    }
    const db = this.#db;
    if (db === undefined) {
      throw new Error("follow comes first");
    }
    switch (request.part) {
      case "edit": {
        const vector = Float32Array.from(request.vector);
        const type = db.has(request.id) ? "dense" : "create";
        const since = now();
        db.applyDelta({ vectorId: request.id, operation: { type, vector } });
        return since;
      }
      case "seen": {
        const query = Float32Array.from(request.vector);
        for (const end = now() + PATIENCE; now() < end; ) {
          const [first] = db.search(query, 1);
          if (first?.id === request.id && first.score > 0.9999) {
            return now();
          }
          await new Promise((resolve) => setTimeout(resolve, 1));
        }
        throw new Error(`the edit of ${request.id} did not come`);
      }
      default:
        await this.#following?.close();
        db.close();
        return now();
    }
  }
}

function now(): number {
  return performance.timeOrigin + performance.now();
}
