package dev.deltavec;

import dev.deltavec.core.Database;
import dev.deltavec.core.DeltaException;
import dev.deltavec.core.delta.DeltaId;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;

/** Applies local deltas, and tells those who follow. All is called with the lock of the gate. */
final class Changes {
  private static final int APPLIED_SEQUENCE = 8;

  private final Store store;
  private final Following following;

  Changes(Store store, Following following) {
    this.store = store;
    this.following = following;
  }

  /** Applies one delta and returns its id. */
  String apply(VectorDelta delta) {
    long now = store.now();
    FrameWriter writer = store.writer();
    writer.check(delta, -1);
    int frame = store.reserve(FrameWriter.mostBytes(delta));
    int end = writer.write(frame, delta, -1);
    try {
      store.apply(frame, end - frame, 1, now);
    } catch (DeltaException e) {
      // A single delta has no index; what the log says of it stays as it is.
      throw e.index() < 0 ? e : new DeltaException(e.code(), e.getMessage());
    }
    int record = store.database().output();
    String id = id(record);
    long first = following.took(1);
    if (following.active()) {
      following.emit(List.of(event(id, record, delta, first)));
    }
    return id;
  }

  /** Applies deltas, all or none, and returns their ids. */
  List<String> apply(VectorDelta[] batch) {
    long now = store.now();
    FrameWriter writer = store.writer();
    long most = 0;
    for (int i = 0; i < batch.length; i++) {
      writer.check(batch[i], i);
      most += FrameWriter.mostBytes(batch[i]);
    }
    if (batch.length == 0) {
      return List.of();
    }
    int start = store.reserve(most);
    int end = start;
    for (int i = 0; i < batch.length; i++) {
      end = writer.write(end, batch[i], i);
    }
    store.apply(start, end - start, batch.length, now);
    return applied(batch);
  }

  /** Reads the ids of an applied batch, and tells the subscribers. */
  private List<String> applied(VectorDelta[] batch) {
    String[] ids = new String[batch.length];
    List<DeltaEvent> news = following.active() ? new ArrayList<>(batch.length) : List.of();
    int record = store.database().output();
    long first = following.took(batch.length);
    for (int i = 0; i < batch.length; i++, record += Database.APPLIED_BYTES) {
      ids[i] = id(record);
      if (following.active()) {
        news.add(event(ids[i], record, batch[i], first + i));
      }
    }
    if (!news.isEmpty()) {
      following.emit(news);
    }
    return Collections.unmodifiableList(Arrays.asList(ids));
  }

  /** Brings a vector back to its state behind a delta, and returns the ids of what that took. */
  List<String> rollBackTo(String id, String deltaId) {
    DeltaId to = DeltaId.parse(deltaId);
    long now = store.now();
    int bytes = store.putId(id);
    byte[] change = ChangeRecords.rollback(store.bytes(store.input(), bytes), to);
    if (ChangeRecords.rollBack(store.database(), store.input(), bytes, to, now) == 0) {
      return List.of();
    }
    store.recorder().rolledBack(change, now);
    String issued = id(store.database().output());
    following.tookLogged(1);
    return List.of(issued);
  }

  private String id(int record) {
    return DeltaId.format(
        store.memory().getLong(record),
        store.memory().getInt(record + APPLIED_SEQUENCE),
        store.replica());
  }

  private DeltaEvent event(String deltaId, int record, VectorDelta delta, long at) {
    DeltaOperation operation =
        switch (delta.operation()) {
          case DeltaOperation.Create create -> new DeltaOperation.Create(kept(create.vector()));
          case DeltaOperation.Sparse sparse ->
              new DeltaOperation.Sparse(sparse.indices().clone(), kept(sparse.values()));
          case DeltaOperation.Dense dense -> new DeltaOperation.Dense(kept(dense.vector()));
          case DeltaOperation.Scale scale -> scale;
          case DeltaOperation.Offset offset -> offset;
          case DeltaOperation.Delete delete -> delete;
        };
    return new DeltaEvent(
        deltaId,
        delta.vectorId(),
        operation,
        delta.metadata(),
        Instant.ofEpochMilli(store.memory().getLong(record)),
        DeltaOrigin.LOCAL,
        at);
  }

  /** Returns values as the database keeps them: a copy, on its grid if it has one. */
  private float[] kept(float[] values) {
    float[] kept = values.clone();
    int grid = store.options().grid();
    if (grid != 0) {
      for (int i = 0; i < kept.length; i++) {
        kept[i] = (float) (Math.floor((double) kept[i] * grid + 0.5) / grid);
      }
    }
    return kept;
  }
}
