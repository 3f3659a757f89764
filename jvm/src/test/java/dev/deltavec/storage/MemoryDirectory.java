package dev.deltavec.storage;

import dev.deltavec.core.support.Generator;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * A disk in memory that can fail, and from which a loss of power takes what was not forced: whole
 * writes, or some of their sectors.
 */
public final class MemoryDirectory implements StorageDirectory {
  private static final int SECTOR = 64;

  /** What becomes of bytes that were written and not forced. */
  public enum Loss {
    NONE,
    ALL,
    SOME
  }

  private static final class Contents {
    byte[] bytes = {};
    byte[] forced = {};
  }

  private final Map<String, Contents> files = new TreeMap<>();

  /** Calls that write, so far. */
  private final AtomicInteger calls = new AtomicInteger();

  /** Calls of force, so far. */
  public final AtomicInteger forces = new AtomicInteger();

  /** The calls that fail: from the first, so many. */
  private int failing = -1;

  private int failures;
  private String message = "no reason";

  /** Takes some time in each force, so that others come meanwhile. */
  public int forceMillis;

  private boolean closed;

  /** A disk that holds files. */
  public static MemoryDirectory of(Map<String, byte[]> files) {
    MemoryDirectory directory = new MemoryDirectory();
    files.forEach(directory::put);
    return directory;
  }

  /** Puts a file on the disk. */
  public void put(String name, byte[] bytes) {
    Contents file = new Contents();
    file.bytes = bytes.clone();
    file.forced = bytes.clone();
    files.put(name, file);
  }

  /** Returns what a reader of the files finds. */
  public synchronized Map<String, byte[]> contents() {
    Map<String, byte[]> all = new LinkedHashMap<>();
    files.forEach((name, file) -> all.put(name, file.bytes.clone()));
    return all;
  }

  /** Returns the bytes of a file. */
  public byte[] bytes(String name) {
    return Objects.requireNonNull(files.get(name), name).bytes;
  }

  /** Returns how many calls have written. */
  public int calls() {
    return calls.get();
  }

  /** Lets calls fail: so many, after as many more have succeeded. */
  public void fail(int after, int count, String why) {
    failing = calls.get() + after;
    failures = count;
    message = why;
  }

  /** Lets all calls fail from one on, as when the power goes. */
  public void stopAfter(int count) {
    fail(count, Integer.MAX_VALUE, "the power has gone");
  }

  /** Returns the disk as it is when the power is back. */
  public synchronized MemoryDirectory restarted(Loss loss, Generator random) {
    MemoryDirectory next = new MemoryDirectory();
    files.forEach((name, file) ->
        next.put(
            name,
            switch (loss) {
              case NONE -> file.bytes;
              case ALL -> file.forced;
              case SOME -> torn(file, random);
            }));
    return next;
  }

  /** Each sector that was written may be on disk or not; the length is somewhere between. */
  private static byte[] torn(Contents file, Generator random) {
    byte[] old = file.forced;
    byte[] now = file.bytes;
    int least = Math.min(old.length, now.length);
    int most = Math.max(old.length, now.length);
    byte[] torn = Arrays.copyOf(old, least + random.below(most - least + 1));
    for (int at = 0; at < torn.length; at += SECTOR) {
      int to = Math.min(Math.min(at + SECTOR, torn.length), now.length);
      if (at < to && random.chance(50)) {
        System.arraycopy(now, at, torn, at, to - at);
      }
    }
    return torn;
  }

  private synchronized void write() throws IOException {
    int call = calls.getAndIncrement();
    if (failing >= 0 && call >= failing && call - failing < failures) {
      throw new IOException(message);
    }
  }

  // ---------------------------------------------------------------- the directory

  @Override
  public String name() {
    return "memory";
  }

  @Override
  public synchronized List<String> list() {
    return new ArrayList<>(files.keySet());
  }

  @Override
  public synchronized StorageFile open(String name) throws IOException {
    Contents known = files.get(name);
    if (known == null) {
      write();
      known = new Contents();
      files.put(name, known);
    }
    return new File(known);
  }

  @Override
  public synchronized void remove(String name) throws IOException {
    write();
    files.remove(name);
  }

  @Override
  public synchronized void rename(String from, String to) throws IOException {
    write();
    Contents file = files.remove(from);
    if (file == null) {
      throw new IOException("there is no " + from);
    }
    files.put(to, file);
  }

  @Override
  public void force() throws IOException {
    write();
  }

  @Override
  public void close() {
    closed = true;
  }

  /** Returns whether others may have the directory. */
  public boolean isClosed() {
    return closed;
  }

  private final class File implements StorageFile {
    private final Contents file;

    private File(Contents file) {
      this.file = file;
    }

    @Override
    public long size() {
      return file.bytes.length;
    }

    @Override
    public MemorySegment contents(Arena arena) {
      synchronized (MemoryDirectory.this) {
        MemorySegment copy = arena.allocate(Math.max(1, file.bytes.length), 8);
        MemorySegment.copy(MemorySegment.ofArray(file.bytes), 0, copy, 0, file.bytes.length);
        return copy.asSlice(0, file.bytes.length);
      }
    }

    @Override
    public void write(long at, ByteBuffer bytes) throws IOException {
      synchronized (MemoryDirectory.this) {
        if (at > file.bytes.length) {
          throw new IOException("a hole before byte " + at);
        }
        byte[] more =
            Arrays.copyOf(file.bytes, Math.max(file.bytes.length, (int) at + bytes.remaining()));
        int count = bytes.remaining();
        @Nullable IOException failed = null;
        try {
          MemoryDirectory.this.write();
        } catch (IOException e) {
          failed = e;
          count /= 2; // half of it is written
        }
        byte[] part = new byte[count];
        bytes.get(part);
        if (failed != null) {
          more = Arrays.copyOf(file.bytes, Math.max(file.bytes.length, (int) at + count));
        }
        System.arraycopy(part, 0, more, (int) at, count);
        file.bytes = more;
        if (failed != null) {
          throw failed;
        }
      }
    }

    @Override
    public void truncate(long size) throws IOException {
      synchronized (MemoryDirectory.this) {
        if (size < file.bytes.length) {
          MemoryDirectory.this.write();
          file.bytes = Arrays.copyOf(file.bytes, (int) size);
        }
      }
    }

    @Override
    public void force() throws IOException {
      byte[] now = file.bytes;
      forces.incrementAndGet();
      if (forceMillis > 0) {
        try {
          Thread.sleep(forceMillis);
        } catch (InterruptedException e) {
          Thread.currentThread().interrupt();
        }
      }
      synchronized (MemoryDirectory.this) {
        MemoryDirectory.this.write();
        file.forced = now;
      }
    }

    @Override
    public void close() {}
  }
}
