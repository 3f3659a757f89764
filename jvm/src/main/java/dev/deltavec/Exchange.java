package dev.deltavec;

import dev.deltavec.core.Database;
import dev.deltavec.core.DeltaException;
import dev.deltavec.core.ErrorCode;
import dev.deltavec.core.memory.Buffer;
import dev.deltavec.storage.LogFormat;
import org.jspecify.annotations.Nullable;

/** Exchanges deltas with other replicas. All is called with the lock of the gate. */
final class Exchange {
  private final Store store;
  private final Following following;

  Exchange(Store store, Following following) {
    this.store = store;
    this.following = following;
  }

  MergeResult merge(byte[] stream) {
    MergeResult result = mergeBytes(stream);
    following.tookLogged(result.merged());
    return result;
  }

  MergeResult merge(byte[] stream, long mark) {
    checkMark(mark, 0);
    MergeResult result = mergeBytes(stream);
    putMark(mark);
    following.tookLogged(result.merged());
    return result;
  }

  boolean setMark(long mark) {
    checkMark(mark, LogFormat.NO_MARK);
    return putMark(mark);
  }

  private static void checkMark(long mark, long least) {
    if (mark < least) {
      throw new DeltaException(
          ErrorCode.INVALID_ARGUMENT, "a mark must be " + least + " or more, not " + mark);
    }
  }

  private boolean putMark(long mark) {
    if (mark == store.mark()) {
      return false;
    }
    store.recorder().marked(mark, store.now());
    store.mark(mark);
    return true;
  }

  private MergeResult mergeBytes(byte[] stream) {
    store.requireHistory();
    long now = store.now();
    Buffer buffer = new Buffer(store.database().heap()); // of its own, as streams can be long
    try {
      int at = buffer.reserve(stream.length);
      store.memory().putBytes(at, stream);
      store.database().merge(at, stream.length, now);
    } catch (DeltaException e) {
      store.keptBudget(now);
      throw e;
    } finally {
      buffer.release();
    }
    int record = store.database().output();
    int merged = store.memory().getInt(record);
    if (merged > 0) {
      store.recorder().merged(stream, merged, now);
    } else {
      store.keptBudget(now);
    }
    return new MergeResult(
        store.memory().getInt(record),
        store.memory().getInt(record + 4),
        new MergeResult.Rejected(
            store.memory().getInt(record + 8),
            store.bytes(record + Database.MERGED_BYTES, store.memory().getInt(record + 12))));
  }

  byte[] cursor() {
    store.database().cursor();
    return store.outputBytes();
  }

  byte[] deltasSince(byte @Nullable [] cursor) {
    byte[] seen = cursor == null ? new byte[0] : cursor;
    store.putBytes(seen);
    store.database().since(store.input(), seen.length);
    return store.outputBytes();
  }
}
