import { createHash } from "node:crypto";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";

/** The server's end of one WebSocket. */
export interface ServerSocket {
  /** The path it was asked for. */
  readonly path: string;
  /** What the client sent, as text. */
  readonly received: string[];
  /** The code that the client closed with. */
  closedWith: number | undefined;
  /** Sends a message. */
  send(data: string | Uint8Array): void;
  /** Closes as the protocol has it. */
  close(code: number): void;
  /** Cuts the connection. */
  cut(): void;
}

/** A server of WebSockets: as much of RFC 6455 as tests need. */
export interface WebSocketServer extends AsyncDisposable {
  readonly url: string;
  readonly sockets: readonly ServerSocket[];
}

/**
 * Starts a server.
 *
 * @param onSocket - called with each connection
 * @param onMessage - called with each text message
 */
export async function serveWebSockets(
  onSocket: (socket: ServerSocket) => void,
  onMessage: (socket: ServerSocket, text: string) => void = () => {},
): Promise<WebSocketServer> {
  const sockets: ServerSocket[] = [];
  const server = createServer((_, response) => response.writeHead(426).end());
  server.on("upgrade", (request: IncomingMessage, stream: Duplex) => {
    const socket = acceptWebSocket(request, stream, (text) => onMessage(socket, text));
    sockets.push(socket);
    onSocket(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`,
    sockets,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) {
        socket.cut();
      }
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/**
 * Makes a WebSocket of a connection that asks to become one.
 *
 * @param onMessage - called with each text message
 * @param protocol - the subprotocol that is chosen, if there is one
 */
export function acceptWebSocket(
  request: IncomingMessage,
  stream: Duplex,
  onMessage: (text: string) => void = () => {},
  protocol?: string,
): ServerSocket {
  const chosen = protocol === undefined ? "" : `Sec-WebSocket-Protocol: ${protocol}\r\n`;
  const accept = createHash("sha1")
    .update(`${request.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
    .digest("base64");
  stream.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n${chosen}\r\n`,
  );
  let closing = false;
  const socket: ServerSocket = {
    path: request.url ?? "",
    received: [],
    closedWith: undefined,
    send: (data) => send(stream, typeof data === "string" ? 1 : 2, Buffer.from(data as string)),
    close: (code) => {
      closing = true;
      send(stream, 8, Buffer.of(code >> 8, code & 255));
    },
    cut: () => stream.destroy(),
  };
  stream.on("error", () => undefined);
  read(stream, (opcode, payload) => {
    if (opcode === 1) {
      socket.received.push(payload.toString());
      onMessage(payload.toString());
    } else if (opcode === 8) {
      socket.closedWith = payload.length < 2 ? 1005 : payload.readUInt16BE(0);
      if (!closing) {
        send(stream, 8, payload);
      }
      stream.end();
    }
  });
  return socket;
}

/** Sends one frame, not masked, as servers do. */
function send(stream: Duplex, opcode: number, payload: Buffer): void {
  if (stream.destroyed || stream.writableEnded) {
    return;
  }
  const { length } = payload;
  const header =
    length < 126 ? Buffer.alloc(2) : length < 65_536 ? Buffer.alloc(4) : Buffer.alloc(10);
  header[0] = 128 | opcode;
  header[1] = length < 126 ? length : length < 65_536 ? 126 : 127;
  if (header.length === 4) {
    header.writeUInt16BE(length, 2);
  } else if (header.length === 10) {
    header.writeBigUInt64BE(BigInt(length), 2);
  }
  stream.write(Buffer.concat([header, payload]));
}

/** Reads frames, masked, as clients send them; none longer than 65,535 bytes, none in parts. */
function read(stream: Duplex, onFrame: (opcode: number, payload: Buffer) => void): void {
  let have = Buffer.alloc(0);
  stream.on("data", (chunk: Buffer) => {
    have = Buffer.concat([have, chunk]);
    for (;;) {
      if (have.length < 2) {
        return;
      }
      const short = have[1]! & 127;
      const at = short === 126 ? 4 : 2;
      if (have.length < at + 4) {
        return;
      }
      const length = short === 126 ? have.readUInt16BE(2) : short;
      const end = at + 4 + length;
      if (have.length < end) {
        return;
      }
      const mask = have.subarray(at, at + 4);
      const payload = have.subarray(at + 4, end).map((byte, i) => byte ^ mask[i & 3]!);
      onFrame(have[0]! & 15, Buffer.from(payload));
      have = have.subarray(end);
    }
  });
}
