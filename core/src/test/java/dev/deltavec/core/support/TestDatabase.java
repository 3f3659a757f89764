package dev.deltavec.core.support;

import static org.assertj.core.api.Assertions.assertThat;

import dev.deltavec.core.Database;
import dev.deltavec.core.DatabaseOptions;
import dev.deltavec.core.DeltaException;
import dev.deltavec.core.Reader;
import dev.deltavec.core.memory.Buffer;
import dev.deltavec.core.memory.Heap;
import dev.deltavec.core.memory.ScalarKernels;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/** A database over an {@link ArrayMemory}, called with Java values. */
public final class TestDatabase implements AutoCloseable {
  /** A search result. */
  public record Hit(String id, float score) {}

  public final ArrayMemory memory;
  public final Database database;
  private final Heap inputHeap;
  private final Buffer input;
  private @Nullable Reader reader;
  private @Nullable Buffer readerOutput;
  public long now = 1_000_000;

  public TestDatabase(DatabaseOptions options) {
    this(options, new ArrayMemory());
  }

  public TestDatabase(DatabaseOptions options, ArrayMemory memory) {
    this.memory = memory;
    inputHeap = new Heap(memory);
    input = new Buffer(inputHeap);
    input.reserve(1 << 16);
    database = new Database(memory, new ScalarKernels(memory), options);
  }

  /**
   * From now on a reader that looks at the image as another instance would answers every search,
   * too, and must find the same.
   */
  public TestDatabase follow() {
    reader = Reader.attach(memory, new ScalarKernels(memory), database.options(), database.root());
    readerOutput = reader.newBuffer();
    return this;
  }

  /** A database that is read from snapshots, in pieces of any size. */
  public TestDatabase(
      DatabaseOptions options, ArrayMemory memory, List<byte[]> snapshots, Generator random) {
    this.memory = memory;
    inputHeap = new Heap(memory);
    input = new Buffer(inputHeap);
    input.reserve(1 << 16);
    database = Database.importing(memory, new ScalarKernels(memory), options);
    try {
      for (byte[] snapshot : snapshots) {
        feed(snapshot, random);
      }
      database.importEnd();
    } catch (DeltaException e) {
      close();
      throw e;
    }
  }

  private void feed(byte[] stream, Generator random) {
    int from = 0;
    int to = 0;
    while (to < stream.length) {
      to += Math.min(stream.length - to, 1 + random.below(random.chance(50) ? 40 : 4_000));
      byte[] piece = java.util.Arrays.copyOfRange(stream, from, to);
      int read = database.importNext(write(piece), piece.length);
      assertThat(read).isBetween(0, piece.length);
      from += read;
    }
    if (from != stream.length) {
      throw new DeltaException(
          dev.deltavec.core.ErrorCode.CORRUPT_DATA, "bytes are left over: the snapshot is cut off");
    }
  }

  /** Returns a snapshot. */
  public byte[] export(int flags) {
    java.io.ByteArrayOutputStream stream = new java.io.ByteArrayOutputStream();
    database.exportBegin(flags);
    while (database.exportNext() > 0) {
      stream.writeBytes(output());
    }
    return stream.toByteArray();
  }

  private int write(byte[] bytes) {
    int address = input.reserve(bytes.length);
    for (int i = 0; i < bytes.length; i++) {
      memory.putByte(address + i, bytes[i]);
    }
    return address;
  }

  public int apply(Frames frames) {
    return apply(frames.toBytes(), frames.count());
  }

  public int apply(byte[] frames, int count) {
    return database.apply(write(frames), frames.length, count, now);
  }

  public float @Nullable [] get(String id) {
    byte[] key = id.getBytes(StandardCharsets.UTF_8);
    int address = database.find(write(key), key.length);
    if (address == 0) {
      return null;
    }
    float[] vector = new float[database.options().dimensions()];
    for (int i = 0; i < vector.length; i++) {
      vector[i] = memory.getFloat(address + 4 * i);
    }
    return vector;
  }

  public @Nullable String metadata(String id) {
    byte[] key = id.getBytes(StandardCharsets.UTF_8);
    return database.metadata(write(key), key.length)
        ? text(database.output(), database.outputBytes())
        : null;
  }

  public List<Hit> search(float[] query, int k) {
    return search(write(Frames.floats(query)), query.length, k, 0, 0, 0);
  }

  /** Searches among the vectors that a filter lets pass. */
  public List<Hit> search(float[] query, int k, String filter) {
    byte[] floats = Frames.floats(query);
    byte[] json = filter.getBytes(StandardCharsets.UTF_8);
    byte[] both = java.util.Arrays.copyOf(floats, floats.length + json.length);
    System.arraycopy(json, 0, both, floats.length, json.length);
    int at = write(both);
    return search(at, query.length, k, 0, at + floats.length, json.length);
  }

  public List<Hit> searchExact(float[] query, int k) {
    return search(write(Frames.floats(query)), query.length, k, Database.EXACT, 0, 0);
  }

  private List<Hit> search(int query, int floats, int k, int mode, int filter, int bytes) {
    int n = database.search(query, floats, k, 0, mode, filter, bytes);
    List<Hit> hits = hits(n, database.output());
    if (reader != null && readerOutput != null) {
      reader.refresh();
      n = reader.search(query, floats, k, 0, mode, filter, bytes, readerOutput);
      assertThat(hits(n, readerOutput.address())).isEqualTo(hits);
    }
    return hits;
  }

  private List<Hit> hits(int n, int output) {
    List<Hit> hits = new ArrayList<>();
    for (int i = 0; i < n; i++) {
      int record = output + 16 * i;
      hits.add(
          new Hit(
              text(memory.getInt(record + 4), memory.getInt(record + 8)), memory.getFloat(record)));
    }
    return hits;
  }

  public TreeSet<String> ids() {
    TreeSet<String> ids = new TreeSet<>();
    for (int slot = 0; slot >= 0; slot = database.next()) {
      int n = database.ids(slot, 7);
      for (int i = 0; i < n; i++) {
        int record = database.output() + 8 * i;
        ids.add(text(memory.getInt(record), memory.getInt(record + 4)));
      }
    }
    return ids;
  }

  private String text(int address, int bytes) {
    byte[] copy = new byte[bytes];
    for (int i = 0; i < bytes; i++) {
      copy[i] = memory.getByte(address + i);
    }
    return new String(copy, StandardCharsets.UTF_8);
  }

  /** Returns the bytes of the last output. */
  public byte[] output() {
    byte[] copy = new byte[database.outputBytes()];
    for (int i = 0; i < copy.length; i++) {
      copy[i] = memory.getByte(database.output() + i);
    }
    return copy;
  }

  /**
   * Returns the delta of an arrival number as a sealed frame that stands alone, as others would get
   * it.
   */
  public byte[] logged(int arrival) {
    byte[] frame = dev.deltavec.core.Inside.logged(database, arrival);
    return Naive.sealed(frame);
  }

  public int merge(byte[] stream) {
    return database.merge(write(stream), stream.length, now);
  }

  public byte[] cursor() {
    database.cursor();
    return output();
  }

  public byte[] since(byte[] cursor) {
    database.since(write(cursor), cursor.length);
    return output();
  }

  /** Returns the vector as it was, or null. */
  public float @Nullable [] getAt(String id, long time) {
    byte[] key = id.getBytes(StandardCharsets.UTF_8);
    int address = database.findAt(write(key), key.length, time);
    return address == 0 ? null : floats(address);
  }

  public @Nullable String metadataAt(String id, long time) {
    byte[] key = id.getBytes(StandardCharsets.UTF_8);
    return database.metadataAt(write(key), key.length, time)
        ? new String(output(), StandardCharsets.UTF_8)
        : null;
  }

  public List<Hit> searchAt(float[] query, int k, long time) {
    return hits(
        database.searchAt(write(Frames.floats(query)), query.length, k, time), database.output());
  }

  public boolean chain(String id) {
    byte[] key = id.getBytes(StandardCharsets.UTF_8);
    return database.chain(write(key), key.length);
  }

  public void compact(@Nullable String id, long before, int keepLast, long maxBytes) {
    byte[] key = id == null ? new byte[0] : id.getBytes(StandardCharsets.UTF_8);
    database.compact(id == null ? 0 : write(key), key.length, before, keepLast, maxBytes);
  }

  public int rollBackTo(String id, long time, int sequence, long replica) {
    byte[] key = id.getBytes(StandardCharsets.UTF_8);
    return database.rollBackTo(write(key), key.length, time, sequence, replica, now);
  }

  private float[] floats(int address) {
    float[] vector = new float[database.options().dimensions()];
    for (int i = 0; i < vector.length; i++) {
      vector[i] = memory.getFloat(address + 4 * i);
    }
    return vector;
  }

  @Override
  public void close() {
    database.close();
    inputHeap.close();
  }
}
