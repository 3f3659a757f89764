/**
 * Where a durable database keeps its bytes: a flat set of files under one name (docs/storage.md). deltavec brings several;
 * an application may give its own to `DeltaVectorDB.open`.
 *
 * One database uses a storage at a time. Failures are DeltaErrors: `QUOTA_EXCEEDED` where the platform gives no more room,
 * `STORAGE_FAILED` for everything else, with the platform's error as `cause`. After one the storage stays usable as far as
 * the platform lets it be: the database closes the file, opens it again and tries once more, so `open` of a file should get
 * a new handle, or a new connection, where the one before went stale.
 */
export interface Storage {
  /** For messages: what `open` was given, such as `idb://notes`. */
  readonly name: string;

  /** Names of the files there are, in any order. */
  list(): Promise<string[]>;

  /**
   * Opens a file; makes an empty one if it is not there. The database has at most three files open at a time, and none of
   * them twice.
   *
   * @param file - 1 to 64 characters of `a-z`, `0-9`, `-` and `.`
   */
  open(file: string): Promise<StorageFile>;

  /** Removes a file that is not open. Does nothing if it is not there. */
  remove(file: string): Promise<void>;

  /** Gives back what keeps others out. All files are closed by then. */
  close(): Promise<void>;
}

/** A file of a {@link Storage}. Calls are made one after the other: none before the one before is done. */
export interface StorageFile {
  /** Bytes it has. */
  size(): Promise<number>;

  /**
   * Reads bytes.
   *
   * @param at - where to begin, in bytes
   * @param target - is filled from its start
   * @returns how many bytes were read: fewer than asked for only at the end of the file, 0 behind it
   */
  read(at: number, target: Uint8Array): Promise<number>;

  /**
   * Writes bytes, all of them.
   *
   * @param at - where to begin, in bytes; at most the file's size
   * @param bytes - do not change until this is done, and may do so afterwards
   */
  write(at: number, bytes: Uint8Array): Promise<void>;

  /** Cuts the file to a size that is at most what it has. */
  truncate(size: number): Promise<void>;

  /**
   * Makes sure of what was written before, the file's name and size included.
   *
   * @param strict - true: once this is done, the bytes outlive a loss of power, as far as the platform promises that; false:
   * they are given to the platform, and outlive the process
   */
  flush(strict: boolean): Promise<void>;

  /** Closes it. Again: does nothing. */
  close(): Promise<void>;
}
