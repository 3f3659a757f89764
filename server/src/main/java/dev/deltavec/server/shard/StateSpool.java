package dev.deltavec.server.shard;

import java.io.BufferedOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.Map;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * States as they come from the log, in a file, until it is known which is the last of each vector:
 * merging one that is not the last could bring back what is gone. Memory: some 100 bytes for each
 * vector. For use by one thread.
 */
final class StateSpool implements AutoCloseable {
  private static final int BATCH = 1 << 20;

  /** A state in the file. */
  private record Place(long at, int bytes) {}

  private final Path file;
  private final DataOutputStream out;
  private final Map<String, Place> places = new HashMap<>();
  private long written;

  StateSpool(Path file) throws IOException {
    this.file = file;
    Files.createDirectories(file.toAbsolutePath().getParent());
    out = new DataOutputStream(new BufferedOutputStream(Files.newOutputStream(file), 1 << 16));
  }

  /** Takes a state, in place of the one that the vector had; null for none. */
  void add(String id, byte @Nullable [] frames) {
    if (frames == null) {
      places.remove(id);
      return;
    }
    try {
      out.write(frames);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    places.put(id, new Place(written, frames.length));
    written += frames.length;
  }

  /** Gives the states that count, many at a time, as a stream for a merge. */
  void drain(Consumer<byte[]> merge) throws IOException {
    out.flush();
    Place[] sorted = places.values().toArray(Place[]::new);
    Arrays.sort(sorted, Comparator.comparingLong(Place::at));
    try (FileChannel in = FileChannel.open(file, StandardOpenOption.READ)) {
      int from = 0;
      while (from < sorted.length) {
        int to = from;
        int bytes = 0;
        do {
          bytes += sorted[to].bytes;
          to++;
        } while (to < sorted.length && bytes + sorted[to].bytes <= BATCH);
        ByteBuffer batch = ByteBuffer.allocate(bytes);
        for (int i = from; i < to; i++) {
          ByteBuffer part = batch.slice(batch.position(), sorted[i].bytes);
          for (long at = sorted[i].at; part.hasRemaining(); ) {
            int n = in.read(part, at);
            if (n < 0) {
              throw new IOException(file + " has become shorter");
            }
            at += n;
          }
          batch.position(batch.position() + sorted[i].bytes);
        }
        merge.accept(batch.array());
        from = to;
      }
    }
  }

  @Override
  public void close() throws IOException {
    out.close();
    Files.deleteIfExists(file);
  }
}
