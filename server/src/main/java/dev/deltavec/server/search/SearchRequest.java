package dev.deltavec.server.search;

import dev.deltavec.server.node.Query;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/**
 * What one node asks another: to search some shards. On the wire: a version; k, candidates (0: as
 * configured), milliseconds left; the shards, the prefixes and the filter, each with their number
 * before; the vector's length and its floats, little-endian. Nodes of a service run one release.
 *
 * @param query what to search for; its deadline is what is left of it
 * @param shards which shards
 */
public record SearchRequest(Query query, List<Integer> shards) {
  private static final int VERSION = 1;

  /** Most that is read of one kind, so that what is no request takes no memory. */
  private static final int MOST = 1 << 17;

  /** Makes the list unmodifiable. */
  public SearchRequest {
    shards = List.copyOf(shards);
  }

  /** Returns it as bytes. */
  public byte[] encode() {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream(64 + query.vector().length * 4);
    DataOutputStream out = new DataOutputStream(bytes);
    try {
      Integer ef = query.efSearch();
      String filter = query.filterJson();
      out.writeByte(VERSION);
      out.writeInt(query.k());
      out.writeInt(ef == null ? 0 : ef);
      out.writeInt((int) Math.min(Integer.MAX_VALUE, query.deadline().toMillis()));
      out.writeInt(shards.size());
      for (int shard : shards) {
        out.writeInt(shard);
      }
      out.writeInt(query.prefixes().size());
      for (String prefix : query.prefixes()) {
        text(out, prefix);
      }
      text(out, filter == null ? "" : filter);
      out.writeInt(query.vector().length);
      ByteBuffer floats =
          ByteBuffer.allocate(query.vector().length * 4).order(ByteOrder.LITTLE_ENDIAN);
      floats.asFloatBuffer().put(query.vector());
      out.write(floats.array());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return bytes.toByteArray();
  }

  /**
   * Reads what {@link #encode} wrote.
   *
   * @throws IOException if it is something else
   */
  public static SearchRequest decode(byte[] bytes) throws IOException {
    DataInputStream in = new DataInputStream(new ByteArrayInputStream(bytes));
    if (in.readByte() != VERSION) {
      throw new IOException("a search of another release");
    }
    int k = in.readInt();
    int ef = in.readInt();
    int left = in.readInt();
    int count = count(in);
    List<Integer> shards = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      shards.add(in.readInt());
    }
    count = count(in);
    List<String> prefixes = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      prefixes.add(text(in));
    }
    String filter = text(in);
    float[] vector = new float[count(in)];
    byte[] floats = new byte[vector.length * 4];
    in.readFully(floats);
    ByteBuffer.wrap(floats).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer().get(vector);
    return new SearchRequest(
        new Query(
            vector,
            k,
            ef == 0 ? null : ef,
            filter.isEmpty() ? null : filter,
            prefixes,
            Duration.ofMillis(Math.max(1, left))),
        shards);
  }

  static void text(DataOutputStream out, String text) throws IOException {
    byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
    out.writeInt(utf8.length);
    out.write(utf8);
  }

  static String text(DataInputStream in) throws IOException {
    byte[] utf8 = new byte[count(in)];
    in.readFully(utf8);
    return new String(utf8, StandardCharsets.UTF_8);
  }

  static int count(DataInputStream in) throws IOException {
    int count = in.readInt();
    if (count < 0 || count > MOST) {
      throw new IOException("not what a node sends: " + count);
    }
    return count;
  }
}
