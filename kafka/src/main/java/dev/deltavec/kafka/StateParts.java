package dev.deltavec.kafka;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.BiConsumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.jspecify.annotations.Nullable;

/**
 * States that are too large for one record. They stand in several, one behind the other: the first
 * with the vector's id as its key, part n with the id, a byte 0xFF, which UTF-8 never has, and n as
 * 4 bytes. A header {@value #HEADER} of each says how many parts there are (4 bytes) and which
 * writing it is of (8 bytes, any), all big-endian. States of one record have no header.
 */
final class StateParts {
  private static final String HEADER = "parts";
  private static final byte MARK = (byte) 0xFF;

  private StateParts() {}

  static int count(byte @Nullable [] frames, int most) {
    return frames == null ? 1 : Math.max(1, Math.ceilDiv(frames.length, most));
  }

  static byte[] key(byte[] id, int part) {
    return part == 0
        ? id
        : ByteBuffer.allocate(id.length + 5).put(id).put(MARK).putInt(part).array();
  }

  static Headers headers(int count, long writing) {
    RecordHeaders headers = new RecordHeaders();
    headers.add(HEADER, ByteBuffer.allocate(12).putInt(count).putLong(writing).array());
    return headers;
  }

  /**
   * How many records states of a shard have that have several, as far as it is known here: of those
   * that were read or written. Safe for several threads.
   */
  static final class Known {
    private final Map<String, Integer> counts = new ConcurrentHashMap<>();

    int of(String id) {
      return counts.getOrDefault(id, 1);
    }

    /** Tells that there may be so many. */
    void atLeast(String id, int count) {
      if (count > 1) {
        counts.merge(id, count, Math::max);
      }
    }

    /** Tells that there are so many, and no more. */
    void set(String id, int count) {
      if (count > 1) {
        counts.put(id, count);
      } else {
        counts.remove(id);
      }
    }
  }

  /**
   * Puts records together again. A part that does not directly follow the one before it, as of a
   * state of which the broker has already removed some, is passed by: a newer state is behind.
   */
  static final class Joiner {
    private final Known known;
    private final BiConsumer<String, byte @Nullable []> each;
    private byte[] id = {};
    private long writing;
    private int count;
    private int next; // 0: nothing has begun
    private final ByteArrayOutputStream joined = new ByteArrayOutputStream();

    Joiner(Known known, BiConsumer<String, byte @Nullable []> each) {
      this.known = known;
      this.each = each;
    }

    /** Takes the next record, which has a key of at least a byte. */
    void add(ConsumerRecord<byte[], byte[]> record) {
      byte[] key = record.key();
      byte[] value = record.value();
      int mark = mark(key);
      if (mark < key.length) {
        addPart(Arrays.copyOf(key, mark), key, value, record.headers().lastHeader(HEADER));
        return;
      }
      drop();
      Header header = record.headers().lastHeader(HEADER);
      if (header == null || value == null) {
        each.accept(text(key), value);
        return;
      }
      ByteBuffer fields = ByteBuffer.wrap(header.value());
      id = key;
      count = fields.getInt();
      writing = fields.getLong();
      next = 1;
      joined.writeBytes(value);
    }

    private void addPart(byte[] of, byte[] key, byte @Nullable [] value, @Nullable Header header) {
      int part = ByteBuffer.wrap(key).getInt(of.length + 1);
      if (value == null || header == null) {
        drop();
        return;
      }
      known.atLeast(text(of), part + 1);
      if (next == 0
          || part != next
          || !Arrays.equals(of, id)
          || ByteBuffer.wrap(header.value()).getLong(4) != writing) {
        drop();
        return;
      }
      joined.writeBytes(value);
      next++;
      if (next == count) {
        byte[] frames = joined.toByteArray();
        drop();
        each.accept(text(of), frames);
      }
    }

    private void drop() {
      next = 0;
      joined.reset();
    }

    private static int mark(byte[] key) {
      int at = 0;
      while (at < key.length && key[at] != MARK) {
        at++;
      }
      return at;
    }

    private static String text(byte[] id) {
      return new String(id, StandardCharsets.UTF_8);
    }
  }
}
