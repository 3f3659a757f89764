package dev.deltavec.peers;

import java.io.IOException;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * One of the databases that are compared. Rows are counted from 0; a database that has ids of its
 * own keeps the map. Only {@code build}, {@code search}, {@code update}, {@code remove}, {@code
 * settle}, {@code exportAll} and {@code importAll} are timed: what these need is made before, by
 * {@code value} and {@code query}.
 *
 * @param <V> a vector with its id, as it takes them
 * @param <Q> a query, as it takes it
 * @param <R> the result of a search
 */
interface Peer<V, Q, R> extends AutoCloseable {
  /** Its settings, in words. */
  String settings();

  V value(float[] vector, int row);

  Q query(float[] vector);

  /** Gives up the database that there is, if there is one, and makes an empty one. */
  void clear(int capacity) throws IOException;

  /** Stores all rows from 0 on; when it is done, all of them are searchable by the index. */
  void build(List<V> values) throws IOException;

  R search(Q query, int k, int effort) throws IOException;

  /** The rows of a result, closest first. */
  int[] rows(R result) throws IOException;

  /**
   * Replaces a vector: behind {@code settle}, if not before, a search finds the new one, and the
   * old one no more.
   */
  void update(V value, int row) throws IOException;

  void remove(int row) throws IOException;

  /** Does what changes have put off. */
  default void settle() throws IOException {}

  /** Bytes outside of the heap. */
  default long nativeBytes() throws IOException {
    return 0;
  }

  /** Exports to a file or folder that it chooses, or to memory; returns the bytes. */
  long exportAll() throws IOException;

  /** Replaces the database by what was exported. */
  void importAll() throws IOException;

  @Override
  void close() throws IOException;

  /**
   * The peer of a name, as the command line has them.
   *
   * @throws IllegalArgumentException if there is none
   */
  static Peer<?, ?, ?> of(@Nullable String name) {
    return switch (name) {
      case "deltavec" -> new DeltavecPeer();
      case "jvector" -> new JvectorPeer();
      case "lucene" -> new LucenePeer(false, false);
      case "lucene-late" -> new LucenePeer(false, true);
      case "lucene-int8" -> new LucenePeer(true, false);
      case "hnswlib-core" -> new HnswlibPeer();
      case null, default -> throw new IllegalArgumentException("no such database: " + name);
    };
  }
}
