import { DeltaError } from "../errors.ts";

/** What of Node's file handles is used. */
export interface NodeFile {
  read(
    target: Uint8Array,
    offset: number,
    length: number,
    position: number,
  ): Promise<{ readonly bytesRead: number }>;
  write(
    bytes: Uint8Array,
    offset: number,
    length: number,
    position: number,
  ): Promise<{ readonly bytesWritten: number }>;
  writeFile(text: string): Promise<void>;
  stat(): Promise<{ readonly size: number }>;
  truncate(size: number): Promise<void>;
  datasync(): Promise<void>;
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** What of `node:fs/promises` is used. */
export interface NodeFiles {
  open(path: string, flags: "r" | "r+" | "wx+"): Promise<NodeFile>;
  readdir(
    path: string,
    options: { readonly withFileTypes: true },
  ): Promise<{ readonly name: string; isFile(): boolean }[]>;
  readFile(path: string, encoding: "utf8"): Promise<string>;
  mkdir(path: string, options: { readonly recursive: true }): Promise<string | undefined>;
  rename(from: string, to: string): Promise<void>;
  unlink(path: string): Promise<void>;
  stat(
    path: string,
    options: { readonly bigint: true },
  ): Promise<{ readonly dev: bigint; readonly ino: bigint; readonly mtimeMs: bigint }>;
}

/** What of Node is used. */
export interface Node {
  readonly files: NodeFiles;
  readonly path: {
    resolve(path: string): string;
    join(directory: string, name: string): string;
    dirname(path: string): string;
  };
  readonly process: {
    readonly pid: number;
    readonly platform: string;
    kill(pid: number, signal: 0): boolean;
  };
  readonly hostname: () => string;
  readonly fileURLToPath: (url: string) => string;
}

/**
 * Returns what of Node is used. Asked for like this, bundlers for the browser do not look for it.
 *
 * @throws DeltaError UNSUPPORTED_PLATFORM where there is no Node
 */
export function node(): Node {
  const { process } = globalThis as {
    process?: Node["process"] & { getBuiltinModule?(id: string): unknown };
  };
  if (process?.getBuiltinModule === undefined) {
    throw new DeltaError(
      "UNSUPPORTED_PLATFORM",
      "file: needs Node; a page has idb://, a worker of a page opfs://, too",
    );
  }
  return {
    files: process.getBuiltinModule("node:fs/promises") as NodeFiles,
    path: process.getBuiltinModule("node:path") as Node["path"],
    process,
    ...(process.getBuiltinModule("node:os") as Pick<Node, "hostname">),
    ...(process.getBuiltinModule("node:url") as Pick<Node, "fileURLToPath">),
  };
}
