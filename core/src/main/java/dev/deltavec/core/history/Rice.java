package dev.deltavec.core.history;

import dev.deltavec.core.memory.Memory;

/**
 * Rice codes (Rice and Plaunt, 1971) of small signed integers: zigzag, then a quotient in unary and
 * k low bits. The parameter k, chosen for the whole list, stands before it. A quotient of {@link
 * #ESCAPE} is followed by 32 raw bits, so no code is longer than 56 bits.
 */
public final class Rice {
  private static final int ESCAPE = 24;
  private static final int MAX_K = 24;

  private final Memory memory;
  private int at;
  private int end;
  private long bits;
  private int count;

  /** A coder over one memory. */
  public Rice(Memory memory) {
    this.memory = memory;
  }

  /** Returns the most bytes that {@code n} codes can take. */
  public static int bound(int n) {
    return 1 + n * 7;
  }

  /**
   * Writes codes.
   *
   * @param codes address of {@code n} 32-bit integers
   * @param target where to, with room for {@link #bound} bytes
   * @return the address behind the codes. O(n)
   */
  public int write(int codes, int n, int target) {
    int k = bestParameter(codes, n);
    memory.putByte(target, (byte) k);
    at = target + 1;
    bits = 0;
    count = 0;
    for (int i = 0; i < n; i++) {
      int code = zigzag(memory.getInt(codes + (i << 2)));
      int quotient = code >>> k;
      if (Integer.compareUnsigned(quotient, ESCAPE) < 0) {
        put((1L << quotient) - 1, quotient + 1); // ones, then a zero
        put(code & (1L << k) - 1, k);
      } else {
        put((1L << ESCAPE) - 1, ESCAPE);
        put(code & 0xffff_ffffL, 32);
      }
    }
    if (count > 0) {
      memory.putByte(at++, (byte) bits);
    }
    return at;
  }

  private int bestParameter(int codes, int n) {
    int best = 0;
    long least = Long.MAX_VALUE;
    for (int k = 0; k <= MAX_K; k++) {
      long size = (long) n * (k + 1);
      for (int i = 0; i < n && size < least; i++) {
        int quotient = zigzag(memory.getInt(codes + (i << 2))) >>> k;
        size += Integer.compareUnsigned(quotient, ESCAPE) < 0 ? quotient : ESCAPE + 31 - k;
      }
      if (size >= least) {
        if (k > 0) {
          break; // past the least: the size is convex in k
        }
      } else {
        least = size;
        best = k;
      }
    }
    return best;
  }

  private void put(long value, int n) {
    bits |= value << count;
    count += n;
    while (count >= 8) {
      memory.putByte(at++, (byte) bits);
      bits >>>= 8;
      count -= 8;
    }
  }

  /**
   * Reads codes.
   *
   * @param source address of what {@link #write} wrote
   * @param limit address behind the last byte that may be read
   * @param n how many codes
   * @param target address of room for {@code n} 32-bit integers, or 0 to only check
   * @return the address behind the codes, or 0 if they are malformed. O(n)
   */
  public int read(int source, int limit, int n, int target) {
    if (source == limit) {
      return 0;
    }
    int k = memory.getByte(source);
    if (k < 0 || k > MAX_K) {
      return 0;
    }
    at = source + 1;
    end = limit;
    bits = 0;
    count = 0;
    for (int i = 0; i < n; i++) {
      int quotient = 0;
      while (true) {
        if (count == 0 && !fill()) {
          return 0;
        }
        int ones = Math.min(Long.numberOfTrailingZeros(~bits), Math.min(count, ESCAPE - quotient));
        quotient += ones;
        drop(ones);
        if (quotient == ESCAPE) {
          break;
        }
        if (count > 0) {
          drop(1); // the zero
          break;
        }
      }
      int code;
      if (quotient == ESCAPE) {
        if (count < 32 && !fillTo(32)) {
          return 0;
        }
        code = (int) bits;
        drop(32);
        if (Integer.compareUnsigned(code >>> k, ESCAPE) < 0) {
          return 0; // it has a shorter form
        }
      } else {
        if (count < k && !fillTo(k)) {
          return 0;
        }
        code = quotient << k | (int) bits & (1 << k) - 1;
        drop(k);
      }
      if (target != 0) {
        memory.putInt(target + (i << 2), code >>> 1 ^ -(code & 1));
      }
    }
    at -= count >>> 3; // whole bytes that were read ahead
    return (bits & (1L << (count & 7)) - 1) == 0 ? at : 0;
  }

  private boolean fill() {
    return fillTo(1);
  }

  private boolean fillTo(int n) {
    while (count < n) {
      if (at == end) {
        return false;
      }
      bits |= (memory.getByte(at++) & 0xffL) << count;
      count += 8;
    }
    return true;
  }

  private void drop(int n) {
    bits >>>= n;
    count -= n;
  }

  private static int zigzag(int value) {
    return value << 1 ^ value >> 31;
  }
}
