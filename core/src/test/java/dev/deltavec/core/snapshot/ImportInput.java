package dev.deltavec.core.snapshot;

import dev.deltavec.core.DatabaseOptions;
import dev.deltavec.core.Metric;
import dev.deltavec.core.Quantization;
import dev.deltavec.core.delta.Frame;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.zip.CRC32C;

/**
 * What a fuzzer's bytes stand for: a byte of choices, and a stream of snapshots. The stream is put
 * right where any damage would be found at once (lengths, checksums, what is counted), so that the
 * rest is looked at; options are those that its first head names, so that it is not refused for
 * them. Putting right changes nothing in what was put right before.
 */
record ImportInput(int choices, byte[] stream, DatabaseOptions options) {
  /** The stream stays as it is. */
  static final int AS_IT_IS = 1;

  /** The database keeps no history. */
  static final int NO_HISTORY = 2;

  /** The database has another metric, so that the graph does not suit it. */
  static final int OTHER_METRIC = 4;

  /** The database holds five vectors. */
  static final int FEW = 8;

  /** The database has one dimension more. */
  static final int OTHER_DIMENSIONS = 16;

  /** Heads keep their numbers of vectors and deltas. */
  static final int OWN_COUNTS = 32;

  /** The platform gives less memory than usual. */
  static final int SCARCE = 64;

  private static final int MOST_DIMENSIONS = 40;

  // In the payload of a head.
  private static final int DIMENSIONS = 8;
  private static final int LIVE = 36;
  private static final int DELTAS = 40;

  static ImportInput of(byte[] data) {
    int choices = data.length == 0 ? 0 : data[0];
    byte[] stream = Arrays.copyOfRange(data, Math.min(1, data.length), data.length);
    if ((choices & AS_IT_IS) == 0) {
      new Repair(stream, (choices & OWN_COUNTS) == 0).run();
    }
    return new ImportInput(choices, stream, options(stream, choices));
  }

  /** Returns whether the database may have little memory only. */
  boolean isScarce() {
    return (choices & SCARCE) != 0;
  }

  /** Returns bytes that stand for the same. */
  byte[] toBytes() {
    byte[] data = new byte[1 + stream.length];
    data[0] = (byte) choices;
    System.arraycopy(stream, 0, data, 1, stream.length);
    return data;
  }

  private static DatabaseOptions options(byte[] stream, int choices) {
    byte[] start = Arrays.copyOf(stream, Sections.HEADER + Sections.HEAD_BYTES);
    ByteBuffer head = ByteBuffer.wrap(start).order(ByteOrder.LITTLE_ENDIAN);
    int at = Sections.HEADER + DIMENSIONS;
    int dimensions = within(head.getInt(at), 1, MOST_DIMENSIONS, 4);
    int metric = within(head.getInt(at + 4), 0, 2, 0);
    int quantization = within(head.getInt(at + 12), 0, 2, 0);
    boolean floats = head.getInt(at + 16) != 0 || quantization == 0;
    return DatabaseOptions.builder()
        .dimensions(dimensions + ((choices & OTHER_DIMENSIONS) == 0 ? 0 : 1))
        .metric(Metric.values()[(metric + ((choices & OTHER_METRIC) == 0 ? 0 : 1)) % 3])
        .hnswM(within(head.getInt(at + 8), 3, DatabaseOptions.MAX_M, 3))
        .quantization(Quantization.values()[quantization])
        .keepFloats(floats)
        .grid(floats ? within(head.getInt(at + 20), 0, Frame.MAX_GRID, 0) : 0)
        .history(floats && (choices & NO_HISTORY) == 0)
        .maxVectors((choices & FEW) == 0 ? 1000 : 5)
        .checkpointInterval(3)
        .replica(0x0123_4567_89abL)
        .build();
  }

  private static int within(int value, int least, int most, int otherwise) {
    return value >= least && value <= most ? value : otherwise;
  }

  /** Puts a stream right. Sections are where their magic is: each goes on up to the next one. */
  private static final class Repair {
    private final byte[] stream;
    private final ByteBuffer view;
    private final boolean counts;
    private int sections;
    private int checksums;

    /** Of the snapshot: its head, whether it is whole, what is in it so far. */
    private int head = -1;

    private boolean whole;
    private int live;
    private int deltas;

    Repair(byte[] stream, boolean counts) {
      this.stream = stream;
      this.counts = counts;
      view = ByteBuffer.wrap(stream).order(ByteOrder.LITTLE_ENDIAN);
    }

    void run() {
      for (int at = next(0); at < stream.length; ) {
        int end = next(at + Sections.HEADER);
        if (end - at < Sections.HEADER) {
          return;
        }
        section(at, end);
        at = end;
      }
    }

    private int next(int from) {
      for (int at = from; at + 4 <= stream.length; at++) {
        if (view.getInt(at) == Sections.MAGIC) {
          return at;
        }
      }
      return stream.length;
    }

    private void section(int at, int end) {
      int payload = at + Sections.HEADER;
      view.putInt(at + 8, end - payload);
      switch (view.getInt(at + 4)) {
        case Sections.HEAD -> {
          sections = 0;
          checksums = 0;
          live = 0;
          deltas = 0;
          head = end - payload < Sections.HEAD_BYTES ? -1 : at;
          whole = head >= 0 && (view.getInt(payload + 4) & SnapshotWriter.INCREMENT) == 0;
        }
        case Sections.VECTORS -> countVectors(payload, end);
        case Sections.CHAINS -> countDeltas(payload, end);
        case Sections.END -> {
          if (counts && whole) {
            count();
          }
          if (end - payload == 8) {
            view.putInt(payload, sections);
            view.putInt(payload + 4, checksums);
          }
        }
        default -> {
          // Nothing is counted.
        }
      }
      int checksum = seal(at, end);
      sections++;
      checksums = Integer.rotateLeft(checksums, 1) ^ checksum;
    }

    private int seal(int at, int end) {
      CRC32C crc = new CRC32C();
      crc.update(stream, at + 4, 8);
      crc.update(stream, at + Sections.HEADER, end - at - Sections.HEADER);
      view.putInt(at + 12, (int) crc.getValue());
      return (int) crc.getValue();
    }

    /** Writes what was counted into the head, and all checksums since once more. */
    private void count() {
      int payload = head + Sections.HEADER;
      view.putInt(payload + LIVE, live);
      view.putInt(payload + DELTAS, deltas);
      int end = payload + view.getInt(head + 8);
      int before = view.getInt(head + 12);
      int difference = before ^ seal(head, end);
      checksums ^= Integer.rotateLeft(difference, sections - 1);
    }

    private int rowBytes() {
      int at = head + Sections.HEADER + DIMENSIONS;
      int dimensions = within(view.getInt(at), 1, MOST_DIMENSIONS, 4);
      int padded = (dimensions + 31) & -32;
      boolean floats = view.getInt(at + 16) != 0;
      return floats ? dimensions << 2 : view.getInt(at + 12) == 2 ? padded >> 1 : padded;
    }

    private void countVectors(int from, int end) {
      if (!whole) {
        return;
      }
      for (long at = from; at + Sections.VECTOR_BYTES <= end; ) {
        long id = view.getInt((int) at + 4);
        long json = view.getInt((int) at + 8);
        at += Sections.VECTOR_BYTES;
        if (id < 0 || json < 0) {
          return;
        }
        if (id > 0) {
          live++;
          at += id + json + rowBytes();
        }
      }
    }

    private void countDeltas(int from, int end) {
      if (!whole) {
        return;
      }
      int dimensions = view.getInt(head + Sections.HEADER + DIMENSIONS);
      for (long at = from; at >= from && at + Sections.CHAIN_BYTES <= end; ) {
        int entries = view.getInt((int) at + 8);
        at += Sections.CHAIN_BYTES;
        at += view.getInt((int) at - Sections.CHAIN_BYTES) < 0 ? view.getInt((int) at - 4) : 0;
        for (int i = 0; i < entries; i++) {
          if (at < from || at + 8 > end) {
            return;
          }
          if (view.getInt((int) at) != -1) {
            deltas++;
            at += 4 + (view.getInt((int) at + 4) & Frame.MAX_BYTES);
          } else if (at + Sections.CHECKPOINT_BYTES <= end) {
            boolean alive = view.getInt((int) at + 4) != 0;
            long json = view.getInt((int) at + 8);
            at += Sections.CHECKPOINT_BYTES + json + (alive ? dimensions * 4L : 0);
          } else {
            return;
          }
        }
      }
    }
  }
}
