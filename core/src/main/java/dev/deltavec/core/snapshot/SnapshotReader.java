package dev.deltavec.core.snapshot;

import dev.deltavec.core.Database;
import dev.deltavec.core.DatabaseOptions;
import dev.deltavec.core.DeltaException;
import dev.deltavec.core.ErrorCode;
import dev.deltavec.core.delta.Frame;
import dev.deltavec.core.delta.Utf8;
import dev.deltavec.core.history.DeltaLog;
import dev.deltavec.core.history.Merge;
import dev.deltavec.core.image.Codes;
import dev.deltavec.core.image.IdMap;
import dev.deltavec.core.image.Image;
import dev.deltavec.core.index.GraphArchive;
import dev.deltavec.core.json.MergePatch;
import dev.deltavec.core.memory.Bytes;
import dev.deltavec.core.memory.Kernels;
import dev.deltavec.core.memory.Memory;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Fills an empty database from a snapshot, and from the increments that follow it. Trusts nothing:
 * every section has its checksum, every length is checked against what is left, memory is asked for
 * as bytes come in. What is wrong with the search graph costs the graph alone.
 *
 * <p>After an error the database is of no use.
 */
public final class SnapshotReader {
  private static final long NEWEST_REPLICA = Frame.TIME_LIMIT - 1;

  private final DatabaseOptions options;
  private final Image image;
  private final Memory memory;
  private final Kernels kernels;
  private final IdMap ids;
  private final GraphArchive graph;
  private final @Nullable DeltaLog log;
  private final @Nullable Merge merge;
  private final int rowBytes;

  private Totals totals = new Totals();

  /** The slot here of each slot of the snapshot, -1 where it has none. */
  private int[] map = new int[64];

  private int mapped;

  /** Whether the graph was made with this database's options. */
  private boolean suits;

  private boolean hasGraph;
  private boolean hasHistory;
  private boolean badGraph;
  private int live;
  private int deltas;

  /** What comes next: the kind of the section before, or END where a stream may begin. */
  private int before;

  private boolean first = true;
  private long offset;
  private int sections;
  private int checksums;
  private int section;
  private int at;
  private int end;

  /**
   * A reader.
   *
   * @param log where the history goes, with what checks deltas; null to leave it out
   */
  public SnapshotReader(
      DatabaseOptions options,
      Image image,
      Kernels kernels,
      IdMap ids,
      GraphArchive graph,
      @Nullable DeltaLog log,
      @Nullable Merge merge) {
    this.options = options;
    this.image = image;
    this.memory = image.memory();
    this.kernels = kernels;
    this.ids = ids;
    this.graph = graph;
    this.log = log;
    this.merge = merge;
    before = Sections.END;
    rowBytes = options.keepFloats() ? options.dimensions() << 2 : codes().rowBytes();
  }

  private Codes codes() {
    Codes codes = image.codes();
    if (codes == null) {
      throw new IllegalStateException("neither floats nor codes");
    }
    return codes;
  }

  /** Returns what was read besides vectors, chains and graph. */
  public Totals totals() {
    return totals;
  }

  /** Returns whether the snapshot had a history, and it was taken. */
  public boolean tookHistory() {
    return hasHistory && log != null;
  }

  /** Returns whether the snapshot had a graph that was damaged. */
  public boolean hadBadGraph() {
    return badGraph;
  }

  /**
   * Reads whole sections.
   *
   * @param address what comes next of the stream
   * @param bytes how much there is of it
   * @return how much was read: what is left is the beginning of a section, of which more is needed
   * @throws DeltaException {@code CORRUPT_DATA}, {@code UNSUPPORTED_VERSION}, {@code
   *     DIMENSION_MISMATCH}, {@code INVALID_ARGUMENT} for what does not suit the options, {@code
   *     CAPACITY_EXCEEDED}, {@code OUT_OF_MEMORY}
   */
  public int read(int address, int bytes) {
    int next = address;
    int limit = address + bytes;
    while (limit - next >= Sections.HEADER) {
      section = next;
      int kind = memory.getInt(next + 4);
      int payload = memory.getInt(next + 8);
      at = next;
      if (memory.getInt(next) != Sections.MAGIC
          || Integer.compareUnsigned(payload, Sections.MAX_PAYLOAD) > 0) {
        throw corrupt("no section begins");
      }
      if (payload > limit - next - Sections.HEADER) {
        break;
      }
      at = next + Sections.HEADER;
      end = at + payload;
      next = end;
      readSection(kind, payload);
      offset += end - section;
    }
    return next - address;
  }

  private void readSection(int kind, int payload) {
    boolean ofGraph = kind == Sections.GRAPH || kind == Sections.NODES;
    int checksum = memory.getInt(section + 12);
    boolean whole = Sections.checksum(kernels, section, payload) == checksum;
    if (!whole && !(ofGraph && hasGraph && before >= Sections.VECTORS && before < Sections.END)) {
      throw corrupt("the checksum of a section does not fit");
    }
    if (kind == Sections.HEAD) {
      if (before != Sections.END) {
        throw corrupt("a snapshot begins within another");
      }
      sections = 0;
      checksums = 0;
    } else if (before == Sections.END || kind < before) {
      throw corrupt("a section is out of place");
    }
    before = kind;
    if (!whole) {
      graph.spoil();
      badGraph = true;
    } else {
      switch (kind) {
        case Sections.HEAD -> head();
        case Sections.VECTORS -> vectors();
        case Sections.CHAINS -> chains();
        case Sections.GRAPH -> graph.readHead(at, payload);
        case Sections.NODES -> nodes();
        case Sections.END -> end();
        default -> throw corrupt("a section of unknown kind " + kind);
      }
    }
    sections++;
    checksums = Integer.rotateLeft(checksums, 1) ^ checksum;
  }

  private DeltaException corrupt(String what) {
    return new DeltaException(
        ErrorCode.CORRUPT_DATA, "snapshot, byte " + (offset + at - section) + ": " + what);
  }

  private static DeltaException unfit(String what) {
    return new DeltaException(ErrorCode.INVALID_ARGUMENT, "the snapshot " + what);
  }

  private void need(long bytes) {
    if (bytes < 0 || bytes > end - at) {
      throw corrupt("a record does not fit in its section");
    }
  }

  private int word() {
    at += 4;
    return memory.getInt(at - 4);
  }

  private long longWord() {
    at += 8;
    return memory.getLong(at - 8);
  }

  // ---------------------------------------------------------------- the sections

  private void head() {
    need(Sections.HEAD_BYTES);
    int version = word();
    if (version != Sections.VERSION) {
      throw new DeltaException(
          ErrorCode.UNSUPPORTED_VERSION,
          "the snapshot has version " + version + "; this release reads " + Sections.VERSION);
    }
    int flags = word();
    if ((flags & SnapshotWriter.INCREMENT) != 0 == first) {
      throw corrupt(first ? "an increment without its base" : "two bases");
    }
    fit();
    int slots = word();
    live = word();
    deltas = word();
    totals = new Totals();
    totals.sequence = word();
    totals.replica = longWord();
    totals.lastTime = longWord();
    totals.applied = Double.longBitsToDouble(longWord());
    totals.nextCompaction = word();
    totals.arrived = word();
    word();
    versions(word());
    hasGraph = (flags & SnapshotWriter.INDEX) != 0;
    hasHistory = (flags & SnapshotWriter.HISTORY) != 0;
    if (slots < 0
        || live < 0
        || deltas < 0
        || totals.arrived < 0
        || !isTime(totals.replica)
        || !isTime(totals.lastTime)) {
      throw corrupt("the head is malformed");
    }
    first = false;
  }

  private static boolean isTime(long time) {
    return time >= 0 && time < Frame.TIME_LIMIT;
  }

  /** Checks that what was exported can be held by a database with these options. */
  private void fit() {
    int dimensions = word();
    if (dimensions != options.dimensions()) {
      throw new DeltaException(
          ErrorCode.DIMENSION_MISMATCH,
          "the snapshot has " + dimensions + " dimensions, this database " + options.dimensions());
    }
    boolean same = word() == options.metric().ordinal();
    boolean sameGraph = word() == options.hnswM();
    boolean sameCodes = word() == options.quantization().ordinal();
    boolean floats = word() != 0;
    int grid = word();
    if (floats != options.keepFloats()) {
      throw unfit(floats ? "keeps floats, this database does not" : "keeps no floats");
    }
    if (!floats && !(same && sameCodes)) {
      throw unfit("keeps codes of another metric or quantization, and no floats");
    }
    if (grid != options.grid()) {
      throw unfit("has precision " + grid + ", this database " + options.grid());
    }
    suits = same && sameGraph && sameCodes;
    if (!suits) {
      graph.spoil();
    }
  }

  private void versions(int replicas) {
    for (int r = 0; r < replicas; r++) {
      need(12);
      long replica = longWord();
      int intervals = word();
      if (!isTime(replica) || totals.versions.find(replica) >= 0) {
        throw corrupt("a replica is malformed");
      }
      need(8L * intervals);
      int index = totals.versions.meet(replica);
      long last = 0;
      for (int i = 0; i < intervals; i++) {
        long from = Integer.toUnsignedLong(word());
        long to = Integer.toUnsignedLong(word());
        if (from <= last + (i == 0 ? 0 : 1) || to < from) {
          throw corrupt("a replica's deltas are malformed");
        }
        last = to;
        totals.versions.addRange(index, (int) from, (int) to);
      }
    }
    if (replicas < 0 || at != end) {
      throw corrupt("the head is malformed");
    }
  }

  private void vectors() {
    while (at != end) {
      need(Sections.VECTOR_BYTES);
      int number = word();
      int idBytes = word();
      int json = word();
      int norm = word();
      long time = longWord();
      if (number < 0 || number > mapped) {
        throw corrupt("a vector is out of place");
      }
      if (number == mapped) {
        if (mapped == map.length) {
          map = Arrays.copyOf(map, mapped * 2);
        }
        map[mapped++] = -1;
      }
      if (idBytes == 0) {
        leave(number);
      } else {
        if (idBytes < 0
            || idBytes > Frame.MAX_ID_BYTES
            || json < 0
            || json > Database.MAX_METADATA_BYTES
            || !isTime(time)) {
          throw corrupt("a vector is malformed");
        }
        need(idBytes + json + (long) rowBytes);
        vector(number, idBytes, json, norm, time);
      }
    }
  }

  /** Frees a slot whose vector is there no more. */
  private void leave(int number) {
    int slot = map[number];
    if (slot >= 0) {
      if (log != null) {
        log.drop(slot);
      }
      graph.forget(slot);
      ids.remove(slot);
      image.release(slot);
      image.addLive(-1);
      map[number] = -1;
    }
  }

  private void vector(int number, int idBytes, int json, int norm, long time) {
    if (Utf8.firstMalformed(memory, at, idBytes) >= 0) {
      throw corrupt("an id is not well-formed UTF-8");
    }
    int slot = map[number];
    if (slot < 0 || !image.hasId(slot, at, idBytes)) {
      leave(number);
      slot = occupy(idBytes);
      map[number] = slot;
    }
    at += idBytes;
    image.setNewest(slot, time);
    byte[] metadata = new byte[0];
    if (json > 0) {
      metadata = metadata(at, json);
      at += json;
    }
    int replaced = image.metadataBlock(slot);
    image.setMetadataBlock(slot, image.newMetadata(metadata));
    image.freeMetadata(replaced);
    memory.putInt(image.norm(slot), norm);
    if (options.keepFloats()) {
      floats(slot);
    } else {
      memory.copy(at, codes().row(slot), rowBytes);
      if (!image.restoreCodes(slot)) {
        throw corrupt("codes are malformed");
      }
    }
    at += rowBytes;
  }

  private byte[] metadata(int from, int bytes) {
    byte[] json = Bytes.read(memory, from, bytes);
    if (!Arrays.equals(MergePatch.apply(new byte[0], json), json)) {
      throw corrupt("metadata is not as this database writes it");
    }
    return json;
  }

  private int occupy(int idBytes) {
    int hash = ids.hash(at, idBytes);
    int known = ids.find(at, idBytes, hash);
    if (known >= 0) {
      throw corrupt("two vectors have the same id");
    }
    if (known != IdMap.ABSENT) {
      bury(known);
    }
    if (image.live() >= options.maxVectors()) {
      throw new DeltaException(
          ErrorCode.CAPACITY_EXCEEDED,
          "the snapshot has more vectors than the " + options.maxVectors() + " of this database");
    }
    int slot = image.occupy(at, idBytes, hash);
    ids.add(slot);
    image.addLive(1);
    return slot;
  }

  /** Forgets a grave. */
  private void bury(int grave) {
    if (log != null) {
      log.drop(grave);
    }
    ids.remove(grave);
    image.forget(grave);
  }

  private void floats(int slot) {
    int row = image.vector(slot);
    memory.copy(at, row, rowBytes);
    memory.clear(row + rowBytes, (image.stride() << 2) - rowBytes);
    float inverse = memory.getFloat(image.norm(slot));
    float own = image.inverseNorm(row);
    // As rounded where it was computed, so that codes become the same.
    if (!kernels.allFinite(row, options.dimensions())
        || (inverse == 0) != (own == 0)
        || !(Math.abs(inverse - own) <= own * 1e-4f)) {
      throw corrupt("a vector is malformed");
    }
    requireGrid(row);
  }

  private void requireGrid(int row) {
    int grid = options.grid();
    for (int i = 0, floats = options.dimensions() << 2; grid != 0 && i < floats; i += 4) {
      float x = memory.getFloat(row + i);
      double code = (double) x * grid;
      int whole = (int) (code < 0 ? code - 0.5 : code + 0.5);
      if (!(Math.abs(code) <= Frame.MAX_CODE) || (float) ((double) whole / grid) != x) {
        throw corrupt("a vector is not on the grid");
      }
    }
  }

  // ---------------------------------------------------------------- the history

  private void chains() {
    DeltaLog into = log;
    Merge door = merge;
    if (into == null || door == null) {
      return;
    }
    while (at != end) {
      need(Sections.CHAIN_BYTES);
      int number = word();
      boolean continues = word() != 0;
      int entries = word();
      int idBytes = word();
      int subject =
          number < 0 ? grave(idBytes) : number < mapped && idBytes == 0 ? map[number] : -1;
      if (number >= 0 && subject < 0) {
        throw corrupt("a history belongs to no vector");
      }
      if (!continues) {
        into.drop(subject);
      }
      for (int i = 0; i < entries; i++) {
        need(4);
        int arrival = memory.getInt(at);
        if (arrival == -1) {
          checkpoint(into, subject);
        } else if (arrival < 0) {
          throw corrupt("a history is malformed");
        } else {
          at = door.restore(at - (int) offset, at + 4, end, subject, arrival, totals.versions);
        }
      }
      if (number < 0) {
        int head = image.head(subject);
        image.setNewest(subject, head == 0 ? 0 : into.time(head));
      }
    }
  }

  /** Finds the grave of an id, or digs one. */
  private int grave(int idBytes) {
    need(idBytes);
    if (idBytes < 1
        || idBytes > Frame.MAX_ID_BYTES
        || Utf8.firstMalformed(memory, at, idBytes) >= 0) {
      throw corrupt("an id is malformed");
    }
    int hash = ids.hash(at, idBytes);
    int subject = ids.find(at, idBytes, hash);
    if (subject >= 0) {
      throw corrupt("a deleted vector lives");
    }
    if (subject == IdMap.ABSENT) {
      subject = image.dig(at, idBytes, hash);
      ids.add(subject);
    }
    at += idBytes;
    return subject;
  }

  private void checkpoint(DeltaLog into, int subject) {
    need(Sections.CHECKPOINT_BYTES);
    boolean alive = memory.getInt(at + 4) != 0;
    int json = memory.getInt(at + 8);
    int sequence = memory.getInt(at + 12);
    long time = memory.getLong(at + 16);
    long replica = memory.getLong(at + 24);
    int floats = alive ? options.dimensions() << 2 : 0;
    int head = image.head(subject);
    int values = at + Sections.CHECKPOINT_BYTES;
    if (json < 0
        || json > (alive ? Database.MAX_METADATA_BYTES : 0)
        || !isTime(time)
        || !isTime(replica)
        // It covers the delta before it; only a horizon has none.
        || (head != 0
            && (into.isCheckpoint(head) || into.compare(head, time, sequence, replica) != 0))) {
      throw corrupt("a checkpoint is malformed");
    }
    need(Sections.CHECKPOINT_BYTES + (long) floats + json);
    // It becomes the vector's when a delta is merged behind it, so it must be one that is exported.
    if (alive) {
      if (!kernels.allFinite(values, options.dimensions())) {
        throw corrupt("a checkpoint has a value that is not finite");
      }
      requireGrid(values);
    }
    if (json > 0) {
      metadata(values + floats, json);
    }
    into.restoreCheckpoint(subject, at);
    at = values + floats + json;
  }

  // ---------------------------------------------------------------- the graph and the end

  private void nodes() {
    while (at != end) {
      need(GraphArchive.leastBytes());
      int number = memory.getInt(at);
      if (number < 0 || number >= mapped || map[number] < 0) {
        graph.spoil();
        return;
      }
      at = graph.readNode(map[number], at, end);
    }
  }

  private void end() {
    need(8);
    if (word() != sections || word() != checksums || at != end) {
      throw corrupt("sections are missing");
    }
    if (image.live() != live) {
      throw corrupt("vectors are missing");
    }
    if (log != null && hasHistory && log.deltas() != deltas) {
      throw corrupt("deltas are missing");
    }
  }

  /**
   * Ends: makes of what was read a database.
   *
   * @return whether the graph of the snapshot was kept; else it was built anew
   * @throws DeltaException {@code CORRUPT_DATA}, {@code OUT_OF_MEMORY}
   */
  public boolean finish() {
    at = section;
    if (before != Sections.END || first) {
      throw corrupt("the snapshot is cut off");
    }
    if (log != null) {
      if (!log.arrange()) {
        throw corrupt("two deltas have the same number");
      }
      for (int slot = 0, limit = image.slotLimit(); slot < limit; slot++) {
        if (image.occupied(slot) && image.head(slot) == 0) {
          // Without its history a vector begins here, whatever its last delta was.
          log.restoreHorizon(slot, image.newestTime(slot), -1, NEWEST_REPLICA);
        }
      }
    }
    if (!hasGraph) {
      graph.spoil();
    }
    if (image.codes() != null && image.keepsFloats()) {
      codes().encodeAll(image);
    }
    boolean kept = graph.finish(map, mapped);
    if (!kept) {
      badGraph |= hasGraph && suits;
      graph.rebuild();
    }
    return kept;
  }
}
