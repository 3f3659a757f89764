package dev.deltavec.core;

import dev.deltavec.core.delta.Frame;
import dev.deltavec.core.delta.FrameReader;
import dev.deltavec.core.delta.Utf8;
import dev.deltavec.core.history.DeltaLog;
import dev.deltavec.core.history.Fold;
import dev.deltavec.core.history.Merge;
import dev.deltavec.core.history.Rice;
import dev.deltavec.core.history.Subjects;
import dev.deltavec.core.history.Versions;
import dev.deltavec.core.image.Codes;
import dev.deltavec.core.image.IdMap;
import dev.deltavec.core.image.Image;
import dev.deltavec.core.index.FilterCache;
import dev.deltavec.core.index.Index;
import dev.deltavec.core.json.MergePatch;
import dev.deltavec.core.memory.Buffer;
import dev.deltavec.core.memory.Bytes;
import dev.deltavec.core.memory.Kernels;
import dev.deltavec.core.memory.Memory;
import dev.deltavec.core.snapshot.Totals;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Everything that changes the state: the local door, and what a merge settles. A batch is applied
 * whole or not at all: what it changes goes into a {@link Journal}, and the graph follows when
 * nothing can fail any more.
 */
final class Writer implements Subjects {
  private final DatabaseOptions options;
  private final int dimensions;
  private final int grid;
  private final Memory memory;
  private final Kernels kernels;
  private final Image image;
  private final IdMap ids;
  private final Index index;
  private final FilterCache filters;
  private final @Nullable DeltaLog log;
  private Versions versions;
  private long replica;

  /** Index of the own replica in {@link #versions}. */
  private int own;

  private final FrameReader frame;
  private final Journal journal;
  private final Buffer indices;
  private final Buffer payload;
  private int payloadBytes = -1;
  private final Rice rice;
  private int sequence;
  private long lastTime;
  private double applied;

  /** Keeps {@link #touch} from being compiled away. */
  @SuppressWarnings("unused")
  private int touched;

  Writer(
      DatabaseOptions options,
      Image image,
      Kernels kernels,
      IdMap ids,
      Index index,
      FilterCache filters,
      @Nullable DeltaLog log) {
    this.options = options;
    this.image = image;
    this.memory = image.memory();
    this.kernels = kernels;
    this.ids = ids;
    this.index = index;
    this.filters = filters;
    this.log = log;
    dimensions = options.dimensions();
    grid = options.grid();
    versions = new Versions();
    replica = options.replica();
    versions.meet(replica);
    frame = new FrameReader(memory);
    journal = new Journal(image);
    indices = new Buffer(image.heap());
    payload = new Buffer(image.heap());
    rice = new Rice(memory);
  }

  Versions versions() {
    return versions;
  }

  int sequence() {
    return sequence;
  }

  double applied() {
    return applied;
  }

  /** Issues from now on under another replica's number. */
  void replica(long number) {
    replica = number;
    own = versions.meet(number);
    sequence = 0;
    skipKnown();
  }

  /**
   * Deltas of the own replica may be here that it does not remember, as it lost its memory and they
   * came back: their numbers are taken.
   */
  private void skipKnown() {
    int intervals = versions.intervals(own);
    if (intervals > 0) {
      sequence = versions.last(own, intervals - 1);
    }
  }

  /** Tells what a snapshot keeps. */
  void save(Totals totals) {
    totals.sequence = sequence;
    totals.replica = replica;
    totals.lastTime = lastTime;
    totals.applied = applied;
    totals.versions = versions;
  }

  /** Goes on where a snapshot was taken. */
  void restore(Totals totals) {
    versions = totals.versions;
    replica(totals.replica);
    lastTime = totals.lastTime;
    applied = totals.applied;
  }

  // ---------------------------------------------------------------- the local door

  /** Applies a batch; {@link Database#apply} describes it. */
  void apply(int frames, int bytes, int count, long now, int records) {
    int sequenceBefore = sequence;
    long timeBefore = lastTime;
    int arrivedBefore = log == null ? 0 : log.arrived();
    int record = records;
    int index = 0;
    if (count > 1) {
      touch(frames, frames + bytes);
    }
    try {
      int at = frames;
      for (; index < count; index++, record += Database.APPLIED_BYTES) {
        frame.read(frames, at, frames + bytes);
        applyFrame(now, record);
        at = frame.end();
      }
      if (at != frames + bytes) {
        throw new DeltaException(
            ErrorCode.CORRUPT_DATA, "bytes are left over behind the last of " + count + " deltas");
      }
    } catch (DeltaException e) {
      rollBack(arrivedBefore);
      sequence = sequenceBefore;
      lastTime = timeBefore;
      throw new DeltaException(
          e.code(), count > 1 ? "delta " + index + ": " + e.getMessage() : e.getMessage(), index);
    }
    commit();
    if (count > 0) {
      versions.addRange(own, sequenceBefore + 1, sequence);
    }
    applied += count;
  }

  /**
   * Reads a byte of every cache line that a batch will change. Applying a delta waits for one line
   * after another; here nothing waits, so the lines of many vectors are on their way at a time.
   * Stops at the first thing that is odd.
   */
  private void touch(int frames, int end) {
    int seen = 0;
    boolean floats = image.keepsFloats();
    int rowBytes = floats ? image.stride() << 2 : 0;
    Codes codes = image.codes();
    int codeBytes = codes == null ? 0 : codes.rowBytes();
    for (int at = frames; end - at > Frame.HEADER_BYTES + 1; ) {
      int length = memory.getInt(at) & Frame.MAX_BYTES;
      int idBytes = memory.getByte(at + Frame.HEADER_BYTES);
      if (length > end - at || idBytes < 1 || idBytes > length - Frame.HEADER_BYTES - 1) {
        break;
      }
      int operation = memory.getByte(at + 8) & Frame.OPERATION_MASK;
      if (operation != Frame.CREATE) {
        int id = at + Frame.HEADER_BYTES + 1;
        int slot = ids.find(id, idBytes, ids.hash(id, idBytes));
        if (slot >= 0) {
          int row = floats ? image.vector(slot) : 0;
          for (int line = 0; line < rowBytes; line += 64) {
            seen += memory.getByte(row + line);
          }
          row = codes == null ? 0 : codes.row(slot);
          for (int line = 0; line < codeBytes; line += 64) {
            seen += memory.getByte(row + line);
          }
          seen += memory.getByte(image.norm(slot)) + memory.getByte(image.node(slot));
        }
      }
      at += length;
    }
    touched = seen;
  }

  private void applyFrame(long now, int record) {
    int hash = ids.hash(frame.id(), frame.idBytes());
    int subject = ids.find(frame.id(), frame.idBytes(), hash);
    int operation = frame.operation();
    if (operation == Frame.CREATE) {
      if (subject >= 0) {
        throw new DeltaException(ErrorCode.VECTOR_EXISTS, "vector " + id() + " exists already");
      }
    } else if (subject < 0) {
      throw new DeltaException(ErrorCode.VECTOR_NOT_FOUND, "there is no vector " + id());
    }
    long time = timeFor(subject, now);
    payloadBytes = -1;
    switch (operation) {
      case Frame.CREATE -> subject = create(subject, hash);
      case Frame.SPARSE, Frame.RUNS -> sparse(subject);
      case Frame.DENSE -> dense(subject);
      case Frame.SCALE -> scale(subject);
      case Frame.OFFSET -> offset(subject);
      default -> subject = delete(subject);
    }
    if (frame.metadata() != 0) {
      patchMetadata(subject);
    }
    if (++sequence == 0) {
      throw new DeltaException(
          ErrorCode.CAPACITY_EXCEEDED, "this replica has no number left for another delta");
    }
    lastTime = Math.max(lastTime, time);
    if (subject != IdMap.ABSENT) {
      image.setNewest(subject, time);
    }
    if (log != null) {
      log.append(
          subject, log.write(frame, time, sequence, replica, payload.address(), payloadBytes));
      if (subject >= 0 && log.isCheckpointDue(subject, options.checkpointInterval())) {
        log.checkpoint(subject);
      }
    }
    memory.putLong(record, time);
    memory.putInt(record + 8, sequence);
    memory.putInt(
        record + 12, operation == Frame.SPARSE || operation == Frame.RUNS ? frame.count() : 0);
  }

  /**
   * Returns the time of the frame's delta: given, or the clock's, but never so that its id sorts
   * before the newest one.
   */
  private long timeFor(int subject, long now) {
    long newest = subject == IdMap.ABSENT ? 0 : image.newestTime(subject);
    long given = frame.time();
    long time = given >= 0 ? given : Math.max(Math.max(now, lastTime), newest);
    // A merged delta of the same millisecond may have a higher sequence or replica.
    boolean before =
        time == newest
            && versions.count() > 1
            && subject != IdMap.ABSENT
            && log != null
            && log.compare(image.head(subject), time, sequence + 1, replica) > 0;
    if (given >= 0 && (time < newest || before)) {
      throw new DeltaException(
          ErrorCode.OUT_OF_ORDER,
          "timestamp "
              + given
              + " lies before the newest delta of vector "
              + id()
              + ", at "
              + newest);
    }
    if (before) {
      time++;
    }
    if (time >= Frame.TIME_LIMIT) {
      throw new DeltaException(
          ErrorCode.INVALID_ARGUMENT, "the clock stands at " + now + ", beyond 48 bits");
    }
    return time;
  }

  private int create(int subject, int hash) {
    checkVector();
    checkRoom();
    int slot = begin(subject, frame.id(), frame.idBytes(), hash);
    int vector = image.openNew(slot);
    if (grid == 0) {
      memory.copy(frame.values(), vector, dimensions << 2);
    } else {
      memory.clear(vector, dimensions << 2);
      assignOnGrid(vector, dimensions, 0);
    }
    image.store(slot);
    index.prepareZero(slot, journal.size());
    return slot;
  }

  /** Checks that the current frame's vector fits in. */
  private void checkRoom() {
    if (image.live() >= options.maxVectors()) {
      throw new DeltaException(
          ErrorCode.CAPACITY_EXCEEDED,
          "no room for vector "
              + id()
              + ": the database holds its "
              + options.maxVectors()
              + " vectors");
    }
  }

  /** Gives an id that has no vector a slot, which is to be linked. */
  private int begin(int subject, int id, int idBytes, int hash) {
    int slot;
    if (subject == IdMap.ABSENT) {
      slot = image.occupy(id, idBytes, hash);
      try {
        index.prepare(slot);
      } catch (DeltaException e) {
        image.release(slot);
        throw e;
      }
      ids.add(slot);
      journal.created(slot);
    } else {
      int saved = journal.raising(subject);
      slot = image.raise(subject);
      ids.move(subject, slot);
      journal.raised(slot, saved);
      image.addLive(1);
      index.prepare(slot); // if memory is refused, the journal undoes the rest
      return slot;
    }
    image.addLive(1);
    return slot;
  }

  private void sparse(int slot) {
    int n = frame.count();
    if (n > dimensions) {
      throw new DeltaException(
          ErrorCode.INVALID_ARGUMENT,
          n + " indices for vector " + id() + ", which has " + dimensions + " dimensions");
    }
    int list = indices.reserve(n << 2);
    frame.decodeIndices(list);
    if (n > 0) {
      int last = memory.getInt(list + ((n - 1) << 2)); // they ascend
      if (Integer.compareUnsigned(last, dimensions) >= 0) {
        throw new DeltaException(
            ErrorCode.INVALID_ARGUMENT,
            "index "
                + Integer.toUnsignedLong(last)
                + " of vector "
                + id()
                + " is not below "
                + dimensions);
      }
    }
    checkFinite(n);
    boolean pairs = image.keepsFloats();
    if (pairs) {
      journal.changing(slot, list, n);
    } else {
      journal.changing(slot);
    }
    if (n == 0) {
      if (grid != 0) {
        assignOnGrid(image.vector(slot), n, list);
      }
      return;
    }
    int vector = image.open(slot);
    if (grid != 0) {
      assignOnGrid(vector, n, list);
    } else {
      int value = frame.values();
      for (int i = 0, end = n << 2; i < end; i += 4) {
        memory.putInt(vector + (memory.getInt(list + i) << 2), memory.getInt(value + i));
      }
    }
    double squared = 0;
    if (pairs) {
      for (int pair = journal.saved(), end = pair + (n << 3); pair != end; pair += 8) {
        double change =
            (double) memory.getFloat(vector + (memory.getInt(pair) << 2))
                - memory.getFloat(pair + 4);
        squared += change * change;
      }
    } else {
      squared = kernels.squaredDistance(image.before(), vector, image.stride());
    }
    store(slot, squared);
  }

  /** Makes a changed row the slot's vector, and notes how far it has moved. */
  private void store(int slot, double squared) {
    // Where floats are not kept, the row is lost with the next look at the image.
    boolean floats = image.keepsFloats();
    float before = floats ? journal.savedInverse() : image.inverseNorm(image.before());
    image.store(slot);
    index.prepareZero(slot, journal.size());
    if (index.contains(slot)) {
      journal.moved(index.length(squared, before, image.inverse(slot)));
    }
  }

  private void store(int slot) {
    int before = image.keepsFloats() ? journal.saved() : image.before();
    store(slot, kernels.squaredDistance(before, image.openNew(slot), image.stride()));
  }

  private void dense(int slot) {
    checkVector();
    journal.changing(slot);
    int vector = image.open(slot);
    if (grid == 0) {
      memory.copy(frame.values(), vector, dimensions << 2);
    } else {
      assignOnGrid(vector, dimensions, 0);
    }
    store(slot);
  }

  /**
   * Sets values to those of the grid that are nearest to the frame's, and writes the payload of
   * differences.
   *
   * @param list address of the indices, 0 for all dimensions
   */
  private void assignOnGrid(int vector, int n, int list) {
    int head = frame.values() - frame.body();
    int start = payload.reserve(8 + head + Rice.bound(n) + (n << 2));
    int codes = start + 8 + head + Rice.bound(n) & -4;
    for (int i = 0, end = n << 2; i < end; i += 4) {
      int at = vector + (list == 0 ? i : memory.getInt(list + i) << 2);
      long code = Fold.round((double) memory.getFloat(frame.values() + i) * grid);
      if (Math.abs(code) > Frame.MAX_CODE) {
        throw beyondGrid();
      }
      memory.putInt(codes + i, (int) code - Fold.code(memory.getFloat(at), grid));
      memory.putFloat(at, Fold.value((int) code, grid));
    }
    int at = DeltaLog.putVarint(memory, start, grid);
    memory.copy(frame.body(), at, head);
    at += head;
    payloadBytes = (n == 0 ? at : rice.write(codes, n, at)) - start;
  }

  private DeltaException beyondGrid() {
    return new DeltaException(
        ErrorCode.INVALID_ARGUMENT,
        "the "
            + Frame.name(frame.operation())
            + " of vector "
            + id()
            + " has a value beyond the grid, which ends at "
            + Frame.MAX_CODE / grid);
  }

  private void scale(int slot) {
    checkFinite(1);
    float factor = memory.getFloat(frame.values());
    journal.changing(slot);
    int vector = image.open(slot);
    for (int i = vector, end = vector + (dimensions << 2); i != end; i += 4) {
      memory.putFloat(i, memory.getFloat(i) * factor);
    }
    finishArithmetic(slot, vector);
  }

  private void offset(int slot) {
    checkFinite(1);
    float amount = memory.getFloat(frame.values());
    journal.changing(slot);
    int vector = image.open(slot);
    for (int i = vector, end = vector + (dimensions << 2); i != end; i += 4) {
      memory.putFloat(i, memory.getFloat(i) + amount);
    }
    finishArithmetic(slot, vector);
  }

  private void finishArithmetic(int slot, int vector) {
    if (!kernels.allFinite(vector, dimensions)) {
      throw new DeltaException(
          ErrorCode.NOT_FINITE,
          "the "
              + Frame.name(frame.operation())
              + " makes a value of vector "
              + id()
              + " overflow");
    }
    if (grid != 0) {
      for (int i = vector, end = vector + (dimensions << 2); i != end; i += 4) {
        long code = Fold.round((double) memory.getFloat(i) * grid);
        if (Math.abs(code) > Frame.MAX_CODE) {
          throw beyondGrid();
        }
        memory.putFloat(i, Fold.value((int) code, grid));
      }
      int start = payload.reserve(16);
      int at = DeltaLog.putVarint(memory, start, grid);
      memory.copy(frame.values(), at, 4);
      payloadBytes = at + 4 - start;
    }
    store(slot);
  }

  private int delete(int slot) {
    if (frame.metadata() != 0) {
      throw new DeltaException(
          ErrorCode.INVALID_ARGUMENT, "the delete of vector " + id() + " carries metadata");
    }
    return end(slot);
  }

  /** Ends a life; returns the grave, or ABSENT if no history is kept. */
  private int end(int slot) {
    int grave = IdMap.ABSENT;
    if (log != null) {
      grave = image.bury(slot);
      image.chainChanged(grave);
      try {
        journal.deleting(slot);
      } catch (DeltaException e) {
        image.fillGrave(grave);
        throw e;
      }
      ids.move(slot, grave);
    } else {
      journal.deleting(slot);
      ids.remove(slot);
    }
    image.addLive(-1);
    return grave;
  }

  private void patchMetadata(int slot) {
    if (frame.metadataBytes() > Database.MAX_METADATA_BYTES) {
      throw metadataTooLong();
    }
    byte[] merged =
        MergePatch.apply(
            image.metadata(slot), Bytes.read(memory, frame.metadata(), frame.metadataBytes()));
    if (merged.length > Database.MAX_METADATA_BYTES) {
      throw metadataTooLong();
    }
    image.setMetadataBlock(slot, image.newMetadata(merged));
    journal.metadataReplaced();
  }

  private DeltaException metadataTooLong() {
    return new DeltaException(
        ErrorCode.INVALID_ARGUMENT,
        "metadata of vector " + id() + " is longer than " + Database.MAX_METADATA_BYTES + " bytes");
  }

  private void checkVector() {
    if (frame.count() != dimensions) {
      throw new DeltaException(
          ErrorCode.DIMENSION_MISMATCH,
          "vector "
              + id()
              + " is given "
              + Integer.toUnsignedLong(frame.count())
              + " values, not "
              + dimensions);
    }
    checkFinite(dimensions);
  }

  private void checkFinite(int n) {
    if (!kernels.allFinite(frame.values(), n)) {
      int i = 0;
      while (Float.isFinite(memory.getFloat(frame.values() + (i << 2)))) {
        i++;
      }
      throw new DeltaException(
          ErrorCode.NOT_FINITE,
          "value "
              + i
              + " of the "
              + Frame.name(frame.operation())
              + " of vector "
              + id()
              + " is not finite");
    }
  }

  /** Returns the id of the current frame, for messages: quoted, and cut if it is long. */
  private String id() {
    return quoted(frame.id(), frame.idBytes());
  }

  private String quoted(int id, int idBytes) {
    String text = Utf8.decode(memory, id, idBytes);
    return text.length() <= 80 ? "\"" + text + "\"" : "\"" + text.substring(0, 77) + "...\"";
  }

  // ---------------------------------------------------------------- the replica door

  /**
   * Merges a stream; {@link Database#merge} describes it.
   *
   * @param latest the latest time that is believed
   */
  void merge(Merge merge, DeltaLog into, int stream, int bytes, long latest) {
    Versions before = versions.copy();
    int arrivedBefore = into.arrived();
    try {
      merge.read(stream, bytes, latest, versions);
      merge.fold(this);
    } catch (DeltaException e) {
      rollBack(arrivedBefore);
      versions = before;
      throw e;
    }
    commit();
    lastTime = Math.max(lastTime, merge.newest());
    skipKnown();
  }

  @Override
  public int settle(int subject, int entry, boolean alive, int row, byte[] metadata) {
    if (subject >= 0) {
      if (!alive) {
        return end(subject);
      }
      journal.changing(subject);
      memory.copy(row, image.open(subject), image.stride() << 2);
      store(subject);
      if (!Arrays.equals(metadata, image.metadata(subject))) {
        image.setMetadataBlock(subject, image.newMetadata(metadata));
        journal.metadataReplaced();
      }
      return subject;
    }
    if (log == null) {
      throw new IllegalStateException("no log");
    }
    frame.readLogged(log.frame(entry));
    int hash = ids.hash(frame.id(), frame.idBytes());
    if (!alive) {
      if (subject != IdMap.ABSENT) {
        journal.changingGrave(subject);
        return subject;
      }
      int grave = image.dig(frame.id(), frame.idBytes(), hash);
      ids.add(grave);
      journal.dug(grave);
      return grave;
    }
    checkRoom();
    int slot = begin(subject, frame.id(), frame.idBytes(), hash);
    memory.copy(row, image.openNew(slot), image.stride() << 2);
    image.store(slot);
    index.prepareZero(slot, journal.size());
    image.setMetadataBlock(slot, image.newMetadata(metadata));
    return slot;
  }

  // ---------------------------------------------------------------- the end of a batch

  /** Makes the batch final: from here on nothing can fail. */
  private void commit() {
    int entries = journal.size();
    for (int i = 0; i < entries; i++) {
      int slot = journal.subject(i);
      switch (journal.kind(i)) {
        case Journal.DELETED -> {
          index.remove(slot);
          filters.changed(slot);
          if (log != null) {
            image.vacate(slot);
          } else {
            image.release(slot);
          }
        }
        case Journal.SPARSE, Journal.DENSE -> image.freeMetadata(journal.replacedMetadata(i));
        default -> {
          // Slots are linked below, when all vectors have their final values.
        }
      }
    }
    index.train();
    for (int i = 0; i < entries; i++) {
      int slot = journal.subject(i);
      switch (journal.kind(i)) {
        case Journal.CREATED, Journal.RAISED -> {
          if (image.occupied(slot) && !index.contains(slot)) {
            index.insert(slot);
            filters.changed(slot);
          }
        }
        case Journal.SPARSE, Journal.DENSE -> {
          if (journal.moved(i) >= 0 && index.contains(slot)) {
            index.moved(slot, journal.moved(i));
          }
          if (journal.hasReplacedMetadata(i)) {
            filters.changed(slot);
          }
        }
        default -> {
          // Nothing to be found has changed.
        }
      }
    }
    journal.clear();
    if (log != null) {
      log.commit();
    }
  }

  private void rollBack(int arrivedBefore) {
    for (int i = journal.size() - 1; i >= 0; i--) {
      int subject = journal.subject(i);
      switch (journal.kind(i)) {
        case Journal.CREATED -> {
          ids.remove(subject);
          index.discard(subject);
          image.release(subject);
          image.addLive(-1);
        }
        case Journal.RAISED -> {
          int grave = image.bury(subject); // the one that was filled when it was raised is free
          journal.restoreRecord(i, grave);
          ids.move(subject, grave);
          index.discard(subject);
          image.vacate(subject);
          image.addLive(-1);
        }
        case Journal.DELETED -> {
          if (log != null) {
            int grave = ids.find(image.id(subject), image.idBytes(subject), image.hash(subject));
            journal.restoreRecord(i, subject);
            ids.move(grave, subject);
            image.fillGrave(grave);
          } else {
            ids.add(subject);
          }
          image.addLive(1);
        }
        case Journal.DUG -> {
          ids.remove(subject);
          image.forget(subject);
        }
        case Journal.GRAVE -> journal.restoreRecord(i, subject);
        default -> journal.restore(i);
      }
    }
    journal.clear();
    if (log != null) {
      log.rollBack(arrivedBefore);
    }
  }
}
