package dev.deltavec.storage;

import dev.deltavec.core.DeltaException;
import dev.deltavec.core.ErrorCode;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Finds out what a directory holds: the newest snapshot that is whole, and the records behind it as
 * far as they are good. {@link #repair} then makes the files say just that. Nothing is changed
 * before, and whatever is changed comes out the same if all is done anew, so it may be interrupted
 * anywhere.
 */
public final class Recovery implements AutoCloseable {
  private static final long PART_BYTES = 1 << 24;

  private final StorageDirectory directory;
  private final boolean recover;
  private final Arena arena = Arena.ofConfined();
  private final List<LogScan> segments = new ArrayList<>();
  private final Map<String, SnapshotFile> whole = new LinkedHashMap<>();
  private final List<String> broken = new ArrayList<>();
  private final List<SnapshotFile> chain = new ArrayList<>();
  private @Nullable UUID id;

  /** What is to be done: bytes that are cut, and files that go, stay or are put aside. */
  private final List<String> removed = new ArrayList<>();

  private final List<String> aside = new ArrayList<>();
  private @Nullable LogScan cut;
  private long cutBytes;
  private @Nullable Damage damage;

  /** The segments that are read, in order, and the number behind their last record. */
  private final List<LogScan> read = new ArrayList<>();

  private long next;

  /**
   * Where the log goes on.
   *
   * @param segment the file, or null for a new one
   * @param offset where in it
   * @param next number of the next record
   */
  public record Tail(@Nullable String segment, long offset, long next) {}

  /**
   * Damage in the middle.
   *
   * @param file where it is
   * @param offset of its first byte
   * @param lastRecord number of the last good record before it
   * @param why what is wrong
   */
  public record Damage(String file, long offset, long lastRecord, String why) {}

  /**
   * Reads a directory.
   *
   * @param recover whether to go on with what is before damage in the middle
   * @throws DeltaException {@code CORRUPT_DATA} for such damage, {@code UNSUPPORTED_VERSION},
   *     {@code STORAGE_FAILED}
   */
  public Recovery(StorageDirectory directory, boolean recover) {
    this.directory = directory;
    this.recover = recover;
    try {
      readFiles();
      plan();
    } catch (IOException e) {
      arena.close();
      throw Failures.of("read " + directory.name(), e);
    } catch (RuntimeException e) {
      arena.close();
      throw e;
    }
  }

  private void readFiles() throws IOException {
    for (String name : directory.list()) {
      long first = LogFormat.number(LogFormat.LOG, name);
      if (first >= 0) {
        segments.add(LogScan.of(name, contents(name), first));
      } else if (LogFormat.number(LogFormat.SNAPSHOT, name) >= 0
          || LogFormat.number(LogFormat.INCREMENT, name) >= 0) {
        SnapshotFile snapshot = SnapshotFile.readIfWhole(name, contents(name));
        if (snapshot == null) {
          broken.add(name);
        } else {
          whole.put(name, snapshot);
        }
      }
    }
    segments.sort(Comparator.comparing(LogScan::name));
  }

  private MemorySegment contents(String name) throws IOException {
    try (StorageFile file = directory.open(name)) {
      return file.contents(arena);
    }
  }

  // ---------------------------------------------------------------- what counts

  private void plan() {
    chain.clear();
    read.clear();
    removed.clear();
    aside.clear();
    cut = null;
    cutBytes = 0;
    damage = null;
    findChain();
    next = snapshotRecords() + 1;
    id = chain.isEmpty() ? null : chain.getFirst().header().id();
    int i = 0;
    // What is before the snapshot counts no more.
    while (i + 1 < segments.size() && first(segments.get(i + 1)) <= next) {
      i++;
    }
    if (chain.isEmpty() && segments.isEmpty() && !(broken.isEmpty() && whole.isEmpty())) {
      throw Failures.corrupt(
          directory.name() + " has no snapshot that is whole, and no log: " + broken);
    }
    long expected = segments.isEmpty() ? next : Math.min(next, first(segments.get(i)));
    boolean first = true;
    for (; i < segments.size(); i++, first = false) {
      LogScan segment = segments.get(i);
      if (first(segment) != (first && chain.isEmpty() ? 1 : expected)) {
        stop(i, 0, "records from " + expected + " on are missing", expected);
        break;
      }
      FileHeader header = segment.header();
      if (header != null && !isOurs(header.id())) {
        stop(i, 0, "it belongs to another database", expected);
        break;
      }
      expected = segment.next();
      String bad = segment.bad();
      if (bad == null) {
        read.add(segment);
      } else if (segment.lost() || i + 1 < segments.size()) {
        stop(i, segment.end(), bad, expected); // segments before the last were on disk as a whole
        break;
      } else {
        tear(segment);
      }
    }
    next = Math.max(next, expected);
    if (next == 1) {
      // It was interrupted while it was made; nobody has ever had it.
      read.clear();
      segments.forEach(segment -> removed.add(segment.name()));
      cut = null;
      id = null;
    }
    sortOut();
  }

  private boolean isOurs(UUID other) {
    if (id == null) {
      id = other;
    }
    return other.equals(id);
  }

  private static long first(LogScan segment) {
    return LogFormat.number(LogFormat.LOG, segment.name());
  }

  /** Finds the newest base that is whole, and its increments. */
  private void findChain() {
    SnapshotFile base = null;
    for (SnapshotFile file : whole.values()) {
      if (file.header().buildsOn() == null
          && (base == null || file.header().number() > base.header().number())) {
        base = file;
      }
    }
    for (SnapshotFile link = base; link != null; link = increment(link)) {
      chain.add(link);
    }
  }

  private @Nullable SnapshotFile increment(SnapshotFile before) {
    SnapshotFile best = null;
    for (SnapshotFile file : whole.values()) {
      Long buildsOn = file.header().buildsOn();
      if (buildsOn != null
          && buildsOn == before.header().number()
          && file.header().number() > buildsOn
          && file.header().id().equals(before.header().id())
          && (best == null || file.header().number() > best.header().number())) {
        best = file;
      }
    }
    return best;
  }

  /** Cuts the end of a segment. */
  private void tear(LogScan torn) {
    cutBytes = torn.file().byteSize() - torn.end();
    if (torn.header() == null) {
      removed.add(torn.name());
    } else {
      cut = torn;
      read.add(torn);
    }
  }

  /** Damage in the middle: nothing from here on counts. */
  private void stop(int i, long offset, String why, long expected) {
    LogScan segment = segments.get(i);
    damaged(segment.name(), offset, why, Math.max(expected - 1, snapshotRecords()));
    if (segment.header() != null && offset > 0) {
      cut = segment;
      read.add(segment);
      i++;
    }
    segments.subList(i, segments.size()).forEach(later -> aside.add(later.name()));
  }

  private void damaged(String file, long offset, String why, long lastRecord) {
    String message =
        directory.name()
            + " is damaged: "
            + file
            + " at byte "
            + offset
            + ": "
            + why
            + "; the last good record is "
            + lastRecord;
    if (!recover) {
      throw Failures.corrupt(message + " (option recover opens what is before)");
    }
    if (lastRecord == 0) {
      throw Failures.corrupt(message + ", so there is nothing to recover");
    }
    damage = new Damage(file, offset, lastRecord, why);
  }

  /** Decides what becomes of the files that are not read. */
  private void sortOut() {
    List<String> others = new ArrayList<>(broken);
    whole.values().stream()
        .filter(file -> !chain.contains(file))
        .forEach(f -> others.add(f.name()));
    for (String name : others) {
      // It was made of records that were on disk, so those have been lost since.
      if (damage == null && LogFormat.number(LogFormat.INCREMENT, name) >= next) {
        damaged(name, 0, "it contains records that are missing", next - 1);
      }
    }
    (damage == null ? removed : aside).addAll(others);
    for (LogScan segment : segments) {
      if (!read.contains(segment) && !aside.contains(segment.name()) && !chain.isEmpty()) {
        removed.add(segment.name()); // older than the snapshot
      }
    }
  }

  private static String lost(String name, long lastRecord) {
    return "lost-" + Long.toHexString(lastRecord) + "-" + name;
  }

  // ---------------------------------------------------------------- what was found

  /** Returns the database's id, or null if there is no database. */
  public @Nullable UUID id() {
    return id;
  }

  /** Returns how many records the snapshot contains, 0 without one. */
  public long snapshotRecords() {
    return chain.isEmpty() ? 0 : chain.getLast().header().number();
  }

  /** Returns the mark that the database had at the snapshot, or {@link LogFormat#NO_MARK}. */
  public long snapshotMark() {
    return chain.isEmpty() ? LogFormat.NO_MARK : chain.getLast().header().mark();
  }

  /** Returns the streams of the snapshot: the base and its increments. */
  public List<MemorySegment> snapshot() {
    return chain.stream().map(SnapshotFile::stream).toList();
  }

  /**
   * Does without the last file of the snapshot, which has turned out to be wrong.
   *
   * @param why what is wrong with it
   * @throws DeltaException {@code CORRUPT_DATA} if the rest does not do
   */
  public void reject(DeltaException why) {
    SnapshotFile last = chain.getLast();
    whole.remove(last.name());
    broken.add(last.name());
    try {
      plan();
    } catch (DeltaException e) {
      e.addSuppressed(why);
      throw e;
    }
  }

  /** Gives out the records behind the snapshot, in order. */
  public void forEach(Consumer<LogRecord> reader) {
    for (LogScan segment : read) {
      segment.forEach(snapshotRecords() + 1, reader);
    }
  }

  /** Returns the newest OPEN record in what is left of the log, or null. */
  public @Nullable LogRecord open() {
    LogRecord open = null;
    for (LogScan segment : read) {
      open = segment.open() == null ? open : segment.open();
    }
    return open;
  }

  /** Returns whether the log ends as a database does that was closed. */
  public boolean isClosed() {
    LogRecord last = read.isEmpty() ? null : read.getLast().last();
    return last != null
        && last.number() == next - 1
        && last.kind() == LogFormat.CLOSE
        && cutBytes == 0
        && damage == null;
  }

  /** Returns how many bytes a crash had left behind the last good record. */
  public long cutBytes() {
    return cutBytes;
  }

  /** Returns the names of the files that hold what could not be used, once it is repaired. */
  public List<String> kept() {
    List<String> kept = new ArrayList<>();
    Damage found = damage;
    if (found != null) {
      if (cut != null) {
        kept.add(lost(cut.name(), found.lastRecord()));
      }
      aside.forEach(name -> kept.add(lost(name, found.lastRecord())));
    }
    return kept;
  }

  /** Returns the names of snapshot files that are damaged, and not needed. */
  public List<String> broken() {
    return List.copyOf(broken);
  }

  /** Returns what is damaged in the middle, or null. */
  public @Nullable Damage damage() {
    return damage;
  }

  /** Returns the bytes of the log behind the snapshot. */
  public long logBytes() {
    return read.stream().mapToLong(LogScan::end).sum();
  }

  /** Returns about how many bytes of memory the state in the snapshot takes, rather too many. */
  public long memoryBytes() {
    long all = chain.stream().mapToLong(file -> file.stream().byteSize()).sum();
    long base = chain.isEmpty() ? 0 : chain.getFirst().stream().byteSize();
    return (base + all) / 4 * 3; // of what increments hold, about half replaces what was there
  }

  /** Returns what is to be known of the snapshot to write the next one. */
  public SnapshotFiles files(StorageDirectory in, UUID database) {
    long base = chain.isEmpty() ? 0 : chain.getFirst().stream().byteSize();
    long all = chain.stream().mapToLong(file -> file.stream().byteSize()).sum();
    Long newest = chain.isEmpty() ? null : (Long) snapshotRecords();
    return new SnapshotFiles(in, database, newest, base, all - base);
  }

  // ---------------------------------------------------------------- repair

  /**
   * Makes the files say what was found; what was found can be read no more.
   *
   * @return where the log goes on
   * @throws DeltaException {@code STORAGE_FAILED}, {@code QUOTA_EXCEEDED}
   */
  public Tail repair() {
    Tail tail = tail();
    LogScan torn = cut;
    Damage found = damage;
    try {
      if (torn != null && found != null) {
        keep(lost(torn.name(), found.lastRecord()), torn.file().asSlice(torn.end()));
      }
      close(); // what is in use cannot be cut
      if (torn != null) {
        try (StorageFile file = directory.open(torn.name())) {
          file.truncate(torn.end());
          file.force();
        }
      }
      if (found != null) {
        // Behind the cut, so that until all is done it is found to be damaged.
        for (String name : aside) {
          directory.rename(name, lost(name, found.lastRecord()));
        }
      }
      for (String name : removed) {
        directory.remove(name);
      }
      if (torn != null || !removed.isEmpty() || !aside.isEmpty()) {
        directory.force();
      }
    } catch (IOException e) {
      throw Failures.of("repair " + directory.name(), e);
    }
    return tail;
  }

  private Tail tail() {
    LogScan last = read.isEmpty() ? null : read.getLast();
    return last != null && last.next() == next
        ? new Tail(last.name(), last.end(), next)
        : new Tail(null, 0, next);
  }

  private void keep(String name, MemorySegment bytes) throws IOException {
    try (StorageFile file = directory.open(name)) {
      try (Arena before = Arena.ofConfined()) {
        MemorySegment known = file.contents(before);
        if (known.byteSize() >= bytes.byteSize()
            && bytes.mismatch(known.asSlice(0, bytes.byteSize())) < 0) {
          return; // and the log was being cut when it was interrupted
        }
      }
      file.truncate(0);
      for (long at = 0; at < bytes.byteSize(); at += PART_BYTES) {
        long part = Math.min(PART_BYTES, bytes.byteSize() - at);
        file.write(at, bytes.asSlice(at, part).asByteBuffer());
      }
      file.force();
    }
    directory.force();
  }

  /** Lets go of the files' contents. Closing again does nothing. */
  @Override
  public void close() {
    if (arena.scope().isAlive()) {
      arena.close();
    }
  }

  /** Makes an error that says the log does not fit what it is applied to. */
  public DeltaException misfit(LogRecord record, String why) {
    return new DeltaException(
        ErrorCode.CORRUPT_DATA,
        "the log and the snapshot in "
            + directory.name()
            + " do not fit together: record "
            + record.number()
            + ": "
            + why);
  }
}
