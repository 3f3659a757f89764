package dev.deltavec.core.history;

import dev.deltavec.core.DatabaseOptions;
import dev.deltavec.core.DeltaException;
import dev.deltavec.core.ErrorCode;
import dev.deltavec.core.delta.Frame;
import dev.deltavec.core.delta.FrameReader;
import dev.deltavec.core.delta.SharedFrames;
import dev.deltavec.core.image.IdMap;
import dev.deltavec.core.image.Image;
import dev.deltavec.core.index.Keys;
import dev.deltavec.core.memory.Buffer;
import dev.deltavec.core.memory.Kernels;
import dev.deltavec.core.memory.Memory;
import java.util.Arrays;

/**
 * The replica door: takes a stream of deltas in any order, any number of times. New ones go into
 * the log; each vector they touch is then folded once, from its present state if they are all
 * newer, else from the last checkpoint before the oldest.
 *
 * <p>{@link #read} and {@link #fold} change the log and, through {@link Subjects}, the image; the
 * caller undoes both if one throws.
 */
public final class Merge {
  private final Image image;
  private final Memory memory;
  private final Kernels kernels;
  private final IdMap ids;
  private final DeltaLog log;
  private final Fold fold;
  private final FrameReader reader;
  private final SharedFrames shared;
  private final DatabaseOptions options;
  private final int row;

  private int[] entries = new int[64];
  private long[] order = new long[64];
  private int[] group = new int[64];
  private int[] chain = new int[64];
  private int merged;
  private int duplicates;
  private int[] rejected = new int[4];
  private int rejectedCount;
  private int rejectedBytes;
  private long newest;

  /**
   * The replica door of one database.
   *
   * @throws DeltaException {@code OUT_OF_MEMORY}
   */
  public Merge(
      Image image, Kernels kernels, IdMap ids, DeltaLog log, Fold fold, DatabaseOptions options) {
    this.image = image;
    this.memory = image.memory();
    this.kernels = kernels;
    this.ids = ids;
    this.log = log;
    this.fold = fold;
    this.options = options;
    reader = new FrameReader(memory);
    shared = new SharedFrames(memory, kernels, options.dimensions(), options.grid());
    row = new Buffer(image.heap()).reserve(image.stride() << 2);
  }

  /** Returns how many deltas were new. */
  public int merged() {
    return merged;
  }

  /** Returns how many deltas had been seen before. */
  public int duplicates() {
    return duplicates;
  }

  /** Returns how many deltas lie before their vector's horizon. */
  public int rejected() {
    return rejectedCount;
  }

  /** Returns the newest time of the deltas that were new. */
  public long newest() {
    return newest;
  }

  // ---------------------------------------------------------------- reading

  /**
   * Reads and checks a stream; new deltas become entries of the log, in no chain yet, and are added
   * to {@code versions}.
   *
   * @param latest the latest time that is believed
   * @throws DeltaException {@code CORRUPT_DATA}, {@code UNSUPPORTED_VERSION}, {@code
   *     INVALID_ARGUMENT} and others
   */
  public void read(int stream, int bytes, long latest, Versions versions) {
    merged = 0;
    duplicates = 0;
    rejectedCount = 0;
    rejectedBytes = 0;
    newest = 0;
    reader.begin();
    int end = stream + bytes;
    for (int at = stream, index = 0; at != end; at = reader.end(), index++) {
      reader.readShared(kernels, stream, at, end);
      if (reader.operation() == Frame.START) {
        continue;
      }
      shared.check(reader, latest);
      int replica = versions.meet(reader.replica());
      if (versions.contains(replica, reader.sequence())) {
        duplicates++;
      } else if (isBeforeHorizon()) {
        reject(index);
      } else {
        int entry = log.write(reader, reader.time(), reader.sequence(), reader.replica(), 0, -1);
        versions.add(replica, reader.sequence());
        newest = Math.max(newest, reader.time());
        if (merged == entries.length) {
          entries = Arrays.copyOf(entries, merged * 2);
        }
        entries[merged++] = entry;
      }
    }
  }

  /**
   * Reads a delta of a snapshot and puts it at the newest end of a subject's chain.
   *
   * @param batch what offsets in messages count from
   * @param limit address behind the last byte that may be read
   * @param number of its arrival
   * @param seen what the snapshot's database has seen
   * @return the address behind the frame
   * @throws DeltaException as {@link #read}; the log is of no use then
   */
  public int restore(int batch, int frame, int limit, int subject, int number, Versions seen) {
    reader.readArchived(batch, frame, limit);
    shared.check(reader, Long.MAX_VALUE);
    int head = image.head(subject);
    int replica = seen.find(reader.replica());
    if (replica < 0
        || !seen.contains(replica, reader.sequence())
        || !image.hasId(subject, reader.id(), reader.idBytes())
        || (head != 0
            && log.compare(head, reader.time(), reader.sequence(), reader.replica()) >= 0)) {
      throw new DeltaException(
          ErrorCode.CORRUPT_DATA, shared.name(reader) + " is out of place in a snapshot");
    }
    log.restoreDelta(subject, frame, reader.end() - frame, number);
    return reader.end();
  }

  private boolean isBeforeHorizon() {
    int subject = ids.find(reader.id(), reader.idBytes(), ids.hash(reader.id(), reader.idBytes()));
    if (subject == IdMap.ABSENT) {
      return false;
    }
    int head = image.head(subject);
    if (head == 0 || log.compare(head, reader.time(), reader.sequence(), reader.replica()) < 0) {
      return false;
    }
    int oldest = log.checkpointAt(head);
    while (oldest != 0 && log.checkpointBefore(oldest) != 0) {
      oldest = log.checkpointBefore(oldest);
    }
    return oldest != 0
        && log.isHorizon(oldest)
        && log.compare(oldest, reader.time(), reader.sequence(), reader.replica()) >= 0;
  }

  private void reject(int index) {
    if (rejectedCount == rejected.length) {
      rejected = Arrays.copyOf(rejected, rejectedCount * 2);
    }
    rejected[rejectedCount++] = index;
    rejectedBytes += SharedFrames.bytes(reader);
  }

  /**
   * Writes the rejected deltas of the stream as sealed frames that stand alone.
   *
   * @return the bytes written, at {@code header} bytes behind the buffer's address
   */
  public int writeRejected(int stream, int bytes, Buffer out, int header) {
    int start = out.reserve(header + rejectedBytes) + header;
    int at = start;
    reader.begin();
    int next = 0;
    for (int frame = stream, index = 0; next < rejectedCount; frame = reader.end(), index++) {
      reader.readShared(kernels, stream, frame, stream + bytes);
      if (index == rejected[next]) {
        next++;
        at = shared.write(reader, at);
      }
    }
    return at - start;
  }

  // ---------------------------------------------------------------- folding

  /** Puts what was read into the chains and folds every vector that it touches. */
  public void fold(Subjects subjects) {
    if (order.length < merged) {
      order = new long[entries.length];
      group = new int[entries.length];
    }
    for (int i = 0; i < merged; i++) {
      reader.readLogged(log.frame(entries[i]));
      order[i] = (long) ids.hash(reader.id(), reader.idBytes()) << 32 | i;
    }
    Keys.sort(order, merged);
    for (int i = 0; i < merged; ) {
      int hash = (int) (order[i] >> 32);
      int n = 0;
      for (; i < merged && (int) (order[i] >> 32) == hash; i++) {
        group[n++] = entries[(int) order[i]];
      }
      sort(group, n);
      for (int from = 0; from < n; ) {
        int to = from + 1;
        while (to < n && compareIds(group[from], group[to]) == 0) {
          to++;
        }
        foldVector(from, to, hash, subjects);
        from = to;
      }
    }
  }

  private void foldVector(int from, int to, int hash, Subjects subjects) {
    reader.readLogged(log.frame(group[from]));
    int subject = ids.find(reader.id(), reader.idBytes(), hash);
    int head = subject == IdMap.ABSENT ? 0 : image.head(subject);
    int first = group[from];
    int base = head;
    int old = 0;
    if (head != 0 && compareEntries(head, first) > 0) {
      image.chainChanged(subject);
      base = log.checkpointAt(head);
      while (base != 0 && compareEntries(base, first) > 0) {
        log.freeOnCommit(base);
        base = log.checkpointBefore(base);
      }
      for (int entry = head; entry != base; entry = log.previous(entry)) {
        if (!log.isCheckpoint(entry)) {
          if (old == chain.length) {
            chain = Arrays.copyOf(chain, old * 2);
          }
          chain[old++] = entry; // newest first
        }
      }
      if (base == 0) {
        fold.begin(row);
      } else {
        log.load(base, fold, row);
      }
    } else if (subject >= 0) {
      memory.copy(image.vector(subject), row, image.stride() << 2);
      fold.begin(row, true, image.metadata(subject));
    } else {
      fold.begin(row);
    }
    int newestCheckpoint = log.checkpointAt(base);
    int last = base;
    int since = log.sinceCheckpoint(base);
    for (int i = from; i < to || old > 0; ) {
      int entry =
          old > 0 && (i == to || compareEntries(chain[old - 1], group[i]) < 0)
              ? chain[--old]
              : group[i++];
      log.relink(entry, last, ++since);
      reader.readLogged(log.frame(entry));
      fold.apply(reader);
      last = entry;
      if (since >= options.checkpointInterval()) {
        int made = checkpoint(last, newestCheckpoint);
        if (made != 0) {
          newestCheckpoint = made;
          last = made;
          since = 0;
        }
      }
    }
    int newestDelta = log.isCheckpoint(last) ? log.previous(last) : last;
    int settled = subjects.settle(subject, first, fold.alive(), row, fold.metadata());
    image.setHead(settled, last);
    image.setNewest(settled, log.time(newestDelta));
  }

  private int checkpoint(int covered, int before) {
    byte[] metadata = fold.metadata();
    int made = log.checkpoint(covered, before, fold.alive(), row, 0, metadata.length);
    if (made != 0) {
      log.setCheckpointMetadata(made, metadata);
      log.noteCheckpoint(made);
    }
    return made;
  }

  private int compareEntries(int a, int b) {
    return log.compare(a, log.time(b), log.sequence(b), log.replica(b));
  }

  /** Orders the entries of two vectors, of which only equality matters; by id bytes. */
  private int compareIds(int a, int b) {
    int from = log.frame(a) + Frame.HEADER_BYTES;
    int other = log.frame(b) + Frame.HEADER_BYTES;
    int bytes = memory.getByte(from);
    if (bytes < 0) {
      bytes = (bytes & 0x7f | memory.getByte(from + 1) << 7) + 1;
    }
    for (int i = 0; i <= bytes; i++) {
      int order = Byte.compareUnsigned(memory.getByte(from + i), memory.getByte(other + i));
      if (order != 0) {
        return order;
      }
    }
    return 0;
  }

  /** Sorts entries by vector, then delta id: heapsort. */
  private void sort(int[] list, int n) {
    for (int i = n / 2 - 1; i >= 0; i--) {
      sift(list, i, n);
    }
    for (int last = n - 1; last > 0; last--) {
      int largest = list[0];
      list[0] = list[last];
      list[last] = largest;
      sift(list, 0, last);
    }
  }

  private void sift(int[] list, int start, int n) {
    int entry = list[start];
    int i = start;
    for (int child = 2 * i + 1; child < n; child = 2 * i + 1) {
      if (child + 1 < n && isBefore(list[child], list[child + 1])) {
        child++;
      }
      if (!isBefore(entry, list[child])) {
        break;
      }
      list[i] = list[child];
      i = child;
    }
    list[i] = entry;
  }

  private boolean isBefore(int a, int b) {
    int byVector = compareIds(a, b);
    return byVector != 0 ? byVector < 0 : compareEntries(a, b) < 0;
  }
}
