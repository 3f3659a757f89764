package dev.deltavec.client;

import dev.deltavec.DeltaChain;
import dev.deltavec.DeltaFrames.Shared;
import dev.deltavec.DeltaVectorDB;
import dev.deltavec.VectorDelta;
import dev.deltavec.core.DeltaException;
import dev.deltavec.core.ErrorCode;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Edits that are too old for the service, from when the database is emptied until it is filled
 * anew. Those that were never sent are then made again on what the service has. Of those that were,
 * nobody knows whether they are in it, so they are conflicts; but where the service has no such
 * vector at all, it gets the vector as it was here. For use by one thread.
 */
final class Stale {
  /** One edit; {@code again} is null where it may have been sent, or is not known any more. */
  private record Edit(Shared delta, boolean old, @Nullable VectorDelta again) {}

  /** A vector as it was before, and all of its edits that the service lacks. */
  private record Kept(float @Nullable [] values, @Nullable String metadata, List<Edit> edits) {}

  private final DeltaVectorDB db;
  private final Book book;
  private final Filter filter;
  private final Progress progress;
  private final Map<String, Kept> vectors = new LinkedHashMap<>();

  Stale(DeltaVectorDB db, Book book, Filter filter, Progress progress) {
    this.db = db;
    this.book = book;
    this.filter = filter;
    this.progress = progress;
  }

  /** Takes the edits of vectors of which some are too old; returns the others. */
  List<Shared> take(Collection<Shared> pending, long oldest) {
    for (Shared delta : pending) {
      if (delta.time() <= oldest && filter.matches(delta.vectorId())) {
        vectors.computeIfAbsent(
            delta.vectorId(),
            id -> new Kept(db.getVector(id), db.getMetadata(id), new ArrayList<>()));
      }
    }
    List<Shared> rest = new ArrayList<>();
    for (Shared delta : pending) {
      boolean old = delta.time() <= oldest;
      Kept kept = vectors.get(delta.vectorId());
      if (kept != null) {
        kept.edits.add(new Edit(delta, old, again(delta)));
      } else if (old) { // what the service has of it is not known here
        conflict(
            "TOO_OLD", "an edit of a vector that is not followed is too old to be sent", delta);
      } else {
        rest.add(delta);
      }
    }
    return rest;
  }

  private @Nullable VectorDelta again(Shared delta) {
    long sequence = Own.sequence(delta);
    if (sequence <= book.tried(delta.replica())) {
      return null;
    }
    for (DeltaChain.Entry event : db.getDeltaChain(delta.vectorId()).deltas()) {
      long[] id = DeltaIds.read(event.deltaId());
      if (id[0] == sequence && id[1] == delta.replica()) {
        return VectorDelta.of(delta.vectorId(), event.operation()).withMetadata(event.metadata());
      }
    }
    return null;
  }

  boolean isEmpty() {
    return vectors.isEmpty();
  }

  /** Returns all that was taken. */
  List<Shared> deltas() {
    return vectors.values().stream().flatMap(kept -> kept.edits.stream()).map(Edit::delta).toList();
  }

  /** Puts them back into the database, which has what the service has. */
  void settle() {
    Map<Long, Intervals> had = book.had();
    vectors.forEach((id, kept) -> settle(id, kept, had));
    vectors.clear();
  }

  private void settle(String id, Kept kept, Map<Long, Intervals> had) {
    boolean doubtful = kept.edits.stream().anyMatch(edit -> edit.old && edit.again == null);
    if (doubtful && db.state(id) == null) {
      if (kept.values != null) {
        db.applyDelta(VectorDelta.create(id, kept.values).withMetadata(kept.metadata));
      }
      return;
    }
    kept.edits.sort(
        Comparator.<Edit>comparingLong(edit -> edit.delta.time())
            .thenComparingLong(edit -> Own.sequence(edit.delta)));
    boolean anew = false;
    for (Edit edit : kept.edits) {
      if (edit.again != null && (edit.old || anew)) {
        anew = true; // so are those that follow, which would else come before it
        makeAgain(edit.again, edit.delta);
      } else if (!edit.old) {
        db.merge(edit.delta.frame());
      } else if (!isThere(edit.delta, had)) {
        conflict(
            "TOO_OLD", "an edit that may have been sent is too old to be sent again", edit.delta);
      }
    }
  }

  private void makeAgain(VectorDelta again, Shared delta) {
    try {
      db.applyDelta(again);
    } catch (DeltaException e) {
      if (e.code() != ErrorCode.VECTOR_NOT_FOUND && e.code() != ErrorCode.VECTOR_EXISTS) {
        throw e;
      }
      conflict(e.code().name(), String.valueOf(e.getMessage()), delta);
    }
  }

  private static boolean isThere(Shared delta, Map<Long, Intervals> had) {
    Intervals known = had.get(delta.replica());
    return known != null && known.contains(Own.sequence(delta));
  }

  private void conflict(String code, String message, Shared delta) {
    progress.conflict(
        new ClientException(code, message, 0, delta.vectorId(), -1, null, null), delta);
  }
}
