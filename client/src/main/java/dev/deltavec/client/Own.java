package dev.deltavec.client;

import dev.deltavec.DeltaFrames;
import dev.deltavec.DeltaFrames.Shared;
import dev.deltavec.DeltaVectorDB;
import dev.deltavec.VectorDelta;
import dev.deltavec.core.DeltaException;
import dev.deltavec.core.ErrorCode;
import java.io.ByteArrayOutputStream;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** The deltas of a database that the service lacks. For use by one thread at a time. */
final class Own implements AutoCloseable {
  /** The most deltas that are read at once. */
  static final int PAGE = 4_096;

  private final DeltaVectorDB db;
  private final Book book;
  private final DeltaFrames frames;

  Own(DeltaVectorDB db, Book book) {
    this.db = db;
    this.book = book;
    frames = new DeltaFrames(db.options().dimensions(), db.options().grid());
  }

  /**
   * Reads the first deltas that the service lacks. Those of vectors that are not followed stay
   * here.
   *
   * @return deltas that stand alone, in the order of their replicas; none if the service has all
   */
  List<Shared> page() {
    book.own(db.options().replica());
    while (true) {
      Map<Long, Intervals> seen = Seen.read(db.cursor());
      Map<Long, Intervals> had = book.had();
      if (hide(seen, had) == 0) {
        return List.of();
      }
      List<Shared> cut = cut(Seen.write(seen), had);
      // What others sent may have been merged meanwhile, and is none of ours.
      Map<Long, Intervals> now = book.had();
      List<Shared> own = cut.stream().filter(delta -> isPending(delta, now)).toList();
      if (!own.isEmpty() || cut.isEmpty()) {
        return own;
      }
    }
  }

  private static boolean isPending(Shared delta, Map<Long, Intervals> had) {
    Intervals known = had.get(delta.replica());
    return known != null && !known.contains(sequence(delta));
  }

  /**
   * Takes the first pending sequence numbers out of what was seen; later ones stay in it, as others
   * do, so that they are not cut this time. Returns how many were taken out.
   */
  private static int hide(Map<Long, Intervals> seen, Map<Long, Intervals> had) {
    int[] left = {PAGE};
    had.forEach((replica, known) -> {
      Intervals all = seen.get(replica);
      if (all == null || left[0] == 0) {
        return;
      }
      Intervals shown = new Intervals();
      all.forEach((first, last) -> {
        for (long at = first; at <= last; ) {
          if (known.contains(at)) {
            long end = Math.min(last, known.endOf(at));
            shown.add(at, end);
            at = end + 1;
          } else if (left[0] > 0) {
            long end = Math.min(Math.min(last, known.beginAfter(at) - 1), at + left[0] - 1);
            left[0] -= (int) (end - at + 1);
            at = end + 1;
          } else {
            shown.add(at, last);
            at = last + 1;
          }
        }
      });
      seen.put(replica, shown);
    });
    return PAGE - left[0];
  }

  private List<Shared> cut(byte[] cursor, Map<Long, Intervals> had) {
    try {
      return frames.split(db.deltasSince(cursor), Instant.MAX);
    } catch (DeltaException e) {
      if (e.code() != ErrorCode.HISTORY_COMPACTED) {
        throw e;
      }
    }
    // Some were compacted before they were sent: their vectors go as what makes them from nothing.
    List<Shared> states = new ArrayList<>();
    for (String id : db.rememberedIds()) {
      byte[] state = db.state(id);
      if (state != null) {
        for (Shared delta : frames.split(state, Instant.MAX)) {
          if (isPending(delta, had)) {
            states.add(delta);
          }
        }
      }
      if (states.size() >= PAGE) {
        break;
      }
    }
    if (states.size() < PAGE) {
      // What is in no state any more has been overtaken by what is.
      Map<Long, Intervals> seen = Seen.read(db.cursor());
      Map<Long, Intervals> rest = new TreeMap<>();
      states.forEach(delta ->
          rest.computeIfAbsent(delta.replica(), replica -> new Intervals()).add(sequence(delta)));
      had.keySet()
          .forEach(replica ->
              seen.getOrDefault(replica, new Intervals())
                  .forEach((first, last) -> {
                    for (long i = first; i <= last; i++) {
                      if (!rest.getOrDefault(replica, new Intervals()).contains(i)) {
                        book.has(replica, i);
                      }
                    }
                  }));
    }
    return states;
  }

  static long sequence(Shared delta) {
    return Integer.toUnsignedLong(delta.sequence());
  }

  /** Notes that the service has a delta, or shall not have it. */
  void has(Shared delta) {
    book.has(delta.replica(), sequence(delta));
  }

  /** Writes a delta with its id, or returns null where that depends on what its vector is. */
  byte @Nullable [] encode(VectorDelta delta, long time, long sequence, long replica) {
    try {
      return frames.encode(delta, time, (int) sequence, replica).frame();
    } catch (DeltaException e) {
      if (e.code() == ErrorCode.INVALID_ARGUMENT && db.options().grid() > 0) {
        return null;
      }
      throw e;
    }
  }

  /** Joins frames. */
  static byte[] join(Collection<Shared> deltas) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    deltas.forEach(delta -> out.writeBytes(delta.frame()));
    return out.toByteArray();
  }

  @Override
  public void close() {
    frames.close();
  }
}
