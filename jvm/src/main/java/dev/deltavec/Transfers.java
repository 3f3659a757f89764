package dev.deltavec;

import dev.deltavec.core.Database;
import dev.deltavec.core.DeltaException;
import dev.deltavec.core.ErrorCode;
import dev.deltavec.storage.LogFormat;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Exports and imports databases. Takes the lock by itself, for as short a time as will do. */
final class Transfers {
  private static final int PART_BYTES = 1 << 20;

  private final Gate gate;
  private final Store store;
  private final Following following;
  private final @Nullable Durable durable;

  Transfers(Gate gate, Store store, Following following, @Nullable Durable durable) {
    this.gate = gate;
    this.store = store;
    this.following = following;
    this.durable = durable;
  }

  // ---------------------------------------------------------------- export

  private List<MemorySegment> copy(ExportOptions options, Arena arena) {
    int flags =
        (options.index() ? Snapshots.INDEX : 0) | (options.history() ? Snapshots.HISTORY : 0);
    gate.enter();
    try {
      return Snapshots.copy(store.database(), store.memory(), flags, arena);
    } finally {
      gate.unlock();
    }
  }

  byte[] export(ExportOptions options) {
    try (Arena arena = Arena.ofConfined()) {
      List<MemorySegment> pieces = copy(options, arena);
      long bytes = pieces.stream().mapToLong(MemorySegment::byteSize).sum();
      if (bytes > Integer.MAX_VALUE - 8) {
        throw new DeltaException(
            ErrorCode.OUT_OF_MEMORY,
            "an export of " + bytes + " bytes is too large for an array: use exportTo");
      }
      byte[] all = new byte[(int) bytes];
      int at = 0;
      for (MemorySegment piece : pieces) {
        int n = (int) piece.byteSize();
        MemorySegment.copy(piece, ValueLayout.JAVA_BYTE, 0, all, at, n);
        at += n;
      }
      return all;
    }
  }

  void exportTo(OutputStream out, ExportOptions options) throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      for (MemorySegment piece : copy(options, arena)) {
        out.write(piece.toArray(ValueLayout.JAVA_BYTE));
      }
    }
  }

  // ---------------------------------------------------------------- import

  ImportResult importFrom(byte[] data) {
    try (Snapshots.Importer importer = begin(data.length)) {
      importer.feedAll(MemorySegment.ofArray(data));
      return end(importer);
    }
  }

  ImportResult importFrom(InputStream in) throws IOException {
    try (Snapshots.Importer importer = begin(0)) {
      byte[] part = new byte[PART_BYTES];
      int filled = 0;
      for (int read = in.read(part);
          read >= 0;
          read = in.read(part, filled, part.length - filled)) {
        filled += read;
        if (filled == part.length) {
          int used = (int) importer.feed(MemorySegment.ofArray(part));
          filled -= used;
          System.arraycopy(part, used, part, 0, filled);
          part = used == 0 ? Arrays.copyOf(part, part.length * 2) : part;
        }
      }
      importer.feedAll(MemorySegment.ofArray(part).asSlice(0, filled));
      return end(importer);
    }
  }

  private Snapshots.Importer begin(long expected) {
    gate.enter();
    try {
      store.recorder().requireWritable();
      return store.importer(store.options(), expected);
    } finally {
      gate.unlock();
    }
  }

  private ImportResult end(Snapshots.Importer importer) {
    final ImportResult result = importer.end();
    gate.enter();
    try {
      long replica = replicaFor(importer.database());
      importer.database().replica(replica);
      if (durable != null) {
        durable.imported(importer, replica);
      }
      importer.into(store);
      store.replica(replica);
      store.mark(LogFormat.NO_MARK);
      following.replaced();
    } finally {
      gate.unlock();
    }
    return result;
  }

  /**
   * Chooses the replica to go on as: its own number, if nothing was ever issued under it; else
   * another, as what it had issued may be elsewhere.
   */
  private long replicaFor(Database imported) {
    long replica = store.replica();
    boolean issued = store.arrived() > 0;
    imported.replica(replica);
    while (issued || imported.sequence() != 0) {
      replica = Store.randomReplica();
      imported.replica(replica);
      issued = false;
    }
    return replica;
  }
}
