package dev.deltavec.peers;

import dev.deltavec.DeltaVectorDB;
import dev.deltavec.ExportOptions;
import dev.deltavec.SearchOptions;
import dev.deltavec.SearchResult;
import dev.deltavec.VectorDelta;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** deltavec by its public API, as it comes: with history. */
final class DeltavecPeer implements Peer<DeltavecPeer.Item, float[], List<SearchResult>> {
  private static final int BATCH = 64;

  private @Nullable DeltaVectorDB db;
  private byte @Nullable [] exported;

  /**
   * A vector by its id.
   *
   * @param create the delta that makes it
   * @param replace the delta that replaces it
   */
  record Item(VectorDelta create, VectorDelta replace) {}

  @Override
  public String settings() {
    return "defaults (cosine, int8 codes with floats, history on), M=16, efConstruction=100";
  }

  @Override
  public Item value(float[] vector, int row) {
    return new Item(VectorDelta.create(id(row), vector), VectorDelta.dense(id(row), vector));
  }

  @Override
  public float[] query(float[] vector) {
    return vector;
  }

  @Override
  public void clear(int capacity) {
    close();
    db = builder().maxVectors(capacity).build();
  }

  @Override
  public void build(List<Item> items) {
    for (int from = 0; from < items.size(); from += BATCH) {
      List<VectorDelta> batch = new ArrayList<>(BATCH);
      for (int i = from; i < Math.min(from + BATCH, items.size()); i++) {
        batch.add(items.get(i).create());
      }
      opened().applyDeltas(batch);
    }
    opened().repair();
  }

  @Override
  public List<SearchResult> search(float[] query, int k, int effort) {
    return opened().search(query, k, SearchOptions.defaults().withEfSearch(effort));
  }

  @Override
  public int[] rows(List<SearchResult> result) {
    return result.stream().mapToInt(each -> Integer.parseInt(each.id().substring(1))).toArray();
  }

  @Override
  public void update(Item item, int row) {
    opened().applyDelta(item.replace());
  }

  @Override
  public void remove(int row) {
    opened().applyDelta(VectorDelta.delete(id(row)));
  }

  @Override
  public void settle() {
    opened().repair();
  }

  @Override
  public long nativeBytes() {
    return opened().stats().memoryBytes();
  }

  @Override
  public long exportAll() {
    exported = opened().export(new ExportOptions(true, true));
    return exported.length;
  }

  @Override
  public void importAll() {
    close();
    db = builder().build();
    opened().importFrom(Objects.requireNonNull(exported));
  }

  @Override
  public void close() {
    if (db != null) {
      db.close();
      db = null;
    }
  }

  private static DeltaVectorDB.Builder builder() {
    return DeltaVectorDB.builder()
        .dimensions(PeerData.DIMENSIONS)
        .hnswM(16)
        .hnswEfConstruction(100);
  }

  private DeltaVectorDB opened() {
    return Objects.requireNonNull(db);
  }

  /** Id of a vector: 8 characters. */
  private static String id(int row) {
    char[] zeros = new char[8];
    Arrays.fill(zeros, '0');
    zeros[0] = 'v';
    String digits = Integer.toString(row);
    digits.getChars(0, digits.length(), zeros, zeros.length - digits.length());
    return new String(zeros);
  }
}
