import { DeltaError } from "../errors.ts";
import { codeOf, failure, requireNoGap } from "./failure.ts";
import { lockDirectory, syncDirectory, toPath } from "./file-lock.ts";
import type { Release } from "./lock.ts";
import { type Node, type NodeFile, node } from "./node-files.ts";
import type { Storage, StorageFile } from "./storage.ts";

/** Names that a database's files have; what else lies in the directory is not its own. */
const FILE = /^[a-z0-9.-]{1,64}$/;

/** What the files of a storage share. */
interface Shared {
  readonly name: string;
  readonly node: Node;
  readonly directory: string;
  /** How many names were made, and how many of them the directory is known to have on disk. */
  made: number;
  sure: number;
  /** Files whose bytes could not be made sure of, and why. */
  readonly doubtful: Map<string, DeltaError>;
}

/** A storage in a directory, by Node: `file:`. */
export class FileStorage implements Storage {
  readonly name: string;
  readonly #shared: Shared;
  readonly #release: Release;

  private constructor(shared: Shared, release: Release) {
    this.name = shared.name;
    this.#shared = shared;
    this.#release = release;
  }

  /**
   * Opens a directory, which is made if it is not there, and takes its lock unless that is given.
   *
   * @param url - for messages
   * @param path - the directory's, or a `file:` URL less its scheme
   * @param here - Node
   * @throws DeltaError LOCKED naming the process that has it; STORAGE_FAILED, QUOTA_EXCEEDED
   */
  static async open(
    url: string,
    path: string,
    lock?: Release,
    here: Node = node(),
  ): Promise<FileStorage> {
    const release = lock ?? (await lockDirectory(url, path));
    if (typeof release === "string") {
      throw new DeltaError("LOCKED", `${url} is in use by ${release}`);
    }
    const directory = toPath(here, url, path);
    return new FileStorage(
      { name: url, node: here, directory, made: 0, sure: 0, doubtful: new Map() },
      release,
    );
  }

  async list(): Promise<string[]> {
    const { node, directory } = this.#shared;
    try {
      const entries = await node.files.readdir(directory, { withFileTypes: true });
      return entries
        .filter((entry) => entry.isFile() && FILE.test(entry.name))
        .map(({ name }) => name);
    } catch (cause) {
      throw failure(`${this.name} cannot be listed`, cause);
    }
  }

  async open(file: string): Promise<StorageFile> {
    const shared = this.#shared;
    const { files, path } = shared.node;
    const at = path.join(shared.directory, file);
    try {
      const handle = await files.open(at, "r+").catch(async (error) => {
        if (codeOf(error) !== "ENOENT") {
          throw error;
        }
        const made = await files.open(at, "wx+");
        shared.made++;
        return made;
      });
      try {
        const { size } = await handle.stat();
        return new NodeStorageFile(shared, file, handle, size);
      } catch (error) {
        await handle.close();
        throw error;
      }
    } catch (cause) {
      throw failure(`${this.name}: ${file} cannot be opened`, cause);
    }
  }

  async remove(file: string): Promise<void> {
    const { node, directory, doubtful } = this.#shared;
    try {
      await node.files.unlink(node.path.join(directory, file));
      doubtful.delete(file);
      await syncDirectory(node.files, directory);
    } catch (cause) {
      if (codeOf(cause) !== "ENOENT") {
        throw failure(`${this.name}: ${file} cannot be removed`, cause);
      }
    }
  }

  async close(): Promise<void> {
    try {
      await this.#release();
    } catch (cause) {
      throw failure(`${this.name} cannot be unlocked`, cause);
    }
  }
}

/** A file of a {@link FileStorage}. */
class NodeStorageFile implements StorageFile {
  readonly #shared: Shared;
  readonly #file: string;
  readonly #handle: NodeFile;
  #size: number;
  /** Whether it was cut since it was made sure of. */
  #cut = false;
  #closed = false;

  constructor(shared: Shared, file: string, handle: NodeFile, size: number) {
    this.#shared = shared;
    this.#file = file;
    this.#handle = handle;
    this.#size = size;
  }

  async size(): Promise<number> {
    return this.#size;
  }

  read(at: number, target: Uint8Array): Promise<number> {
    return this.#try("read", async () => {
      let done = 0;
      while (done < target.length) {
        const { bytesRead } = await this.#handle.read(
          target,
          done,
          target.length - done,
          at + done,
        );
        if (bytesRead === 0) {
          break;
        }
        done += bytesRead;
      }
      return done;
    });
  }

  write(at: number, bytes: Uint8Array): Promise<void> {
    return this.#try("written", async () => {
      requireNoGap(`${this.#shared.name}: ${this.#file}`, this.#size, at);
      for (let done = 0; done < bytes.length; ) {
        const { bytesWritten } = await this.#handle.write(
          bytes,
          done,
          bytes.length - done,
          at + done,
        );
        done += bytesWritten;
        this.#size = Math.max(this.#size, at + done);
      }
    });
  }

  truncate(size: number): Promise<void> {
    return this.#try("cut", async () => {
      await this.#handle.truncate(size);
      this.#size = size;
      this.#cut = true;
    });
  }

  async flush(strict: boolean): Promise<void> {
    if (!strict) {
      return; // what is written is the system's already
    }
    const { doubtful, node, directory } = this.#shared;
    const doubt = doubtful.get(this.#file);
    if (doubt !== undefined) {
      throw doubt;
    }
    try {
      // A cut changes nothing that the bytes that are left need, so fdatasync might leave it for later.
      await (this.#cut ? this.#handle.sync() : this.#handle.datasync());
      this.#cut = false;
    } catch (cause) {
      // Systems forget what they could not write: asked again they say that all is well, also of another handle.
      const error = failure(
        `${this.#shared.name}: ${this.#file} cannot be made sure of; open the database anew to see what is there`,
        cause,
      );
      if (codeOf(cause) !== "EBADF") {
        doubtful.set(this.#file, error);
      }
      throw error;
    }
    const { made, sure } = this.#shared;
    if (sure < made) {
      // Whoever flushes another file meanwhile does so, too, rather than trust in what is not yet done.
      try {
        await syncDirectory(node.files, directory);
      } catch (cause) {
        throw failure(`${this.#shared.name} cannot be made sure of`, cause);
      }
      this.#shared.sure = Math.max(this.#shared.sure, made);
    }
  }

  async close(): Promise<void> {
    if (!this.#closed) {
      this.#closed = true;
      await this.#try("closed", () => this.#handle.close());
    }
  }

  async #try<T>(what: string, run: () => Promise<T>): Promise<T> {
    try {
      return await run();
    } catch (cause) {
      throw failure(`${this.#shared.name}: ${this.#file} cannot be ${what}`, cause);
    }
  }
}
