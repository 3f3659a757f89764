package dev.deltavec;

import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** Tells who asked for it of calls. As long as nobody has, a call costs one look at a list. */
final class Calls {
  private static final System.Logger LOGGER = System.getLogger("dev.deltavec");

  private final List<Consumer<? super CallEvent>> listeners = new CopyOnWriteArrayList<>();

  DeltaVectorDB.Subscription subscribe(Consumer<? super CallEvent> callback) {
    // Of its own, so that who subscribes twice is called twice, and each ends for itself.
    Consumer<CallEvent> listener = callback::accept;
    listeners.add(listener);
    return () -> listeners.remove(listener);
  }

  /** Makes a call, and tells of it. */
  <T> T tell(DatabaseCall call, int items, Supplier<T> what) {
    if (listeners.isEmpty()) {
      return what.get();
    }
    long start = System.nanoTime();
    T result;
    try {
      result = what.get();
    } catch (Throwable e) {
      ended(call, items, start, e);
      throw e;
    }
    ended(call, items, start, null);
    return result;
  }

  /** Makes a call that may throw something else, and tells of it. */
  <T, E extends Exception> T tellOf(DatabaseCall call, Throwing<T, E> what) throws E {
    long start = System.nanoTime();
    T result;
    try {
      result = what.get();
    } catch (Throwable e) {
      ended(call, 1, start, e);
      throw e;
    }
    ended(call, 1, start, null);
    return result;
  }

  private void ended(DatabaseCall call, int items, long start, @Nullable Throwable failure) {
    CallEvent event = new CallEvent(call, items, System.nanoTime() - start, failure);
    for (Consumer<? super CallEvent> listener : listeners) {
      try {
        listener.accept(event);
      } catch (Throwable e) {
        LOGGER.log(System.Logger.Level.ERROR, "A listener to calls failed at " + call, e);
      }
    }
  }

  /** A supplier that may throw. */
  @FunctionalInterface
  interface Throwing<T, E extends Exception> {
    T get() throws E;
  }
}
