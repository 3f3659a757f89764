package dev.deltavec.core.history;

import dev.deltavec.core.DeltaException;
import dev.deltavec.core.ErrorCode;
import dev.deltavec.core.image.Image;
import dev.deltavec.core.index.Keys;
import java.util.Arrays;

/**
 * Moves horizons: what a chain holds before one becomes one checkpoint. Each chain is compacted
 * whole or not at all.
 */
public final class Compactor {
  private final Image image;
  private final DeltaLog log;
  private final History history;
  private final Fold fold;

  private int[] chain = new int[256];
  private int chains;
  private int deltas;
  private long horizon;

  /** A compactor of one log. */
  public Compactor(Image image, DeltaLog log, History history, Fold fold) {
    this.image = image;
    this.log = log;
    this.history = history;
    this.fold = fold;
  }

  /** Returns how many chains have got a new horizon since {@link #begin}. */
  public int chains() {
    return chains;
  }

  /** Returns how many deltas were merged into horizons since {@link #begin}. */
  public int deltas() {
    return deltas;
  }

  /** Returns the newest horizon made since {@link #begin}, Unix milliseconds, or -1. */
  public long horizon() {
    return horizon;
  }

  /** Begins to count anew. */
  public void begin() {
    chains = 0;
    deltas = 0;
    horizon = -1;
  }

  /**
   * Compacts one chain: of its deltas those before a time, but for the newest few. O(chain)
   *
   * @param before Unix milliseconds; deltas of this time or later stay
   * @param keepLast how many of the newest deltas stay in any case
   * @param onlyIfSmaller leaves the chain alone where the horizon would take more than what it
   *     replaces
   * @throws DeltaException {@code OUT_OF_MEMORY}; the chain is as it was
   */
  public void compact(int subject, long before, int keepLast, boolean onlyIfSmaller) {
    int n = 0;
    for (int entry = image.head(subject); entry != 0; entry = log.previous(entry)) {
      if (n == chain.length) {
        chain = Arrays.copyOf(chain, n * 2);
      }
      chain[n++] = entry; // newest first
    }
    int kept = 0;
    int cut = 0; // the newest entry that goes
    for (int seen = 0; cut < n; cut++) {
      if (!log.isCheckpoint(chain[cut])) {
        if (seen >= keepLast && log.time(chain[cut]) < before) {
          break;
        }
        seen++;
      }
      kept = cut + 1;
    }
    if (cut == n) {
      return;
    }
    long freed = 0;
    int gone = 0;
    for (int i = cut; i < n; i++) {
      freed += log.entryBytes(chain[i]);
      gone += log.isCheckpoint(chain[i]) ? 0 : 1;
    }
    int last = chain[cut];
    int made;
    if (kept > 0 && log.isCheckpoint(chain[kept - 1])) {
      // A checkpoint that covers the cut is there: it becomes the horizon.
      kept--;
      made = chain[kept];
    } else {
      boolean alive =
          history.compose(subject, log.time(last), log.sequence(last), log.replica(last));
      byte[] metadata = fold.metadata();
      if (onlyIfSmaller && freed <= log.checkpointSize(alive, metadata.length)) {
        return;
      }
      made = log.checkpoint(last, 0, alive, history.row(), 0, metadata.length);
      if (made == 0) {
        makeRoom(subject, before, keepLast, onlyIfSmaller, cut, n);
        return;
      }
      log.setCheckpointMetadata(made, metadata);
    }
    log.setPrevious(made, 0);
    log.setCheckpointBefore(made, 0);
    horizon = Math.max(horizon, log.time(last));
    // What stays is linked to the horizon, from the oldest on.
    int previous = made;
    int since = 0;
    int checkpoint = made;
    for (int i = kept - 1; i >= 0; i--) {
      int entry = chain[i];
      log.setPrevious(entry, previous);
      if (log.isCheckpoint(entry)) {
        log.setCheckpointBefore(entry, checkpoint);
        checkpoint = entry;
        since = 0;
      } else {
        log.setSinceCheckpoint(entry, ++since);
      }
      previous = entry;
    }
    if (kept == 0) {
      image.setHead(subject, made);
    }
    for (int i = cut; i < n; i++) {
      log.free(chain[i]);
    }
    image.chainChanged(subject);
    chains++;
    deltas += gone;
  }

  /**
   * Compacts a chain for whose horizon there is no memory: first what lies before the newest
   * checkpoint that can be the horizon as it is, then the rest.
   */
  private void makeRoom(
      int subject, long before, int keepLast, boolean onlyIfSmaller, int cut, int n) {
    int older = cut;
    int seen = 0; // deltas newer than the checkpoint
    for (int i = 0; i < n && (i < cut || !log.isCheckpoint(chain[i])); i++) {
      seen += log.isCheckpoint(chain[i]) ? 0 : 1;
      older = i + 1;
    }
    if (older + 1 >= n) {
      throw new DeltaException(ErrorCode.OUT_OF_MEMORY, "no memory for a horizon");
    }
    compact(subject, before, seen, false);
    int chainsBefore = chains;
    compact(subject, before, keepLast, onlyIfSmaller);
    chains = chainsBefore;
  }

  /**
   * Finds the time before which deltas must go for the rest to take at most {@code bytes}. O(deltas
   * log deltas)
   *
   * @return Unix milliseconds; 0 if all may stay
   */
  public long timeForBytes(long bytes) {
    long excess = log.deltaBytes() + log.checkpointBytes() - bytes;
    if (excess <= 0) {
      return 0;
    }
    long[] times = new long[log.deltas()];
    int n = 0;
    for (int i = 0; i < log.arrived(); i++) {
      int entry = log.arrival(i);
      if (entry != 0) {
        // 48 bits of time, 16 of size: less than it is at worst, so that enough goes.
        times[n++] = log.time(entry) << 16 | Math.min(0xffff, log.entryBytes(entry));
      }
    }
    Keys.sort(times, n);
    for (int i = 0; i < n; i++) {
      excess -= times[i] & 0xffff;
      if (excess <= 0) {
        return (times[i] >>> 16) + 1;
      }
    }
    return Long.MAX_VALUE;
  }
}
