package dev.deltavec.core.delta;

/** The numbers of the frame format, version 1; {@code docs/format.md} is its description. */
public final class Frame {
  /** The version that this release writes. */
  public static final int VERSION = 1;

  /** Bytes before the vector id's length. */
  public static final int HEADER_BYTES = 9;

  /** The largest frame in bytes. */
  public static final int MAX_BYTES = (1 << 24) - 1;

  /** The longest vector id in UTF-8 bytes. */
  public static final int MAX_ID_BYTES = 1024;

  /** A given time is below this: 48 bits of milliseconds. */
  public static final long TIME_LIMIT = 1L << 48;

  /** Operation: begins a vector. */
  public static final int CREATE = 1;

  /** Operation: assigns values at indices. */
  public static final int SPARSE = 2;

  /** Operation: replaces all values. */
  public static final int DENSE = 3;

  /** Operation: multiplies all values by a factor. */
  public static final int SCALE = 4;

  /** Operation: adds an amount to all values. */
  public static final int OFFSET = 5;

  /** Operation: ends a vector. */
  public static final int DELETE = 6;

  /** Operation: {@link #SPARSE}, with its indices written as runs. */
  public static final int RUNS = 7;

  /** Not an operation: begins a stream, after which nothing refers to frames before it. */
  public static final int START = 0;

  /** The bits of byte 8 that hold the operation. */
  public static final int OPERATION_MASK = 7;

  /** Flag: the frame carries the delta's id. */
  public static final int IDENTIFIED = 8;

  /** Flag: the frame carries a given time. Together with {@link #IDENTIFIED}: {@link #LINKED}. */
  public static final int TIMED = 16;

  /**
   * Flags: the frame carries its delta's id, and names what it can by what stood in frames before
   * it.
   */
  public static final int LINKED = IDENTIFIED | TIMED;

  /** Flag: the frame carries a metadata merge patch. */
  public static final int METADATA = 32;

  /** Flag: the checksum is set. */
  public static final int SEALED = 64;

  /** Flag: values are integers on a grid. */
  public static final int GRID = 128;

  /**
   * The longest merge patch that linked frames refer to; so a small stream cannot stand for much
   * memory.
   */
  public static final int MAX_SHARED_PATCH_BYTES = 256;

  /** The largest number on a grid, so that floats hold it and its neighbours apart. */
  public static final int MAX_CODE = 1 << 22;

  /** The finest grid: this many steps to 1. */
  public static final int MAX_GRID = 1 << 20;

  private Frame() {}

  /** Returns the name of an operation as users know it. */
  public static String name(int operation) {
    return switch (operation) {
      case CREATE -> "create";
      case SPARSE, RUNS -> "sparse";
      case DENSE -> "dense";
      case SCALE -> "scale";
      case OFFSET -> "offset";
      case DELETE -> "delete";
      default -> "operation " + operation;
    };
  }
}
