package dev.deltavec;

import dev.deltavec.core.DeltaException;
import dev.deltavec.core.ErrorCode;
import dev.deltavec.core.Reader;
import dev.deltavec.core.memory.Buffer;
import dev.deltavec.jvm.Platform;
import dev.deltavec.jvm.SegmentMemory;
import java.nio.charset.StandardCharsets;

/**
 * Searches a database's memory beside the database, with scratch of its own in that memory. For one
 * thread at a time, while nobody writes.
 */
final class ExtraReader implements Seeker {
  private final SegmentMemory memory;
  private final Reader reader;
  private final int dimensions;
  private final Buffer input;
  private final Buffer out;
  private byte[] text = new byte[64];

  /**
   * A reader of what a store holds at present.
   *
   * @throws DeltaException {@code OUT_OF_MEMORY}
   */
  ExtraReader(Store store) {
    memory = store.memory();
    dimensions = store.options().dimensions();
    reader =
        Reader.attach(memory, Platform.kernels(memory), store.options(), store.database().root());
    input = reader.newBuffer();
    out = reader.newBuffer();
  }

  @Override
  public SegmentMemory memory() {
    return memory;
  }

  @Override
  public int reserve(long bytes) {
    if (bytes > 1 << 30) {
      throw new DeltaException(
          ErrorCode.OUT_OF_MEMORY, "no memory for a call with " + bytes + " bytes of input");
    }
    return input.reserve((int) bytes);
  }

  @Override
  public int search(int query, int k, int efSearch, int mode, int filter, int filterBytes) {
    reader.refresh();
    return reader.search(query, dimensions, k, efSearch, mode, filter, filterBytes, out);
  }

  @Override
  public int output() {
    return out.address();
  }

  @Override
  public String text(int address, int bytes) {
    if (text.length < bytes) {
      text = new byte[Math.max(bytes, text.length * 2)];
    }
    memory.getBytes(address, text, bytes);
    return new String(text, 0, bytes, StandardCharsets.UTF_8);
  }
}
