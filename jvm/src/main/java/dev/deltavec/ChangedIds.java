package dev.deltavec;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Ids of vectors that have changed, oldest first, each with a token of its latest change. For many
 * threads; to see that there are none costs one look.
 */
final class ChangedIds {
  private final ReentrantLock lock = new ReentrantLock();

  /** Linked, so that to list a few costs little though there have been many. */
  private final Map<String, Long> tokens = new LinkedHashMap<>();

  private long next;
  private volatile int size;

  /** An id, and the token of its latest change at that time. */
  record Change(String id, long token) {}

  /** Notes a change. */
  void add(String id) {
    lock.lock();
    try {
      tokens.put(id, next++);
      size = tokens.size();
    } finally {
      lock.unlock();
    }
  }

  /** Returns how many there are. */
  int size() {
    return size;
  }

  /** Returns the oldest, {@code most} of them at most. */
  List<Change> first(int most) {
    if (size == 0) {
      return List.of();
    }
    lock.lock();
    try {
      List<Change> changes = new ArrayList<>(Math.min(most, size));
      for (Map.Entry<String, Long> entry : tokens.entrySet()) {
        if (changes.size() == most) {
          break;
        }
        changes.add(new Change(entry.getKey(), entry.getValue()));
      }
      return changes;
    } finally {
      lock.unlock();
    }
  }

  /** Takes out those that have not changed since. */
  void remove(List<Change> changes) {
    lock.lock();
    try {
      for (Change change : changes) {
        tokens.remove(change.id(), change.token());
      }
      size = tokens.size();
    } finally {
      lock.unlock();
    }
  }
}
