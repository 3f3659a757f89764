package dev.deltavec.jvm;

import dev.deltavec.core.memory.Kernels;
import dev.deltavec.core.memory.ScalarKernels;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.zip.CRC32C;

/** Checksums by the JDK, which has processors compute them. */
final class Checksums {
  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private Checksums() {}

  /**
   * See {@link Kernels#crc32c}.
   *
   * @param scalar kernels over the same memory
   */
  static int crc32c(SegmentMemory memory, ScalarKernels scalar, int crc, int address, int bytes) {
    if (bytes >= 0 && bytes < Integer.BYTES) {
      return scalar.crc32c(crc, address, bytes);
    }
    MemorySegment range = memory.slice(address, Integer.toUnsignedLong(bytes));
    CRC32C checksum = new CRC32C();
    if (crc != 0) {
      // The JDK always begins anew; what comes before is what the first four bytes are added to.
      int first = range.get(INT, 0) ^ crc;
      for (int shift = 0; shift < Integer.SIZE; shift += Byte.SIZE) {
        checksum.update(first >>> shift);
      }
      range = range.asSlice(Integer.BYTES);
    }
    checksum.update(range.asByteBuffer());
    return (int) checksum.getValue();
  }
}
