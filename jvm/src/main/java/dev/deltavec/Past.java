package dev.deltavec;

import dev.deltavec.core.Database;
import dev.deltavec.core.DeltaException;
import dev.deltavec.core.ErrorCode;
import dev.deltavec.core.delta.Frame;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Reads the history, and compacts it. All is called with the lock of the gate. */
final class Past {
  // Output records; see docs/abi.md.
  private static final int CHAIN_HORIZON = 16;
  private static final int CHAIN_ALIVE = 24;
  private static final int COMPACTION_HORIZON = 24;

  private static final byte[] NO_ID = {};
  private static final int IDS_PAGE = 1024;

  private final Store store;

  Past(Store store) {
    this.store = store;
  }

  float @Nullable [] vector(String id, Instant time) {
    int bytes = store.putId(id);
    int address = store.database().findAt(store.input(), bytes, millis(time));
    return address == 0 ? null : store.vector(address);
  }

  @Nullable String metadata(String id, Instant time) {
    int bytes = store.putId(id);
    return store.database().metadataAt(store.input(), bytes, millis(time))
        ? store.metadata()
        : null;
  }

  /** Returns a time in milliseconds; one that no delta can have becomes one just as far off. */
  static long millis(Instant time) {
    long second = time.getEpochSecond();
    return second < 0 ? -1 : second > Frame.TIME_LIMIT ? Frame.TIME_LIMIT : time.toEpochMilli();
  }

  DeltaChain chain(String id) {
    int bytes = store.putId(id);
    if (!store.database().chain(store.input(), bytes)) {
      return new DeltaChain(id, List.of(), 0, null, 0, false);
    }
    int record = store.database().output();
    DeltaChain.Entry[] deltas = new DeltaChain.Entry[store.memory().getInt(record)];
    FrameDecoder decoder = store.decoder();
    int frame = record + Database.CHAIN_BYTES;
    for (int i = 0; i < deltas.length; i++) {
      boolean checkpoint = store.memory().getInt(frame) != 0;
      frame = decoder.read(frame + 4);
      deltas[i] = decoder.entry(checkpoint);
    }
    return new DeltaChain(
        id,
        Arrays.asList(deltas),
        store.memory().getInt(record + 4),
        store.instant(record + CHAIN_HORIZON),
        store.whole(record + 8),
        store.memory().getInt(record + CHAIN_ALIVE) != 0);
  }

  // ---------------------------------------------------------------- states

  byte @Nullable [] state(String id) {
    int bytes = store.putId(id);
    return store.database().state(store.input(), bytes) ? store.outputBytes() : null;
  }

  List<String> rememberedIds() {
    List<String> ids = new ArrayList<>();
    for (int at = Integer.MIN_VALUE; at < Integer.MAX_VALUE; at = store.database().next()) {
      int n = store.database().remembered(at, IDS_PAGE);
      int record = store.database().output();
      for (int end = record + n * Database.ID_BYTES; record != end; record += Database.ID_BYTES) {
        ids.add(store.text(store.memory().getInt(record), store.memory().getInt(record + 4)));
      }
    }
    return Collections.unmodifiableList(ids);
  }

  // ---------------------------------------------------------------- compaction

  /** Fails for options out of their range; needs no lock. */
  static void check(CompactOptions what) {
    Long maxBytes = what.maxBytes();
    if (what.keepLast() < 0 || (maxBytes != null && maxBytes < 0)) {
      throw new DeltaException(
          ErrorCode.INVALID_ARGUMENT, "keepLast and maxBytes must be 0 or more: " + what);
    }
    if (what.ids() != null && maxBytes != null) {
      throw new DeltaException(ErrorCode.INVALID_ARGUMENT, "ids cannot go with maxBytes");
    }
  }

  CompactionStats compact(CompactOptions what) {
    Long maxBytes = what.maxBytes();
    List<String> ids = what.ids();
    Instant time = what.before();
    long before =
        time != null ? millis(time) : maxBytes != null && what.keepLast() == 0 ? 0 : Long.MAX_VALUE;
    if (ids == null) {
      long most = maxBytes == null ? -1 : maxBytes;
      store.database().compact(0, 0, before, what.keepLast(), most);
      store.recorder().compacted(ChangeRecords.compaction(before, most, what.keepLast(), NO_ID));
      return compaction();
    }
    store.requireHistory();
    for (String id : ids) {
      compactOne(id, 0, 0); // nothing lies before 1970, but one that is not there is found
    }
    store.database().compact(0, 0, 0, 0, -1); // nothing, for the bytes
    CompactionStats sum = compaction();
    for (String id : ids) {
      int bytes = compactOne(id, before, what.keepLast());
      byte[] utf8 = store.bytes(store.input(), bytes);
      store.recorder().compacted(ChangeRecords.compaction(before, -1, what.keepLast(), utf8));
      sum = sum(sum, compaction());
    }
    return sum;
  }

  private int compactOne(String id, long before, int keepLast) {
    int bytes = store.putId(id);
    store.database().compact(store.input(), bytes, before, keepLast, -1);
    return bytes;
  }

  private CompactionStats compaction() {
    int record = store.database().output();
    return new CompactionStats(
        store.memory().getInt(record),
        store.memory().getInt(record + 4),
        store.whole(record + 8),
        store.whole(record + 16),
        store.instant(record + COMPACTION_HORIZON));
  }

  private static CompactionStats sum(CompactionStats a, CompactionStats b) {
    Instant horizon = a.horizon();
    Instant other = b.horizon();
    return new CompactionStats(
        a.chains() + b.chains(),
        a.deltas() + b.deltas(),
        a.bytesBefore(),
        b.bytesAfter(),
        horizon == null || (other != null && other.isAfter(horizon)) ? other : horizon);
  }
}
