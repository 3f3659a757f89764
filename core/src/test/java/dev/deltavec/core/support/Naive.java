package dev.deltavec.core.support;

import dev.deltavec.core.delta.DeltaId;
import dev.deltavec.core.delta.Frame;
import dev.deltavec.core.delta.FrameReader;
import dev.deltavec.core.delta.Utf8;
import dev.deltavec.core.json.MergePatch;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/**
 * The naive database with history: a list of deltas for each vector, folded anew whenever somebody
 * asks.
 */
public final class Naive {
  /** A delta; {@code frame} is its sealed frame. */
  public record Delta(
      DeltaId id,
      String vector,
      int operation,
      int[] indices,
      float[] values,
      byte[] patch,
      byte[] frame) {}

  /** What a vector is. */
  public record State(float[] values, String metadata) {}

  private final int dimensions;
  public final TreeMap<String, TreeMap<DeltaId, Delta>> chains = new TreeMap<>();

  public Naive(int dimensions) {
    this.dimensions = dimensions;
  }

  public boolean has(Delta delta) {
    TreeMap<DeltaId, Delta> chain = chains.get(delta.vector);
    return chain != null && chain.containsKey(delta.id);
  }

  public void add(Delta delta) {
    chains.computeIfAbsent(delta.vector, id -> new TreeMap<>()).put(delta.id, delta);
  }

  public @Nullable State at(String vector, long time) {
    return fold(vector, new DeltaId(time, -1, (1L << 48) - 1));
  }

  /** Folds a vector's deltas up to and with one. */
  public @Nullable State fold(String vector, DeltaId upTo) {
    float[] values = new float[dimensions];
    byte[] metadata = new byte[0];
    boolean alive = false;
    TreeMap<DeltaId, Delta> chain = chains.get(vector);
    if (chain == null) {
      return null;
    }
    for (Delta delta : chain.headMap(upTo, true).values()) {
      if (delta.operation == Frame.DELETE) {
        alive = false;
        continue;
      }
      if (!alive) {
        if (delta.operation != Frame.CREATE) {
          continue;
        }
        alive = true;
        metadata = new byte[0];
      }
      for (int i = 0; i < dimensions; i++) {
        switch (delta.operation) {
          case Frame.CREATE, Frame.DENSE -> values[i] = delta.values[i];
          case Frame.SCALE -> values[i] = limited(values[i] * delta.values[0]);
          case Frame.OFFSET -> values[i] = limited(values[i] + delta.values[0]);
          default -> {
            for (int k = 0; k < delta.indices.length; k++) {
              if (delta.indices[k] == i) {
                values[i] = delta.values[k];
              }
            }
          }
        }
      }
      if (delta.patch.length > 0) {
        metadata = MergePatch.apply(metadata, delta.patch);
      }
    }
    return alive ? new State(values, new String(metadata, StandardCharsets.UTF_8)) : null;
  }

  private static float limited(float x) {
    return Math.max(-Float.MAX_VALUE, Math.min(Float.MAX_VALUE, x));
  }

  /** Reads the deltas that came into a database from an arrival number on. */
  public static List<Delta> read(TestDatabase db, int from) {
    List<Delta> deltas = new ArrayList<>();
    FrameReader reader = new FrameReader(db.memory);
    for (int next = from; next < db.database.arrived(); next = db.database.next()) {
      int n = db.database.read(next, 500);
      int at = db.database.output();
      for (int i = 0; i < n; i++) {
        reader.readLogged(at);
        int[] indices = new int[0];
        if (reader.operation() == Frame.SPARSE || reader.operation() == Frame.RUNS) {
          indices = new int[reader.count()];
          int scratch = db.memory.allocate(1 << 16);
          reader.decodeIndices(scratch);
          for (int k = 0; k < indices.length; k++) {
            indices[k] = db.memory.getInt(scratch + 4 * k);
          }
          db.memory.release(scratch, 1 << 16);
        }
        float[] values = new float[reader.count()];
        for (int k = 0; k < values.length; k++) {
          values[k] = db.memory.getFloat(reader.values() + 4 * k);
        }
        deltas.add(
            new Delta(
                new DeltaId(reader.time(), reader.sequence(), reader.replica()),
                Utf8.decode(db.memory, reader.id(), reader.idBytes()),
                reader.operation(),
                indices,
                values,
                bytes(db, reader.metadata(), reader.metadataBytes()),
                sealed(bytes(db, at, reader.end() - at))));
        at = reader.end();
      }
    }
    return deltas;
  }

  private static byte[] bytes(TestDatabase db, int address, int n) {
    byte[] copy = new byte[n];
    for (int i = 0; i < n; i++) {
      copy[i] = db.memory.getByte(address + i);
    }
    return copy;
  }

  /** Seals a frame with the JDK's checksum. */
  public static byte[] sealed(byte[] frame) {
    byte[] sealed = frame.clone();
    sealed[8] |= (byte) Frame.SEALED;
    CRC32C crc = new CRC32C();
    crc.update(sealed, 8, sealed.length - 8);
    for (int i = 0; i < 4; i++) {
      sealed[4 + i] = (byte) (crc.getValue() >>> 8 * i);
    }
    return sealed;
  }
}
