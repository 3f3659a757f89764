import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { basename } from "node:path";
import { messageOf, UsageError } from "../errors.ts";

/** Bytes that are read ahead. */
const WINDOW = 1 << 18;

/** What is wrong with bytes, and where. */
export class Damage extends Error {
  override readonly name = "Damage";
  /** Index of the byte in its file. */
  readonly at: number;

  constructor(at: number, message: string) {
    super(message);
    this.at = at;
  }
}

/**
 * A file that is read in windows: of a large one only what is looked at is in memory. It may grow meanwhile; what it has when it
 * is opened counts. Nothing is written.
 */
export class FileSource implements Disposable {
  /** The last part of its path. */
  readonly name: string;
  /** Bytes it had when it was opened. */
  readonly size: number;
  readonly #descriptor: number;
  #window = new Uint8Array(0);
  #at = 0;

  /** @throws UsageError if it cannot be opened, or is no file */
  constructor(path: string) {
    this.name = basename(path);
    try {
      this.#descriptor = openSync(path, "r");
    } catch (error) {
      throw new UsageError(`cannot read ${path}: ${messageOf(error)}`);
    }
    const stat = fstatSync(this.#descriptor);
    if (!stat.isFile()) {
      closeSync(this.#descriptor);
      throw new UsageError(`${path} is no file`);
    }
    this.size = stat.size;
  }

  /**
   * Returns bytes, which stay as they are until the next call.
   *
   * @param at - index of the first
   * @param bytes - how many: no more than the caller has room for
   * @returns fewer only where the file ends
   */
  read(at: number, bytes: number): Uint8Array {
    const end = Math.min(at + bytes, this.size);
    if (end <= at) {
      return new Uint8Array(0);
    }
    if (at < this.#at || end > this.#at + this.#window.length) {
      this.#fill(at, Math.min(Math.max(end - at, WINDOW), this.size - at));
    }
    return this.#window.subarray(at - this.#at, Math.max(end - this.#at, 0));
  }

  #fill(at: number, bytes: number): void {
    // One that was made for something large is not kept for what is small.
    const room = this.#window.buffer.byteLength;
    const buffer =
      room < bytes || room > 2 * Math.max(bytes, WINDOW)
        ? new Uint8Array(Math.max(bytes, WINDOW))
        : new Uint8Array(this.#window.buffer);
    let done = 0;
    while (done < bytes) {
      const read = readSync(this.#descriptor, buffer, done, bytes - done, at + done);
      if (read === 0) {
        break; // it was cut meanwhile
      }
      done += read;
    }
    this.#window = buffer.subarray(0, done);
    this.#at = at;
  }

  [Symbol.dispose](): void {
    closeSync(this.#descriptor);
  }
}

/** A view on bytes. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/**
 * Reads a number of 64 bits.
 *
 * @returns NaN if it is over 2^53-1
 */
export function getUint53(view: DataView, at: number): number {
  const value = view.getUint32(at, true) + view.getUint32(at + 4, true) * 2 ** 32;
  return Number.isSafeInteger(value) ? value : Number.NaN;
}

/** Whether bytes are all zero. */
export function areZero(bytes: Uint8Array, from = 0, to = bytes.length): boolean {
  for (let i = from; i < to; i++) {
    if (bytes[i] !== 0) {
      return false;
    }
  }
  return true;
}

/** The bytes as hexadecimal digits. */
export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex");
}
