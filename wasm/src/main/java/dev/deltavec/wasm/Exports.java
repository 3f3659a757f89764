package dev.deltavec.wasm;

import dev.deltavec.core.Database;
import dev.deltavec.core.DatabaseOptions;
import dev.deltavec.core.DeltaException;
import dev.deltavec.core.ErrorCode;
import dev.deltavec.core.Metric;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;
import org.teavm.interop.Export;

/**
 * The functions that the module exports: {@code docs/abi.md}, which describes them. All they do is
 * to find the database, call it and note the outcome in the control block.
 *
 * <p>A {@link DeltaException} becomes a negative error number. Anything else that is thrown is a
 * mistake of ours: the call ends with a trap, after which a face must not use the instance again.
 */
public final class Exports {
  private static final LinearMemory MEMORY = new LinearMemory();
  private static final SimdKernels KERNELS = new SimdKernels();
  private static final ControlBlock CONTROL = new ControlBlock(MEMORY, Native.dataEnd());
  private static final InputBuffer INPUT =
      new InputBuffer(MEMORY, CONTROL.end(), (Native.size() << 16) - CONTROL.end());

  /** Open databases; a handle is the index and 1. */
  private static @Nullable Database[] databases = new Database[4];

  private Exports() {}

  /**
   * Tells where the control block is. O(1)
   *
   * @return its address; it never moves
   */
  @Export(name = "dv_control")
  public static int control() {
    return CONTROL.address();
  }

  /**
   * Makes room for input. The buffer keeps its place until more is asked for than it has.
   *
   * @param bytes an unsigned number
   * @return an address, a multiple of 64, or 0 if there is no memory
   */
  @Export(name = "dv_input")
  public static int input(int bytes) {
    return INPUT.reserve(bytes);
  }

  /**
   * Opens a database.
   *
   * @param options address of the options record, 48 bytes
   * @return a handle, 1 or more, or an error: INVALID_ARGUMENT, OUT_OF_MEMORY
   */
  @Export(name = "dv_open")
  public static int open(int options) {
    try {
      Database database = new Database(MEMORY, KERNELS, readOptions(options));
      int slot = 0;
      while (slot < databases.length && databases[slot] != null) {
        slot++;
      }
      if (slot == databases.length) {
        databases = Arrays.copyOf(databases, slot * 2);
      }
      databases[slot] = database;
      CONTROL.live(0);
      return slot + 1;
    } catch (DeltaException e) {
      return error(e);
    } catch (RuntimeException | Error e) {
      return fatal(e);
    }
  }

  private static DatabaseOptions readOptions(int at) {
    return DatabaseOptions.builder()
        .dimensions(MEMORY.getInt(at))
        .maxVectors(MEMORY.getInt(at + 4))
        .checkpointInterval(MEMORY.getInt(at + 8))
        .hnswM(MEMORY.getInt(at + 12))
        .hnswEfConstruction(MEMORY.getInt(at + 16))
        .hnswEfSearch(MEMORY.getInt(at + 20))
        .metric(metric(MEMORY.getInt(at + 24)))
        .compression((MEMORY.getInt(at + 28) & 1) != 0)
        .replica(MEMORY.getLong(at + 32))
        .seed(MEMORY.getLong(at + 40))
        .build();
  }

  private static Metric metric(int number) {
    return switch (number) {
      case 0 -> Metric.COSINE;
      case 1 -> Metric.DOT;
      case 2 -> Metric.EUCLIDEAN;
      default ->
          throw new DeltaException(
              ErrorCode.INVALID_ARGUMENT, "option metric must be from 0 to 2, not " + number);
    };
  }

  /**
   * Closes a database and frees its memory. Its handle may be given again.
   *
   * @param handle what {@link #open} gave
   * @return 0, or an error: CLOSED
   */
  @Export(name = "dv_close")
  public static int close(int handle) {
    try {
      database(handle).close();
      databases[handle - 1] = null;
      CONTROL.live(0);
      return 0;
    } catch (DeltaException e) {
      return error(e);
    } catch (RuntimeException | Error e) {
      return fatal(e);
    }
  }

  /**
   * Applies deltas, all or none. Output: a record of 16 bytes for each. See {@link Database#apply}.
   *
   * @param handle what {@link #open} gave
   * @param frames address of the first frame
   * @param bytes length of all frames
   * @param count number of frames
   * @param nowLow the clock, Unix milliseconds, low 32 bits
   * @param nowHigh and high 32 bits
   * @return {@code count}, or an error of any kind
   */
  @Export(name = "dv_apply")
  public static int apply(int handle, int frames, int bytes, int count, int nowLow, int nowHigh) {
    try {
      Database database = database(handle);
      long now = ((long) nowHigh << 32) | (nowLow & 0xffffffffL);
      int applied = database.apply(frames, bytes, count, now);
      CONTROL.output(database.output(), database.outputBytes());
      CONTROL.live(database.size());
      return applied;
    } catch (DeltaException e) {
      return error(e);
    } catch (RuntimeException | Error e) {
      return fatal(e);
    }
  }

  /**
   * Finds a vector. O(id)
   *
   * @param handle what {@link #open} gave
   * @param id address of the id's UTF-8 bytes
   * @param idBytes their number
   * @return the address of its floats, or 0: no such vector, or not open
   */
  @Export(name = "dv_find")
  public static int find(int handle, int id, int idBytes) {
    try {
      return database(handle).find(id, idBytes);
    } catch (DeltaException e) {
      error(e);
      return 0;
    } catch (RuntimeException | Error e) {
      return fatal(e);
    }
  }

  /**
   * Reads a vector's metadata. Output: the JSON object, or no bytes.
   *
   * @param handle what {@link #open} gave
   * @param id address of the id's UTF-8 bytes
   * @param idBytes their number
   * @return 1, or 0: no such vector, or an error: CLOSED, OUT_OF_MEMORY
   */
  @Export(name = "dv_metadata")
  public static int metadata(int handle, int id, int idBytes) {
    try {
      Database database = database(handle);
      if (!database.metadata(id, idBytes)) {
        return 0;
      }
      CONTROL.output(database.output(), database.outputBytes());
      return 1;
    } catch (DeltaException e) {
      return error(e);
    } catch (RuntimeException | Error e) {
      return fatal(e);
    }
  }

  /**
   * Searches. Output: a record of 16 bytes for each result, closest first. See {@link
   * Database#search}.
   *
   * @param handle what {@link #open} gave
   * @param query address of the query's values
   * @param floats their number
   * @param k the most results, 1 or more
   * @param efSearch candidates kept, or 0 for the database's own
   * @return the number of results, or an error: DIMENSION_MISMATCH, NOT_FINITE, INVALID_ARGUMENT,
   *     OUT_OF_MEMORY, CLOSED
   */
  @Export(name = "dv_search")
  public static int search(int handle, int query, int floats, int k, int efSearch) {
    try {
      Database database = database(handle);
      int found = database.search(query, floats, k, efSearch);
      CONTROL.output(database.output(), database.outputBytes());
      return found;
    } catch (DeltaException e) {
      return error(e);
    } catch (RuntimeException | Error e) {
      return fatal(e);
    }
  }

  /**
   * Lists ids. Output: a record of 8 bytes for each; the control block tells where to go on.
   *
   * @param handle what {@link #open} gave
   * @param slot where to begin
   * @param max the most to list
   * @return the number of ids, or an error: CLOSED, OUT_OF_MEMORY
   */
  @Export(name = "dv_ids")
  public static int ids(int handle, int slot, int max) {
    try {
      Database database = database(handle);
      int found = database.ids(slot, max);
      CONTROL.output(database.output(), database.outputBytes());
      CONTROL.next(database.next());
      return found;
    } catch (DeltaException e) {
      return error(e);
    } catch (RuntimeException | Error e) {
      return fatal(e);
    }
  }

  /**
   * Gathers statistics. Output: the statistics record. O(1)
   *
   * @param handle what {@link #open} gave
   * @return 0, or an error: CLOSED, OUT_OF_MEMORY
   */
  @Export(name = "dv_stats")
  public static int stats(int handle) {
    try {
      Database database = database(handle);
      database.stats();
      CONTROL.output(database.output(), database.outputBytes());
      return 0;
    } catch (DeltaException e) {
      return error(e);
    } catch (RuntimeException | Error e) {
      return fatal(e);
    }
  }

  /**
   * Digests the state. Output: 8 bytes. O(state)
   *
   * @param handle what {@link #open} gave
   * @return 0, or an error: CLOSED
   */
  @Export(name = "dv_digest")
  public static int digest(int handle) {
    try {
      CONTROL.output(database(handle).digest());
      return 0;
    } catch (DeltaException e) {
      return error(e);
    } catch (RuntimeException | Error e) {
      return fatal(e);
    }
  }

  private static Database database(int handle) {
    Database database = handle >= 1 && handle <= databases.length ? databases[handle - 1] : null;
    if (database == null) {
      throw new DeltaException(ErrorCode.CLOSED, "no open database has the handle " + handle);
    }
    return database;
  }

  private static int error(DeltaException e) {
    CONTROL.error(String.valueOf(e.getMessage()), e.index());
    return -e.code().number();
  }

  /** Leaves the message for whoever looks into the memory, and traps. */
  private static int fatal(Throwable e) {
    CONTROL.error(String.valueOf(e.getMessage()), -1);
    Native.trap();
    return 0;
  }
}
