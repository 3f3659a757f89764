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
 * The functions that the module exports: {@code docs/abi.md}, which describes them. All they do is to find the database,
 * call it and note the outcome in the control block.
 *
 * <p>A {@link DeltaException} becomes a negative error number. Anything else that is thrown is a mistake of ours: the call
 * ends with a trap, after which a face must not use the instance again.
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

  @Export(name = "dv_control")
  public static int control() {
    return CONTROL.address();
  }

  @Export(name = "dv_input")
  public static int input(int bytes) {
    return INPUT.reserve(bytes);
  }

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
    Database database =
        handle >= 1 && handle <= databases.length ? databases[handle - 1] : null;
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
