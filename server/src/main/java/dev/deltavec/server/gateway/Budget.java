package dev.deltavec.server.gateway;

import java.util.HashMap;
import java.util.Map;

/**
 * How many bytes may be in memory at the same time for something; of them each subject may have
 * half. Who has none yet is always given what it needs where nobody else has any. Thread-safe.
 */
final class Budget {
  private final long most;
  private final String what;
  private final Map<String, Long> subjects = new HashMap<>();
  private long all;

  Budget(long most, String what) {
    this.most = most;
    this.what = what;
  }

  /** Returns a share of a subject, of no bytes yet. */
  Share share(String subject) {
    return new Share(subject);
  }

  /** Returns the bytes that are taken. */
  synchronized long taken() {
    return all;
  }

  /** What one request has; for its own thread. */
  final class Share implements AutoCloseable {
    private final String subject;
    private long bytes;

    private Share(String subject) {
      this.subject = subject;
    }

    /**
     * Takes so many bytes in all, more or fewer than before.
     *
     * @throws ApiException 503 if there are too many; the share stays as it was
     */
    void resize(long size) {
      synchronized (Budget.this) {
        long others = all - bytes;
        long own = subjects.getOrDefault(subject, 0L) - bytes;
        if (size > bytes
            && (others > 0 && others + size > most || own > 0 && own + size > most / 2)) {
          throw ApiException.unavailable("too many " + what + " at once");
        }
        set(size, own, others);
      }
    }

    private void set(long size, long own, long others) {
      if (own + size == 0) {
        subjects.remove(subject);
      } else {
        subjects.put(subject, own + size);
      }
      all = others + size;
      bytes = size;
    }

    @Override
    public void close() {
      synchronized (Budget.this) {
        set(0, subjects.getOrDefault(subject, 0L) - bytes, all - bytes);
      }
    }
  }
}
