package dev.deltavec.client;

import java.io.ByteArrayOutputStream;
import java.util.Map;
import java.util.TreeMap;
import java.util.zip.CRC32C;

/** Reads and writes a database's cursor: what it has seen ({@code docs/format.md}). */
final class Seen {
  private static final int HEAD = 4;
  private static final int SUM = 4;

  private final byte[] bytes;
  private int at = HEAD;

  private Seen(byte[] bytes) {
    this.bytes = bytes;
  }

  /** Returns the sequence numbers by replica; the bytes are those of a database. */
  static Map<Long, Intervals> read(byte[] cursor) {
    Map<Long, Intervals> seen = new TreeMap<>();
    if (cursor.length > 0) {
      Seen reader = new Seen(cursor);
      for (long replicas = reader.varint(); replicas > 0; replicas--) {
        long replica = Bytes.get48(cursor, reader.at);
        reader.at += 6;
        Intervals intervals = new Intervals();
        long last = 0;
        for (long count = reader.varint(); count > 0; count--) {
          long first = last + reader.varint();
          last = first + reader.varint();
          intervals.add(first, last);
        }
        seen.put(replica, intervals);
      }
    }
    return seen;
  }

  /** Writes a cursor. */
  static byte[] write(Map<Long, Intervals> seen) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    out.writeBytes(new byte[] {'D', 'V', 'C', 1});
    Map<Long, Intervals> sorted = new TreeMap<>(seen);
    sorted.values().removeIf(Intervals::isEmpty);
    Bytes.putVarint(out, sorted.size());
    sorted.forEach((replica, intervals) -> {
      Bytes.put48(out, replica);
      Bytes.putVarint(out, intervals.size());
      long[] last = {0};
      intervals.forEach((first, end) -> {
        Bytes.putVarint(out, first - last[0]);
        Bytes.putVarint(out, end - first);
        last[0] = end;
      });
    });
    CRC32C sum = new CRC32C();
    sum.update(out.toByteArray());
    Bytes.put32(out, (int) sum.getValue());
    return out.toByteArray();
  }

  private long varint() {
    long value = 0;
    for (int shift = 0; ; shift += 7) {
      if (at >= bytes.length - SUM) {
        throw new IllegalStateException("a cursor is cut off");
      }
      byte next = bytes[at++];
      value |= (next & 127L) << shift;
      if (next >= 0) {
        return value;
      }
    }
  }
}
