package dev.deltavec.component;

import dev.deltavec.core.DeltaException;
import dev.deltavec.core.ErrorCode;
import dev.deltavec.core.delta.DeltaId;
import dev.deltavec.core.delta.Utf8;
import dev.deltavec.wasm.LinearMemory;

/** Strings of the canonical ABI: address and length of UTF-8. */
final class Texts {
  /** Bytes of a delta's id as text. */
  static final int ID_BYTES = DeltaId.TEXT_LENGTH;

  /** The most characters of an id in a message. */
  private static final int SHOWN_CHARACTERS = 80;

  private static final LinearMemory MEMORY = Guest.MEMORY;

  private Texts() {}

  /**
   * Returns an id for a message: quoted, and cut if it is long.
   *
   * @param id address of well-formed UTF-8
   * @param bytes how many, unsigned
   */
  static String quoted(int id, int bytes) {
    int some = 4 * SHOWN_CHARACTERS;
    if (Integer.compareUnsigned(bytes, some) <= 0) {
      some = bytes;
    } else {
      while ((MEMORY.getByte(id + some) & 0xc0) == 0x80) {
        some--; // not within a character
      }
    }
    String text = Utf8.decode(MEMORY, id, some);
    return text.length() <= SHOWN_CHARACTERS
        ? "\"" + text + "\""
        : "\"" + text.substring(0, SHOWN_CHARACTERS - 3) + "...\"";
  }

  /**
   * Writes the text of an error, cut if it is very long, to a place of its own, so that this cannot
   * fail. There is one such place: the next error's text takes it.
   *
   * @param slot where address and length go
   * @param text any text
   */
  static void putError(int slot, String text) {
    MEMORY.putInt(slot, Guest.TEXT);
    MEMORY.putInt(slot + 4, Utf8.encode(MEMORY, Guest.TEXT, Guest.TEXT_BYTES, text));
  }

  /**
   * Writes a text into the arena.
   *
   * @param slot where address and length go
   * @param text any text; a lone surrogate becomes U+FFFD
   * @throws DeltaException {@code OUT_OF_MEMORY}
   */
  static void put(int slot, String text) {
    int most = 3 * text.length() + 4;
    int start = Guest.ARENA.take(most, 1);
    MEMORY.putInt(slot, start);
    MEMORY.putInt(slot + 4, Utf8.encode(MEMORY, start, most, text));
  }

  /**
   * Writes the text form of a delta's id: {@link #ID_BYTES} bytes. Allocates nothing.
   *
   * @param at where to
   * @param time Unix milliseconds, 48 bits
   * @param sequence 32 bits
   * @param replica 48 bits
   */
  static void putDeltaId(int at, long time, int sequence, long replica) {
    long high = time << 16 | sequence >>> 16;
    long low = (long) sequence << 48 | replica;
    for (int i = ID_BYTES - 1; i >= 0; i--) {
      MEMORY.putByte(at + i, digit((int) low & 31));
      low = low >>> 5 | high << 59;
      high >>>= 5;
    }
  }

  /** Returns a digit of Crockford's base32: letters without I, L, O and U. */
  private static byte digit(int value) {
    int letter = value < 10 ? '0' + value : 'A' - 10 + value;
    letter += value >= 18 ? 1 : 0;
    letter += value >= 20 ? 1 : 0;
    letter += value >= 22 ? 1 : 0;
    letter += value >= 27 ? 1 : 0;
    return (byte) letter;
  }

  /**
   * Reads a delta's id.
   *
   * @param address of its text
   * @param bytes the text's length, unsigned
   * @throws DeltaException {@code INVALID_ARGUMENT}
   */
  static DeltaId deltaId(int address, int bytes) {
    if (bytes != ID_BYTES) {
      throw new DeltaException(
          ErrorCode.INVALID_ARGUMENT,
          "a delta id has "
              + ID_BYTES
              + " characters, not "
              + Integer.toUnsignedLong(bytes)
              + " bytes");
    }
    return DeltaId.parse(Utf8.decode(MEMORY, address, bytes));
  }
}
