package dev.deltavec.server.search;

import dev.deltavec.SearchResult;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;

/**
 * What one node has found in the shards that it was asked for.
 *
 * @param results the closest first
 * @param missing shards that are not there, or not ready
 */
public record PartialAnswer(List<SearchResult> results, List<Integer> missing) {
  private static final int VERSION = 1;

  /** Makes the lists unmodifiable. */
  public PartialAnswer {
    results = List.copyOf(results);
    missing = List.copyOf(missing);
  }

  /** Returns it as bytes. */
  public byte[] encode() {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream(64 + results.size() * 32);
    DataOutputStream out = new DataOutputStream(bytes);
    try {
      out.writeByte(VERSION);
      out.writeInt(missing.size());
      for (int shard : missing) {
        out.writeInt(shard);
      }
      out.writeInt(results.size());
      for (SearchResult result : results) {
        out.writeFloat(result.score());
        SearchRequest.text(out, result.id());
      }
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
  public static PartialAnswer decode(byte[] bytes) throws IOException {
    DataInputStream in = new DataInputStream(new ByteArrayInputStream(bytes));
    if (in.readByte() != VERSION) {
      throw new IOException("an answer of another release");
    }
    int count = SearchRequest.count(in);
    List<Integer> missing = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      missing.add(in.readInt());
    }
    int hits = in.readInt();
    List<SearchResult> results = new ArrayList<>();
    for (int i = 0; i < hits; i++) {
      float score = in.readFloat();
      results.add(new SearchResult(SearchRequest.text(in), score));
    }
    return new PartialAnswer(results, missing);
  }
}
