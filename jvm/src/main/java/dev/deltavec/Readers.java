package dev.deltavec;

import dev.deltavec.core.DeltaException;
import dev.deltavec.core.ErrorCode;
import dev.deltavec.jvm.SegmentMemory;
import java.util.concurrent.ConcurrentLinkedDeque;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Lets threads read at the same time. They share the gate, so nobody writes meanwhile. One of them
 * at a time has the database and its scratch; others that search get readers of their own, made
 * when first needed, as many as there are processors.
 *
 * <p>While the gate is shared, the memory must not grow, as growing moves it under the others. Who
 * needs more finds none, and does it again with the whole gate.
 */
final class Readers {
  private final Gate gate;
  private final Store store;

  /** Held, besides a share of the gate, by who uses the database itself. */
  private final ReentrantLock own = new ReentrantLock();

  private final ConcurrentLinkedDeque<ExtraReader> idle = new ConcurrentLinkedDeque<>();

  private final int most;

  private final ReentrantLock making = new ReentrantLock();

  // Changed with this lock, and a share of the gate at least:

  /** How many readers there are; as many as there may be if there is no memory for more. */
  private volatile int made;

  /** What they read. */
  private volatile SegmentMemory memory;

  Readers(Gate gate, Store store) {
    this.gate = gate;
    this.store = store;
    memory = store.memory();
    // Searches that are checked are counted in one place.
    most = store.options().recallSampleRate() > 0 ? 0 : Runtime.getRuntime().availableProcessors();
    store.growsIf(gate::isMine);
  }

  /**
   * Reads with the database itself.
   *
   * @param what calls nobody else's code, and changes nothing but scratch
   * @throws DeltaException {@code CLOSED}
   */
  <T extends @Nullable Object> T read(Supplier<T> what) {
    if (!gate.isMine()) {
      gate.share();
      own.lock();
      try {
        return what.get();
      } catch (DeltaException e) {
        requireOutOfMemory(e);
      } finally {
        own.unlock();
        gate.unshare();
      }
    }
    gate.enter();
    try {
      return what.get();
    } finally {
      gate.unlock();
    }
  }

  /**
   * Searches with whoever is free.
   *
   * @param what as for {@link #read}
   * @throws DeltaException {@code CLOSED}
   */
  <T> T search(Function<Seeker, T> what) {
    if (gate.isMine()) {
      return read(() -> what.apply(store));
    }
    Seeker seeker = enter();
    try {
      return what.apply(seeker);
    } catch (DeltaException e) {
      requireOutOfMemory(e);
    } finally {
      leave(seeker);
    }
    return searchAlone(seeker, what);
  }

  /** Shares the gate, and returns who is to search. */
  private Seeker enter() {
    while (true) {
      gate.share();
      if (own.tryLock()) {
        return store;
      }
      ExtraReader reader = idle.poll();
      if (reader != null && reader.memory() == store.memory()) {
        return reader;
      }
      if (made >= most && memory == store.memory()) {
        own.lock();
        return store;
      }
      boolean added;
      try {
        added = add();
      } finally {
        gate.unshare();
      }
      if (!added) {
        addAlone();
      }
    }
  }

  private void leave(Seeker seeker) {
    if (seeker instanceof ExtraReader reader) {
      idle.push(reader);
    } else {
      own.unlock();
    }
    gate.unshare();
  }

  /** Makes one more reader, unless others have come first; false if that takes more memory. */
  private boolean add() {
    making.lock();
    try {
      if (memory != store.memory()) { // an import
        memory = store.memory();
        idle.clear();
        made = 0;
      }
      if (made < most) {
        idle.push(new ExtraReader(store));
        made++;
      }
      return true;
    } catch (DeltaException e) {
      requireOutOfMemory(e);
      return false;
    } finally {
      making.unlock();
    }
  }

  /** Makes one more reader where memory may grow; if it cannot, there will be no more. */
  private void addAlone() {
    gate.enter();
    try {
      if (!add()) {
        made = most;
      }
    } finally {
      gate.unlock();
    }
  }

  /** Searches where memory may grow. */
  private <T> T searchAlone(Seeker seeker, Function<Seeker, T> what) {
    gate.enter();
    try {
      if (seeker instanceof ExtraReader reader && reader.memory() == store.memory()) {
        try {
          return what.apply(reader);
        } catch (DeltaException e) {
          requireOutOfMemory(e); // the database itself may have what it takes
        }
      }
      return what.apply(store);
    } finally {
      gate.unlock();
    }
  }

  private static void requireOutOfMemory(DeltaException e) {
    if (e.code() != ErrorCode.OUT_OF_MEMORY) {
      throw e;
    }
  }
}
