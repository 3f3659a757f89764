package dev.deltavec.wasm;

import dev.deltavec.core.Database;
import dev.deltavec.core.DatabaseOptions;
import dev.deltavec.core.DeltaException;
import dev.deltavec.core.ErrorCode;
import dev.deltavec.core.Metric;
import dev.deltavec.core.Quantization;
import dev.deltavec.core.Reader;
import dev.deltavec.core.index.Searcher;
import dev.deltavec.core.memory.Buffer;
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
  private static final ControlBlock CONTROL = new ControlBlock(MEMORY, base());
  private static final SimdKernels KERNELS = new SimdKernels(CONTROL.end());
  private static final InputBuffer INPUT = input();

  /** Open databases; a handle is the index and 1. */
  private static @Nullable Database[] databases = new Database[4];

  /** Searches what another instance writes; none before {@link #attach}. */
  private static @Nullable Reader attached;

  private static @Nullable Buffer attachedOutput;

  private Exports() {}

  /**
   * Returns where the instance's own memory begins: behind the static data for the first instance
   * on a memory, which notes that there; else a page of its own.
   */
  private static int base() {
    int taken = Native.dataEnd();
    if (MEMORY.getInt(taken) != 0) {
      return Native.grow(1) << 16;
    }
    MEMORY.putInt(taken, 1);
    return taken + 64;
  }

  /** Returns the buffer in what is left of the instance's first page. */
  private static InputBuffer input() {
    int address = CONTROL.end() + SimdKernels.SCRATCH_BYTES;
    return new InputBuffer(MEMORY, address, -address & 0xffff);
  }

  /**
   * Takes all the memory there will ever be. It does not grow any more then, so that views on it
   * stay.
   *
   * @param bytes how many are to be free, an unsigned number
   * @return 0, or OUT_OF_MEMORY without a message
   */
  @Export(name = "dv_reserve")
  public static int reserve(int bytes) {
    return MEMORY.fix((bytes >>> 16) + 1) ? 0 : -ErrorCode.OUT_OF_MEMORY.number();
  }

  /**
   * Makes {@link #search} with handle 0 search a database that another instance has opened in the
   * same memory. Nobody may write while this or such a search runs.
   *
   * @param options address of the options record that the database was opened with
   * @param root what the control block said there
   * @return 0, or an error: OUT_OF_MEMORY
   */
  @Export(name = "dv_attach")
  public static int attach(int options, int root) {
    try {
      Reader reader = Reader.attach(MEMORY, KERNELS, readOptions(options), root);
      attachedOutput = reader.newBuffer();
      attached = reader;
      return 0;
    } catch (Throwable e) {
      return failed(e);
    }
  }

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
   * @param options address of the options record, 88 bytes
   * @return a handle, 1 or more, or an error: INVALID_ARGUMENT, OUT_OF_MEMORY
   */
  @Export(name = "dv_open")
  public static int open(int options) {
    try {
      Database database = new Database(MEMORY, KERNELS, readOptions(options));
      int handle = register(database);
      CONTROL.root(database.root());
      CONTROL.counts(0, 0);
      return handle;
    } catch (Throwable e) {
      return failed(e);
    }
  }

  private static int register(Database database) {
    int slot = 0;
    while (slot < databases.length && databases[slot] != null) {
      slot++;
    }
    if (slot == databases.length) {
      Database[] more = new Database[slot * 2];
      System.arraycopy(databases, 0, more, 0, slot);
      databases = more;
    }
    databases[slot] = database;
    return slot + 1;
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
        .history((MEMORY.getInt(at + 28) & 2) != 0)
        .grid(MEMORY.getInt(at + 48))
        .maxHistoryBytes(whole(at + 56))
        .maxAheadMillis(whole(at + 64))
        .keepFloats((MEMORY.getInt(at + 28) & 4) != 0)
        .quantization(quantization(MEMORY.getInt(at + 72)))
        .recallSampleRate(Double.longBitsToDouble(MEMORY.getLong(at + 80)))
        .build();
  }

  /** Reads a whole number that is stored as a double. */
  private static long whole(int address) {
    return (long) Double.longBitsToDouble(MEMORY.getLong(address));
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

  private static Quantization quantization(int number) {
    return switch (number) {
      case 0 -> Quantization.NONE;
      case 1 -> Quantization.INT8;
      case 2 -> Quantization.INT4;
      default ->
          throw new DeltaException(
              ErrorCode.INVALID_ARGUMENT, "option quantization must be from 0 to 2, not " + number);
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
      CONTROL.counts(0, 0);
      return 0;
    } catch (Throwable e) {
      return failed(e);
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
      return changed(database, database.apply(frames, bytes, count, time(nowLow, nowHigh)));
    } catch (Throwable e) {
      return failed(e);
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
    } catch (Throwable e) {
      failed(e);
      return 0;
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
      return done(database, 1);
    } catch (Throwable e) {
      return failed(e);
    }
  }

  /**
   * Searches. Output: a record of 16 bytes for each result, closest first. See {@link
   * Database#search}.
   *
   * @param handle what {@link #open} gave; 0 for what was {@link #attach attached}
   * @param query address of the query's values
   * @param floats their number
   * @param k the most results, 1 or more
   * @param efSearch candidates kept, or 0 for the database's own
   * @param mode what {@link Database#search} takes
   * @param filter address of the filter
   * @param filterBytes its length, 0 for no filter
   * @return the number of results, or an error: DIMENSION_MISMATCH, NOT_FINITE, INVALID_ARGUMENT,
   *     OUT_OF_MEMORY, CLOSED
   */
  @Export(name = "dv_search")
  public static int search(
      int handle,
      int query,
      int floats,
      int k,
      int efSearch,
      int mode,
      int filter,
      int filterBytes) {
    try {
      Reader reader = attached;
      Buffer out = attachedOutput;
      if (handle == 0 && reader != null && out != null) {
        reader.refresh();
        int n = reader.search(query, floats, k, efSearch, mode, filter, filterBytes, out);
        CONTROL.output(out.address(), n * Searcher.RECORD_BYTES);
        return n;
      }
      Database database = database(handle);
      return done(database, database.search(query, floats, k, efSearch, mode, filter, filterBytes));
    } catch (Throwable e) {
      return failed(e);
    }
  }

  /**
   * Links queued vectors. See {@link Database#repair}.
   *
   * @param handle what {@link #open} gave
   * @param maxNodes the most to link
   * @return the number that is still queued, or an error: OUT_OF_MEMORY, CLOSED
   */
  @Export(name = "dv_repair")
  public static int repair(int handle, int maxNodes) {
    try {
      Database database = database(handle);
      int pending = database.repair(maxNodes);
      CONTROL.counts(database.size(), pending);
      return pending;
    } catch (Throwable e) {
      return failed(e);
    }
  }

  /**
   * Checks the search graph. Output: 52 bytes of counts. See {@link Database#check}.
   *
   * @param handle what {@link #open} gave
   * @return 0, or an error: OUT_OF_MEMORY, CLOSED
   */
  @Export(name = "dv_check")
  public static int check(int handle) {
    try {
      Database database = database(handle);
      database.check();
      return done(database, 0);
    } catch (Throwable e) {
      return failed(e);
    }
  }

  /**
   * Lists live vectors. Output: a record of 20 bytes for each; the control block tells where to go
   * on. See {@link Database#rows}.
   *
   * @param handle what {@link #open} gave
   * @param slot where to begin
   * @param max the most to list
   * @return the number of vectors, or an error: CLOSED, OUT_OF_MEMORY
   */
  @Export(name = "dv_rows")
  public static int rows(int handle, int slot, int max) {
    try {
      Database database = database(handle);
      return listed(database, database.rows(slot, max));
    } catch (Throwable e) {
      return failed(e);
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
      return listed(database, database.ids(slot, max));
    } catch (Throwable e) {
      return failed(e);
    }
  }

  /**
   * Gathers statistics. Output: the statistics record. O(vectors)
   *
   * @param handle what {@link #open} gave
   * @return 0, or an error: CLOSED, OUT_OF_MEMORY
   */
  @Export(name = "dv_stats")
  public static int stats(int handle) {
    try {
      Database database = database(handle);
      database.stats();
      return done(database, 0);
    } catch (Throwable e) {
      return failed(e);
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
    } catch (Throwable e) {
      return failed(e);
    }
  }

  /**
   * Reads a vector as it was. Output: its floats. See {@link Database#findAt}.
   *
   * @param handle what {@link #open} gave
   * @param id address of the id's UTF-8 bytes
   * @param idBytes their number
   * @param timeLow Unix milliseconds, low 32 bits
   * @param timeHigh and high 32 bits
   * @return 1, or 0: it did not live then, or an error: HISTORY_COMPACTED, INVALID_ARGUMENT, CLOSED
   */
  @Export(name = "dv_vector_at")
  public static int vectorAt(int handle, int id, int idBytes, int timeLow, int timeHigh) {
    try {
      Database database = database(handle);
      int address = database.findAt(id, idBytes, time(timeLow, timeHigh));
      if (address == 0) {
        return 0;
      }
      CONTROL.output(address, database.options().dimensions() << 2);
      return 1;
    } catch (Throwable e) {
      return failed(e);
    }
  }

  /**
   * Reads a vector's metadata as it was. Output: the JSON object, or no bytes. See {@link
   * Database#metadataAt}.
   *
   * @param handle what {@link #open} gave
   * @param id address of the id's UTF-8 bytes
   * @param idBytes their number
   * @param timeLow Unix milliseconds, low 32 bits
   * @param timeHigh and high 32 bits
   * @return 1, or 0: it did not live then, or an error: HISTORY_COMPACTED, INVALID_ARGUMENT,
   *     OUT_OF_MEMORY, CLOSED
   */
  @Export(name = "dv_metadata_at")
  public static int metadataAt(int handle, int id, int idBytes, int timeLow, int timeHigh) {
    try {
      Database database = database(handle);
      if (!database.metadataAt(id, idBytes, time(timeLow, timeHigh))) {
        return 0;
      }
      return done(database, 1);
    } catch (Throwable e) {
      return failed(e);
    }
  }

  /**
   * Searches the state at a time, exactly. Output as {@link #search}. See {@link
   * Database#searchAt}.
   *
   * @param handle what {@link #open} gave
   * @param query address of the query's values
   * @param floats their number
   * @param k the most results, 1 or more
   * @param timeLow Unix milliseconds, low 32 bits
   * @param timeHigh and high 32 bits
   * @return the number of results, or an error: those of {@link #search}, HISTORY_COMPACTED
   */
  @Export(name = "dv_search_at")
  public static int searchAt(int handle, int query, int floats, int k, int timeLow, int timeHigh) {
    try {
      Database database = database(handle);
      return done(database, database.searchAt(query, floats, k, time(timeLow, timeHigh)));
    } catch (Throwable e) {
      return failed(e);
    }
  }

  /**
   * Lists a vector's deltas. Output: the chain. See {@link Database#chain}.
   *
   * @param handle what {@link #open} gave
   * @param id address of the id's UTF-8 bytes
   * @param idBytes their number
   * @return 1, or 0: the id was never seen, or an error: INVALID_ARGUMENT, OUT_OF_MEMORY, CLOSED
   */
  @Export(name = "dv_chain")
  public static int chain(int handle, int id, int idBytes) {
    try {
      Database database = database(handle);
      if (!database.chain(id, idBytes)) {
        return 0;
      }
      return done(database, 1);
    } catch (Throwable e) {
      return failed(e);
    }
  }

  /**
   * Tells how many deltas have come in so far. O(1)
   *
   * @param handle what {@link #open} gave
   * @return their number, or an error: INVALID_ARGUMENT, CLOSED
   */
  @Export(name = "dv_arrived")
  public static int arrived(int handle) {
    try {
      Database database = database(handle);
      return database.arrived();
    } catch (Throwable e) {
      return failed(e);
    }
  }

  /**
   * Reads deltas in the order they came in. Output: their frames; the control block tells where to
   * go on. See {@link Database#read}.
   *
   * @param handle what {@link #open} gave
   * @param from number of the first arrival
   * @param maxBytes most bytes of frames, but at least one frame is read
   * @return the number of deltas, or an error: INVALID_ARGUMENT, OUT_OF_MEMORY, CLOSED
   */
  @Export(name = "dv_read")
  public static int read(int handle, int from, int maxBytes) {
    try {
      Database database = database(handle);
      return listed(database, database.read(from, maxBytes));
    } catch (Throwable e) {
      return failed(e);
    }
  }

  /**
   * Merges deltas of other replicas, all or none. Output: four numbers, then the frames that were
   * rejected. See {@link Database#merge}.
   *
   * @param handle what {@link #open} gave
   * @param stream address of the frames
   * @param bytes their length
   * @param nowLow the clock, Unix milliseconds, low 32 bits
   * @param nowHigh and high 32 bits
   * @return the number of new deltas, or an error of any kind
   */
  @Export(name = "dv_merge")
  public static int merge(int handle, int stream, int bytes, int nowLow, int nowHigh) {
    try {
      Database database = database(handle);
      return changed(database, database.merge(stream, bytes, time(nowLow, nowHigh)));
    } catch (Throwable e) {
      return failed(e);
    }
  }

  /**
   * Tells what this database has seen. Output: the cursor. O(replicas)
   *
   * @param handle what {@link #open} gave
   * @return 0, or an error: INVALID_ARGUMENT, OUT_OF_MEMORY, CLOSED
   */
  @Export(name = "dv_cursor")
  public static int cursor(int handle) {
    try {
      Database database = database(handle);
      database.cursor();
      return done(database, 0);
    } catch (Throwable e) {
      return failed(e);
    }
  }

  /**
   * Writes the deltas that another database lacks. Output: a stream for its {@link #merge}.
   *
   * @param handle what {@link #open} gave
   * @param cursor address of the other's cursor
   * @param bytes its length, 0 for all deltas
   * @return 0, or an error: CORRUPT_DATA, UNSUPPORTED_VERSION, HISTORY_COMPACTED, INVALID_ARGUMENT,
   *     OUT_OF_MEMORY, CLOSED
   */
  @Export(name = "dv_since")
  public static int since(int handle, int cursor, int bytes) {
    try {
      Database database = database(handle);
      database.since(cursor, bytes);
      return done(database, 0);
    } catch (Throwable e) {
      return failed(e);
    }
  }

  /**
   * Compacts history. Output: 40 bytes of statistics. See {@link Database#compact}.
   *
   * @param handle what {@link #open} gave
   * @param id address of the id of the one vector to compact, 0 for all
   * @param idBytes its length
   * @param beforeLow deltas before this time go, Unix milliseconds, low 32 bits
   * @param beforeHigh and high 32 bits
   * @param keepLast the newest deltas of each vector that stay
   * @param maxLow bytes to come down to, low 32 bits
   * @param maxHigh and high 32 bits; negative for no limit
   * @return 0, or an error: VECTOR_NOT_FOUND, INVALID_ARGUMENT, OUT_OF_MEMORY, CLOSED
   */
  @Export(name = "dv_compact")
  public static int compact(
      int handle,
      int id,
      int idBytes,
      int beforeLow,
      int beforeHigh,
      int keepLast,
      int maxLow,
      int maxHigh) {
    try {
      Database database = database(handle);
      database.compact(id, idBytes, time(beforeLow, beforeHigh), keepLast, time(maxLow, maxHigh));
      return done(database, 0);
    } catch (Throwable e) {
      return failed(e);
    }
  }

  /**
   * Brings a vector back to its state behind one of its deltas, by a new delta. Output as {@link
   * #apply}. See {@link Database#rollBackTo}.
   *
   * @param handle what {@link #open} gave
   * @param id address of the id's UTF-8 bytes
   * @param idBytes their number
   * @param deltaId address of the delta's id: 6 bytes of time, 4 of sequence, 6 of replica
   * @param nowLow the clock, Unix milliseconds, low 32 bits
   * @param nowHigh and high 32 bits
   * @return the number of deltas applied, 0 or 1, or an error of any kind
   */
  @Export(name = "dv_rollback_to")
  public static int rollBackTo(
      int handle, int id, int idBytes, int deltaId, int nowLow, int nowHigh) {
    try {
      Database database = database(handle);
      return changed(
          database,
          database.rollBackTo(
              id,
              idBytes,
              MEMORY.getLong(deltaId) & 0xffff_ffff_ffffL,
              MEMORY.getInt(deltaId + 6),
              MEMORY.getLong(deltaId + 8) >>> 16,
              time(nowLow, nowHigh)));
    } catch (Throwable e) {
      return failed(e);
    }
  }

  /**
   * Begins to write a snapshot. See {@link Database#exportBegin}.
   *
   * @param handle what {@link #open} gave
   * @param flags 1 with the graph, 2 with the history, 4 only what has changed, 8 the next one with
   *     4 begins here
   * @return 0, or an error: INVALID_ARGUMENT, CLOSED
   */
  @Export(name = "dv_export")
  public static int export(int handle, int flags) {
    try {
      long bytes = database(handle).exportBegin(flags);
      return bytes == (int) bytes ? (int) bytes : 0;
    } catch (Throwable e) {
      return failed(e);
    }
  }

  /**
   * Writes the next section of the snapshot. Output: the section.
   *
   * @param handle what {@link #open} gave
   * @return its bytes, 0 behind the last, or an error: OUT_OF_MEMORY, CLOSED
   */
  @Export(name = "dv_export_next")
  public static int exportNext(int handle) {
    try {
      Database database = database(handle);
      return done(database, database.exportNext());
    } catch (Throwable e) {
      return failed(e);
    }
  }

  /**
   * Opens a database that a snapshot is read into.
   *
   * @param options address of the options record
   * @return a handle for {@link #importNext}, {@link #importEnd} and {@link #close}, or an error:
   *     INVALID_ARGUMENT, OUT_OF_MEMORY
   */
  @Export(name = "dv_import")
  public static int importBegin(int options) {
    try {
      return register(Database.importing(MEMORY, KERNELS, readOptions(options)));
    } catch (Throwable e) {
      return failed(e);
    }
  }

  /**
   * Reads what comes next of a snapshot. See {@link Database#importNext}.
   *
   * @param handle what {@link #importBegin} gave
   * @param address of the bytes
   * @param bytes their number
   * @return how many were read, or an error of any kind; then the handle is only to be closed
   */
  @Export(name = "dv_import_next")
  public static int importNext(int handle, int address, int bytes) {
    try {
      return database(handle).importNext(address, bytes);
    } catch (Throwable e) {
      return failed(e);
    }
  }

  /**
   * Ends an import. Output: 32 bytes. See {@link Database#importEnd}.
   *
   * @param handle what {@link #importBegin} gave; it is free afterwards
   * @param replaced the handle of the database that this one takes the place of; that is closed
   * @return 0, or an error: CORRUPT_DATA, OUT_OF_MEMORY; then nothing was replaced, and the handle
   *     is only to be closed
   */
  @Export(name = "dv_import_end")
  public static int importEnd(int handle, int replaced) {
    try {
      Database old = database(replaced);
      Database database = database(handle);
      database.importEnd();
      old.close();
      databases[replaced - 1] = database;
      databases[handle - 1] = null;
      CONTROL.root(database.root());
      return changed(database, 0);
    } catch (Throwable e) {
      return failed(e);
    }
  }

  /**
   * Issues deltas under another replica's number from now on. See {@link Database#replica}.
   *
   * @param handle what {@link #open} gave
   * @param low the number's low 32 bits
   * @param high and high 16 bits
   * @return 1 if the database knows deltas of that replica, else 0, or an error: CLOSED
   */
  @Export(name = "dv_replica")
  public static int replica(int handle, int low, int high) {
    try {
      Database database = database(handle);
      database.replica(time(low, high));
      return database.sequence() == 0 ? 0 : 1;
    } catch (Throwable e) {
      return failed(e);
    }
  }

  private static long time(int low, int high) {
    return ((long) high << 32) | (low & 0xffffffffL);
  }

  private static Database database(int handle) {
    Database database = handle >= 1 && handle <= databases.length ? databases[handle - 1] : null;
    if (database == null) {
      throw new DeltaException(ErrorCode.CLOSED, "no open database has the handle " + handle);
    }
    return database;
  }

  /**
   * Notes an error and returns its number. Anything else leaves its message for whoever looks into
   * the memory, and traps.
   */
  private static int failed(Throwable e) {
    DeltaException known = e instanceof DeltaException error ? error : null;
    CONTROL.error(String.valueOf(e.getMessage()), known == null ? -1 : known.index());
    if (known == null) {
      Native.trap();
      return 0;
    }
    return -known.code().number();
  }

  /** Tells the caller where the output is. Returns {@code result}. */
  private static int done(Database database, int result) {
    CONTROL.output(database.output(), database.outputBytes());
    return result;
  }

  /** Like {@link #done}, and tells where a list goes on. */
  private static int listed(Database database, int result) {
    CONTROL.next(database.next());
    return done(database, result);
  }

  /** Like {@link #done}, and tells how many vectors live and are queued. */
  private static int changed(Database database, int result) {
    CONTROL.counts(database.size(), database.pending());
    return done(database, result);
  }
}
