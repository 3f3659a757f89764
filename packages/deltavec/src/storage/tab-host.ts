import { DeltaError } from "../errors.ts";
import { lifeName, onEnd } from "../life.ts";
import { encodeError, type OpenedImage, type Port } from "../remote-protocol.ts";
import { type ServedStorage, Server } from "../remote-server.ts";
import type { Backing, OpenBacking, StorageOpened, TabMode } from "./backing.ts";
import { hold, type Release } from "./lock.ts";
import type { Durability } from "./stored.ts";
import {
  type ClientMessage,
  type CommonMessage,
  commonName,
  type HostMessage,
  type LeaderMessage,
  type TabPlatform,
  type Wire,
  wireName,
} from "./tab-protocol.ts";

/** What a host is made of. */
export interface TabHostOptions {
  readonly url: string;
  readonly mode: TabMode | "alone";
  /** To its client, which gets {@link HostMessage} and sends {@link ClientMessage}. */
  readonly control: Port;
  readonly open: OpenBacking;
  /** Of the tab's own calls. */
  readonly durability: Durability;
  /** Undefined with mode `alone` only. */
  readonly platform: TabPlatform | undefined;
  /** Gives what a client in another thread is told of an open database besides. */
  readonly share?: (backing: Backing) => {
    readonly module: WebAssembly.Module | undefined;
    readonly image: OpenedImage | undefined;
  };
}

/** One that works through this tab. */
interface Follower {
  readonly server: Server;
  readonly wire: Wire;
  /** Drops it. */
  end(): void;
}

/**
 * The half of a tab that may open the storage. It does so only while it holds the storage's lock, which the platform gives to one
 * at a time and takes from nobody who lives: so there are never two. It then serves its own tab and all others, until it is told
 * to stop; what was taken in by then is carried out, the storage flushed and closed, and only then is the lock given back.
 */
export class TabHost {
  readonly #options: TabHostOptions;
  #time: unknown;
  #wanted = false;
  #turn: Promise<void> | undefined;
  #quit = new AbortController();
  #backing: Backing | undefined;
  /** What went wrong when the storage was closed. */
  #trouble: unknown;

  constructor(options: TabHostOptions) {
    this.#options = options;
    options.control.onmessage = ({ data }) => this.#obey(data as ClientMessage);
  }

  #obey(message: ClientMessage): void {
    switch (message) {
      case "join":
        this.#wanted = true;
        this.#turn ??= this.#run();
        break;
      case "resign":
        this.leave();
        break;
      case "flush":
        // Who waits for calls is told of trouble by these, or when the database is closed.
        this.#backing?.flush().catch(() => undefined);
        break;
      case "close":
        this.leave().then(() => this.#say({ type: "closed", error: encoded(this.#trouble) }));
        break;
    }
  }

  /** Leads no more, and waits no more for that. */
  async leave(): Promise<void> {
    this.#wanted = false;
    this.#quit.abort();
    await this.#turn;
  }

  #say(message: HostMessage, transfer: Transferable[] = []): void {
    this.#options.control.postMessage(message, transfer);
  }

  async #run(): Promise<void> {
    while (this.#wanted) {
      this.#quit = new AbortController();
      const { signal } = this.#quit;
      try {
        await this.#lead(signal);
      } catch (error) {
        if (!signal.aborted) {
          this.#wanted = false;
          this.#say({ type: "failed", error: encodeError(error) });
        }
      }
    }
    this.#turn = undefined;
  }

  /** Gets the lock. */
  async #lock(signal: AbortSignal): Promise<Release | undefined> {
    const { mode, platform, url } = this.#options;
    if (mode === "alone" || platform === undefined) {
      return undefined; // the storage's own affair
    }
    const release = await hold(
      platform.locks,
      url,
      mode === "exclusive" ? { ifAvailable: true } : { signal },
    );
    if (release === undefined) {
      throw lockedOut(url, "is open in another tab");
    }
    return release;
  }

  async #lead(signal: AbortSignal): Promise<void> {
    const { platform, url } = this.#options;
    const release = await this.#lock(signal);
    const leader = lifeName();
    const common = platform?.wire(commonName(url));
    common?.unref?.();
    const followers = new Map<string, Follower>();
    let served = false;
    try {
      signal.throwIfAborted();
      common?.postMessage({ type: "taking", leader } satisfies CommonMessage);
      this.#say({ type: "taking" });
      const backing = await this.#open(release);
      this.#backing = backing;
      served = true;
      const { port1, port2 } = new MessageChannel();
      const own = this.#server(port1, backing, this.#options.durability);
      (port1 as { unref?(): void }).unref?.();
      const opened = { options: backing.db.options, recovery: backing.recovery };
      this.#announce(port2, backing, opened);
      if (common !== undefined) {
        common.onmessage = ({ data }) =>
          this.#hear(data as CommonMessage, { common, leader, followers, backing, opened });
        common.postMessage({ type: "leader", leader } satisfies CommonMessage);
      }
      await aborted(signal);
      if (common !== undefined) {
        common.onmessage = null; // nobody is let in any more
      }
      await Promise.all([own.end(), ...Array.from(followers.values(), dismiss)]);
      this.#backing = undefined;
      try {
        await backing.close();
        this.#trouble = undefined;
      } catch (error) {
        this.#trouble = error;
      }
      this.#say({ type: "resigned", received: own.received, error: encoded(this.#trouble) });
    } finally {
      await release?.(); // if closing has not
      common?.close();
      if (!served && signal.aborted) {
        this.#say({ type: "resigned", received: 0, error: undefined });
      }
    }
  }

  #open(release: Release | undefined): Promise<Backing> {
    return this.#options.open(release, () => (this.#time as number | undefined) ?? Date.now());
  }

  #announce(port: MessagePort, backing: Backing, opened: StorageOpened): void {
    const { module, image } = this.#options.share?.(backing) ?? {};
    const message = { type: "leads", port, opened, module, image } as const;
    try {
      this.#say(message, [port]);
    } catch {
      this.#say({ ...message, module: undefined }, [port]); // modules cannot be posted everywhere
    }
  }

  #server(port: Port, backing: Backing, durability: Durability): Server {
    const setTime = (now: unknown): void => {
      this.#time = now;
    };
    const strict = durability === "strict" && this.#options.durability !== "strict";
    const storage: ServedStorage = {
      run: async (call) => {
        const result = await backing.run(call);
        if (strict) {
          await backing.flush(); // one that wants more than the tab that leads gets it for its own calls
        }
        return result;
      },
      flush: () => backing.flush(),
      checkpoint: () => backing.checkpoint(),
    };
    return new Server(port, backing.db, setTime, undefined, storage);
  }

  #hear(
    message: CommonMessage,
    at: {
      readonly common: Wire;
      readonly leader: string;
      readonly followers: Map<string, Follower>;
      readonly backing: Backing;
      readonly opened: StorageOpened;
    },
  ): void {
    const { url, mode, platform } = this.#options;
    const { common, leader, followers, backing, opened } = at;
    if (message.type === "hello") {
      common.postMessage({ type: "leader", leader } satisfies CommonMessage);
    }
    if (message.type === "detach" && message.leader === leader) {
      followers.get(message.follower)?.end();
    }
    if (message.type !== "attach" || message.leader !== leader || platform === undefined) {
      return;
    }
    const { follower, durability } = message;
    const wire = platform.wire(wireName(url, leader, follower));
    const say = (answer: LeaderMessage): void => wire.postMessage(answer);
    if (mode === "exclusive") {
      const error = lockedOut(url, "is open in another tab that has it for itself alone");
      say({ type: "refused", error: encodeError(error) });
      wire.close();
      return;
    }
    wire.unref?.();
    const port: Port = {
      onmessage: null,
      onmessageerror: null,
      postMessage: (answers) => say({ type: "answers", answers: answers as readonly unknown[] }),
      close: () => wire.close(),
    };
    const server = this.#server(port, backing, durability);
    const end = (): void => {
      if (followers.delete(follower)) {
        server.drop();
        wire.close();
      }
    };
    wire.onmessage = (event) => port.onmessage?.(event);
    wire.onmessageerror = (event) => port.onmessageerror?.(event);
    followers.set(follower, { server, wire, end });
    onEnd(follower, end, platform.locks);
    say({ type: "opened", opened });
  }
}

/** Lets a follower go, once all that it has asked for is answered. */
async function dismiss({ server, wire }: Follower): Promise<void> {
  await server.end();
  wire.postMessage({ type: "gone", received: server.received } satisfies LeaderMessage);
  wire.close();
}

function lockedOut(url: string, why: string): DeltaError {
  return new DeltaError("LOCKED", `${url} ${why}`);
}

function encoded(error: unknown): unknown {
  return error === undefined ? undefined : encodeError(error);
}

/** Waits until a signal is aborted. */
function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    signal.addEventListener("abort", () => resolve(), { once: true });
    if (signal.aborted) {
      resolve();
    }
  });
}
