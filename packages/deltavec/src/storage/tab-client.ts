import { DeltaError, invalid } from "../errors.ts";
import { lifeName, live } from "../life.ts";
import {
  type Answer,
  CANCEL,
  CHANNEL,
  CLOSE,
  decodeError,
  ERROR,
  EVENT,
  encodeError,
  FRAMES,
  IMPORT,
  NEXT,
  type OpenedImage,
  type Page,
  type Port,
  RENEW,
  RESULT,
  type Request,
  type Requests,
} from "../remote-protocol.ts";
import type { DeltaEvent, FeedOptions } from "../types.ts";
import type { StorageOpened, TabMode } from "./backing.ts";
import { READS } from "./calls.ts";
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

/** Milliseconds after which it is asked again who leads. */
const HELLO_MS = 1000;

/** What a client is made of. */
export interface TabClientOptions {
  readonly url: string;
  readonly mode: TabMode | "alone";
  readonly durability: Durability;
  /** To the tab's own host (tab-host.ts). */
  readonly control: Port;
  /** Undefined with mode `alone` only. */
  readonly platform: TabPlatform | undefined;
}

/** What is known once there is a database to be called. */
export interface TabOpened extends StorageOpened {
  /** Whether it is this tab's own. */
  readonly own: boolean;
  readonly module: WebAssembly.Module | undefined;
  readonly image: OpenedImage | undefined;
}

/** Where calls go for now. */
interface Link {
  /** Which leader that is; undefined for this tab's own host. */
  readonly leader: string | undefined;
  post(message: Requests, transfer: Transferable[]): void;
  close(): void;
  /** Messages that were posted. */
  count: number;
}

/** A call that has no answer yet. */
interface Call {
  readonly request: Request;
  readonly frames: ArrayBuffer | undefined;
  readonly ports: readonly Transferable[];
  /** Which of the link's messages it went with; 0 as long as it waits. */
  message: number;
  /** Whether what goes with it was handed over, so that it cannot be sent again. */
  spent: boolean;
}

/** What a call leaves behind at the leader. */
interface Feed {
  readonly method: string;
  readonly options: FeedOptions | undefined;
  /** Whether its call was answered. */
  made: boolean;
  /** Position of the next delta; undefined until it is known. */
  next: number | undefined;
  /** The last delta. */
  last: readonly [position: number, deltaId: string] | undefined;
  /** Why it cannot go on. */
  failed: unknown;
  /** Whether there is nothing more. */
  over: boolean;
}

/** Calls that leave something behind; of these, feeds of deltas can go on elsewhere. */
const FEEDS: readonly string[] = ["onDelta", "deltas", "ids", "exportStream"];

/**
 * The half of a tab that has calls carried out, by whichever tab leads: its own or another. A {@link Connection} takes it for a
 * port to one server that is always there.
 *
 * When the leader goes, it looks for the next one. Calls that change nothing are made again there; those that change something, and
 * may have been begun, are rejected with INTERRUPTED. So nothing is done twice. Feeds go on from where they were.
 */
export class TabClient implements Port {
  onmessage: ((event: MessageEvent) => void) | null = null;
  onmessageerror: ((event: MessageEvent) => void) | null = null;
  /** Fulfilled when there is a database to be called; rejected if there is none to be had. */
  readonly opened: Promise<TabOpened>;
  /** Fulfilled when the tab's host is there: whether its thread lives by the name that it was given. */
  readonly ready: Promise<boolean>;
  /** Told why it is at its end, if that comes by itself after it was open. */
  onfailure: ((error: unknown) => void) | undefined;
  /** Told what went wrong when the storage was closed with nobody waiting for it. */
  ontrouble: ((error: unknown) => void) | undefined;
  /** What went wrong when the storage was closed. */
  trouble: unknown;
  /** How many leaders there have been. */
  leaders = 0;
  /** Under which replica a new leader goes on, until that is noted. */
  replica: string | undefined;
  readonly #options: TabClientOptions;
  readonly #common: Wire | undefined;
  readonly #name = lifeName();
  readonly #calls = new Map<number, Call>();
  readonly #feeds = new Map<number, Feed>();
  /** Feeds whose renewal is under way. */
  readonly #renewals = new Set<number>();
  #waiting: Call[] = [];
  #link: Link | undefined;
  /** The leader that was asked to let this tab work through it. */
  #asked: { readonly leader: string; readonly wire: Wire } | undefined;
  /** Whether the tab's own host has the lock. */
  #taking = false;
  #settled = false;
  /** Whether the tab is being put away. */
  #away = false;
  /** The number of the call that closes. */
  #closing: number | undefined;
  #finished = false;
  #alive = true;
  #timer: ReturnType<typeof setInterval> | undefined;
  #end: (() => void) | undefined;
  #fulfil!: (opened: TabOpened) => void;
  #reject!: (error: unknown) => void;
  #isReady!: (lives: boolean) => void;
  readonly #unlisten: () => void;

  constructor(options: TabClientOptions) {
    this.#options = options;
    const { control, platform, url } = options;
    this.opened = new Promise((resolve, reject) => {
      this.#fulfil = resolve;
      this.#reject = reject;
    });
    this.opened.catch(() => undefined); // whoever opens asks for it later
    this.ready = new Promise((resolve) => {
      this.#isReady = resolve;
    });
    control.onmessage = ({ data }) => this.#heed(data as HostMessage | readonly Answer[]);
    this.#unlisten = this.#listen();
    this.#common = platform?.wire(commonName(url));
    if (this.#common === undefined || platform === undefined) {
      this.#tell("join");
      return;
    }
    this.#common.onmessage = ({ data }) => this.#hear(data as CommonMessage);
    live(this.#name, platform.locks).then((end) => {
      this.#end = end;
      if (this.#finished) {
        end?.();
      } else {
        this.#tell("join");
        this.#look();
      }
    });
  }

  /** Whether the storage is this tab's own affair for now. */
  get leads(): boolean {
    return this.#link !== undefined && this.#link.leader === undefined;
  }

  postMessage(message: Requests, transfer: Transferable[] = []): void {
    const dropped: Request[] = [];
    const answers: Answer[] = [];
    for (const request of message.calls) {
      const [id, method, args] = request;
      if (method === CANCEL) {
        this.#cancel(args[0] as number, request, dropped);
      } else if (method === CLOSE) {
        this.#closing = id;
      } else if (this.#options.mode === "follow" && (!READS.has(method) || method === IMPORT)) {
        answers.push([ERROR, id, encodeError(readOnly(this.#options.url))]);
      } else {
        const { failed, over = false } =
          (method === NEXT && this.#feeds.get(args[0] as number)) || {};
        if (failed !== undefined) {
          answers.push([ERROR, id, failed]);
        } else if (over) {
          answers.push([RESULT, id, { values: [], done: true } satisfies Page]);
        } else {
          this.#admit(request, message, transfer);
        }
      }
    }
    if (answers.length > 0) {
      queueMicrotask(() => this.#answer(answers));
    }
    if (dropped.length > 0) {
      this.#send(dropped, undefined, []);
    }
    this.#pump();
    this.#finish();
  }

  /** Ends it. The host is left alone: its thread is about to end, or it was closed. */
  close(): void {
    this.#finished = true;
    clearInterval(this.#timer);
    this.#unlisten();
    this.#unask();
    this.#unlink();
    this.#common?.close();
    this.#options.control.close();
    this.#end?.();
    this.#reject(new DeltaError("CLOSED", "the database is closed"));
  }

  /** On Node: keeps the process alive. */
  ref(): void {
    this.#keepAlive(true);
  }

  /** On Node: does no more. */
  unref(): void {
    this.#keepAlive(false);
  }

  #keepAlive(on: boolean): void {
    this.#alive = on;
    for (const each of [this.#options.control, this.#common, this.#asked?.wire, this.#timer]) {
      const { ref, unref } = (each ?? {}) as Pick<Wire, "ref" | "unref">;
      (on ? ref : unref)?.call(each);
    }
  }

  #tell(message: ClientMessage): void {
    this.#options.control.postMessage(message, []);
  }

  /** Has the storage flushed when the page is hidden, and given up when it may be frozen: others could wait for it forever. */
  #listen(): () => void {
    const { document } = globalThis;
    if (document === undefined) {
      return () => {};
    }
    const { mode } = this.#options;
    const shared = mode === "share" || mode === "follow";
    const hide = (): void => {
      if (document.visibilityState === "hidden" && this.leads) {
        this.#tell("flush");
      }
    };
    const leave = (): void => {
      if (shared && !this.#away && this.#closing === undefined) {
        this.#away = true;
        this.#tell("resign");
      } else if (!shared) {
        this.#tell("flush");
      }
    };
    const back = (): void => {
      if (this.#away) {
        this.#away = false;
        this.#tell("join");
        this.#look();
        this.#pump();
      }
    };
    const all = [
      [document, "visibilitychange", hide],
      [document, "freeze", leave],
      [document, "resume", back],
      [globalThis, "pagehide", leave],
      [globalThis, "pageshow", back],
    ] as const;
    for (const [target, type, listener] of all) {
      target.addEventListener(type, listener);
    }
    return () => {
      for (const [target, type, listener] of all) {
        target.removeEventListener(type, listener);
      }
    };
  }

  #heed(message: HostMessage | readonly Answer[]): void {
    if (Array.isArray(message)) {
      this.#fail(decodeError(message[0][2])); // the worker could not so much as begin
      return;
    }
    const said = message as HostMessage;
    switch (said.type) {
      case "ready":
        this.#isReady(said.lives);
        break;
      case "taking":
        this.#taking = true;
        this.#lose(undefined);
        break;
      case "leads": {
        const { port, opened, module, image } = said;
        const link: Link = {
          leader: undefined,
          count: 0,
          post: (data, transfer) => port.postMessage(data, transfer),
          close: () => port.close(),
        };
        port.onmessage = ({ data }) => this.#take(link, data as readonly Answer[]);
        (port as { unref?(): void }).unref?.(); // the way to the host does that
        this.#attach(link, { ...opened, own: true, module, image });
        break;
      }
      case "resigned":
        this.#taking = false;
        if (said.error !== undefined) {
          this.trouble = decodeError(said.error);
          if (this.#closing === undefined) {
            this.ontrouble?.(this.trouble);
          }
        }
        if (this.leads) {
          this.#lose(said.received);
        }
        break;
      case "failed":
        this.#fail(decodeError(said.error));
        break;
      case "closed":
        if (this.#closing !== undefined) {
          this.#answer([[RESULT, this.#closing, undefined]]);
        }
        break;
    }
  }

  #hear(message: CommonMessage): void {
    switch (message.type) {
      case "leader":
        this.#follow(message.leader);
        break;
      case "taking":
        if (!this.leads) {
          this.#lose(undefined);
        }
        break;
    }
  }

  /** Asks who leads, until somebody does. */
  #look(): void {
    const common = this.#common;
    clearInterval(this.#timer);
    if (common !== undefined && !this.#finished && this.#options.mode !== "exclusive") {
      const ask = (): void => common.postMessage({ type: "hello" } satisfies CommonMessage);
      ask();
      this.#timer = setInterval(ask, HELLO_MS);
      this.#keepAlive(this.#alive);
    }
  }

  /** Asks a leader to let this tab work through it. */
  #follow(leader: string): void {
    const { platform, url, durability, mode } = this.#options;
    if (
      platform === undefined ||
      mode === "exclusive" ||
      this.leads ||
      this.#taking ||
      this.#finished ||
      leader === (this.#asked?.leader ?? this.#link?.leader)
    ) {
      return;
    }
    this.#lose(undefined);
    const follower = this.#name;
    const wire = platform.wire(wireName(url, leader, follower));
    const link: Link = {
      leader,
      count: 0,
      post: (message) => wire.postMessage(message),
      close: () => this.#detach(leader, wire),
    };
    this.#asked = { leader, wire };
    wire.onmessageerror = (event) => this.onmessageerror?.(event);
    wire.onmessage = ({ data }) => {
      const message = data as LeaderMessage;
      switch (message.type) {
        case "opened":
          this.#asked = undefined;
          this.#attach(link, {
            ...message.opened,
            own: false,
            module: undefined,
            image: undefined,
          });
          break;
        case "refused":
          this.#fail(decodeError(message.error));
          break;
        case "answers":
          this.#take(link, message.answers as readonly Answer[]);
          break;
        case "gone":
          if (this.#link === link) {
            this.#lose(message.received);
          }
          break;
      }
    };
    this.#keepAlive(this.#alive);
    const attach: CommonMessage = { type: "attach", leader, follower, durability };
    this.#common?.postMessage(attach);
  }

  /** Has calls go somewhere from now on, those that wait first. */
  #attach(link: Link, opened: TabOpened): void {
    if (this.#finished) {
      link.close();
      return;
    }
    this.#unask();
    clearInterval(this.#timer);
    this.#link = link;
    this.leaders++;
    this.replica = this.#settled ? opened.options.replicaId : undefined;
    this.#settled = true;
    this.#fulfil(opened);
    const renewals: Request[] = [];
    for (const [id, feed] of this.#feeds) {
      if (feed.made && feed.failed === undefined && !feed.over) {
        if (feed.next === undefined) {
          this.#stop(id, encodeError(lost(this.#options.url)));
        } else {
          this.#renewals.add(id);
          renewals.push(renewal(id, feed));
        }
      }
    }
    if (renewals.length > 0) {
      this.#send(renewals, undefined, []);
    }
    this.#pump();
  }

  /** Deals with the leader being gone. */
  #lose(received: number | undefined): void {
    const link = this.#link;
    this.#unask();
    if (link === undefined) {
      return;
    }
    this.#unlink();
    this.#renewals.clear();
    const answers: Answer[] = [];
    const again: Call[] = [];
    for (const [id, call] of this.#calls) {
      const { request, message, spent } = call;
      const unseen = message === 0 || (received !== undefined && message > received);
      if (!spent && (unseen || READS.has(request[1]))) {
        call.message = 0;
        again.push(call);
      } else {
        answers.push([ERROR, id, encodeError(interrupted(this.#options.url, request))]);
        this.#calls.delete(id);
      }
    }
    this.#waiting = again;
    this.#answer(answers);
    if (!this.#away) {
      this.#look();
    }
    this.#finish();
  }

  /** Asks a leader no more. */
  #unask(): void {
    const asked = this.#asked;
    this.#asked = undefined;
    if (asked !== undefined) {
      this.#detach(asked.leader, asked.wire); // this tab's own host was faster, or another leader
    }
  }

  #detach(leader: string, wire: Wire): void {
    // By the way that the request to be let in has gone, which it must not overtake.
    const detach: CommonMessage = { type: "detach", leader, follower: this.#name };
    this.#common?.postMessage(detach);
    wire.close();
  }

  #unlink(): void {
    this.#link?.close();
    this.#link = undefined;
  }

  /** Is at its end, as no storage is to be had. */
  #fail(error: unknown): void {
    if (this.#settled) {
      this.onfailure?.(error);
    } else {
      this.#reject(error);
    }
  }

  #admit(request: Request, message: Requests, transfer: readonly Transferable[]): void {
    const [id, method, args] = request;
    if (FEEDS.includes(method)) {
      const options = args[0] as FeedOptions | undefined;
      const feed = { method, options, made: false, next: undefined, last: undefined };
      this.#feeds.set(id, { ...feed, failed: undefined, over: false });
    }
    const call: Call = {
      request,
      frames: method === FRAMES ? message.frames : undefined,
      ports: method === CHANNEL ? transfer.filter((each) => !(each instanceof ArrayBuffer)) : [],
      message: 0,
      spent: false,
    };
    this.#calls.set(id, call);
    this.#waiting.push(call);
  }

  #cancel(id: number, request: Request, dropped: Request[]): void {
    const call = this.#calls.get(id);
    const waits = call?.message === 0;
    if (waits) {
      this.#waiting.splice(this.#waiting.indexOf(call), 1);
    }
    this.#calls.delete(id);
    this.#feeds.delete(id);
    this.#renewals.delete(id);
    if (!waits && this.#link !== undefined) {
      dropped.push(request);
    }
  }

  /** Sends what waits, if there is somebody to send it to. */
  #pump(): void {
    const link = this.#link;
    if (link === undefined || this.#away || this.#waiting.length === 0) {
      return;
    }
    const waiting = this.#waiting;
    this.#waiting = [];
    const own = link.leader === undefined;
    let requests: Request[] = [];
    let frames: ArrayBuffer | undefined;
    let ports: Transferable[] = [];
    const send = (): void => {
      if (requests.length > 0) {
        this.#send(requests, frames, own && frames !== undefined ? [frames, ...ports] : ports);
      }
      requests = [];
      frames = undefined;
      ports = [];
    };
    for (const call of waiting) {
      const { request } = call;
      const [id, method] = request;
      if (method === CHANNEL && !own) {
        this.#calls.delete(id);
        queueMicrotask(() =>
          this.#answer([[ERROR, id, encodeError(noChannel(this.#options.url))]]),
        );
        continue;
      }
      if (frames !== undefined && call.frames !== undefined && frames !== call.frames) {
        send(); // a message has frames of one block
      }
      frames ??= call.frames;
      ports.push(...call.ports);
      call.message = link.count + 1;
      call.spent = own && (call.frames !== undefined || call.ports.length > 0);
      const feed = this.#feeds.get(id);
      requests.push(feed?.last === undefined ? request : renewal(id, feed));
    }
    send();
  }

  #send(
    calls: readonly Request[],
    frames: ArrayBuffer | undefined,
    transfer: Transferable[],
  ): void {
    const link = this.#link;
    if (link === undefined) {
      return;
    }
    link.count++;
    try {
      link.post({ calls, frames }, transfer);
    } catch (error) {
      const { message } = error as Error;
      const problem = encodeError(
        invalid(`an argument cannot be sent to the database: ${message}`, { cause: error }),
      );
      link.count--;
      for (const [id] of calls) {
        this.#calls.delete(id);
        this.#feeds.delete(id);
      }
      queueMicrotask(() => this.#answer(calls.map(([id]) => [ERROR, id, problem])));
    }
  }

  /** Takes answers in. */
  #take(link: Link, answers: readonly Answer[]): void {
    if (this.#link === link) {
      this.#answer(answers.filter((answer) => this.#note(answer)));
      this.#finish();
    }
  }

  /** Notes what an answer says of calls and feeds. Returns whether the connection is to see it. */
  #note([kind, id, value]: Answer): boolean {
    const feed = this.#feeds.get(id);
    if (kind === EVENT) {
      if (feed !== undefined) {
        follow(feed, value as DeltaEvent);
      }
      return true;
    }
    if (this.#renewals.delete(id)) {
      if (kind === ERROR) {
        this.#stop(id, value);
      }
      return false;
    }
    const call = this.#calls.get(id);
    if (call === undefined) {
      return false; // it was called off
    }
    this.#calls.delete(id);
    const [, method, args] = call.request;
    const source = method === NEXT ? (args[0] as number) : id;
    if (kind === ERROR) {
      this.#feeds.delete(source);
    } else if (method === NEXT) {
      this.#turn(source, value as Page);
    } else if (feed !== undefined) {
      feed.made = true;
      if (feed.method === "onDelta" || feed.method === "deltas") {
        const { next = 0, options } = feed;
        const since = feed.method === "deltas" ? options?.since : undefined;
        feed.next = Math.max(next, since ?? (value as number));
      }
    }
    return true;
  }

  /** Notes how far an iterator has come. */
  #turn(id: number, { values, done }: Page): void {
    const feed = this.#feeds.get(id);
    if (feed !== undefined && done) {
      feed.over = true;
    } else if (feed?.method === "deltas" && values.length > 0) {
      follow(feed, values.at(-1) as DeltaEvent);
    }
  }

  /** Ends a feed that cannot go on; whoever reads it is told. */
  #stop(id: number, error: unknown): void {
    const feed = this.#feeds.get(id);
    if (feed === undefined) {
      return;
    }
    if (feed.method === "onDelta") {
      this.#feeds.delete(id);
      this.#answer([[ERROR, id, error]]);
      return;
    }
    feed.failed = error;
    const asking = [...this.#calls.values()].filter(
      ({ request: [, method, args] }) => method === NEXT && args[0] === id,
    );
    this.#waiting = this.#waiting.filter((call) => !asking.includes(call));
    for (const { request } of asking) {
      this.#calls.delete(request[0]);
    }
    this.#answer(asking.map(({ request }) => [ERROR, request[0], error]));
  }

  #answer(answers: readonly Answer[]): void {
    if (answers.length > 0) {
      this.onmessage?.({ data: answers } as MessageEvent);
    }
  }

  /** Goes, if that is wanted, once all calls are answered but those that wait for deltas to come. */
  #finish(): void {
    if (this.#closing === undefined || this.#finished) {
      return;
    }
    for (const { request } of this.#calls.values()) {
      if (request[1] !== NEXT) {
        return;
      }
    }
    this.#finished = true;
    clearInterval(this.#timer);
    this.#unlink();
    this.#tell("close");
  }
}

/** Notes that a delta has come. */
function follow(feed: Feed, { position, deltaId }: DeltaEvent): void {
  feed.next = position + 1;
  feed.last = [position, deltaId];
}

/** What goes on with a feed. */
function renewal(id: number, { method, options, next, last }: Feed): Request {
  return [id, RENEW, [method, { ...options, since: next }, last]];
}

function readOnly(url: string): DeltaError {
  return invalid(`${url} was opened to follow: it can be read here, and changed in other tabs`);
}

function noChannel(url: string): DeltaError {
  return new DeltaError(
    "UNSUPPORTED_PLATFORM",
    `a channel cannot reach ${url} in another tab: use applyDeltas, or open it with tabs: "exclusive"`,
  );
}

function lost(url: string): DeltaError {
  return new DeltaError(
    "INTERRUPTED",
    `the tab that led ${url} has gone: ids and exports cannot be gone on with in another; begin anew`,
  );
}

function interrupted(url: string, [, method, args]: Request): DeltaError {
  const what = method === FRAMES ? (args[3] ? "applyDelta" : "applyDeltas") : method;
  return new DeltaError(
    "INTERRUPTED",
    `the tab that led ${url} went away during ${what}: whether it took effect is not known; look what the database holds (getVector, getDeltaChain) before you do it again`,
  );
}
