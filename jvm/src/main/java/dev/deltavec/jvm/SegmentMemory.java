package dev.deltavec.jvm;

import dev.deltavec.core.memory.Memory;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.ref.Cleaner;
import java.nio.ByteOrder;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * {@link Memory} on the JVM: native memory behind up to 4 GiB of addresses.
 *
 * <p>The address space has four banks of 1 GiB; a bank is one {@link MemorySegment}, as large as
 * what is in use and up to an eighth more. When regions outgrow it, the bank is copied to a larger
 * segment: addresses are offsets into banks, so regions stay where they are for whoever uses
 * addresses, while segments handed out before (see {@link #slice}) end. An access to bank 0, where
 * everything is in most databases, needs one bounds check and no table; that is two to three times
 * faster than a table of small segments that never move, and what growth copies is at most eight
 * times the final size.
 *
 * <p>Java does not count this memory against any limit of its own, so the limit given here is the
 * one that holds; beyond it, or where the system refuses, {@link #allocate} returns 0. Memory goes
 * back to the system on {@link #close}, or when the garbage collector finds that nobody holds this
 * object any more.
 *
 * <p>Accesses outside of granted memory throw {@link IndexOutOfBoundsException}, those after {@link
 * #close} {@link IllegalStateException}. Any thread may use it. Several may at a time if none
 * writes what another reads, and if the memory does not move meanwhile: see {@link #growsIf}.
 */
public final class SegmentMemory implements Memory, AutoCloseable {
  /** The most that one memory can hold: all of its addresses. */
  public static final long MAX_BYTES = 1L << 32;

  static final int BANK_SHIFT = 30;
  static final long BANK_BYTES = 1L << BANK_SHIFT;
  static final int OFFSET_MASK = (1 << BANK_SHIFT) - 1;
  private static final int BANKS = 4;

  /**
   * Where the first region of a bank begins. So address 0 is nobody's, and as regions are multiples
   * of 64 KiB, no region ends where the next bank begins: a block never lies across two banks.
   */
  static final int BANK_START = 64;

  private static final int FIRST_BYTES = 1 << 20;

  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private static final long ZERO_BYTES = 4096;
  private static final MemorySegment ZEROS = Arena.global().allocate(ZERO_BYTES).asReadOnly();

  private static final Cleaner CLEANER = Cleaner.create();

  /** Bank 0 once more, in a field: the path of most accesses. */
  private MemorySegment first = MemorySegment.NULL;

  private final MemorySegment[] banks = new MemorySegment[BANKS];
  private final Arenas arenas = new Arenas();
  private final Cleaner.Cleanable cleanable;

  /** Offset behind the last region of each bank. */
  private final long[] tops = new long[BANKS];

  /** Offset from which on a bank's bytes are zero, as nobody has ever used them. */
  private final long[] touched = new long[BANKS];

  /**
   * Released regions below the tops: length by address, as unsigned numbers; neighbours are joined.
   */
  private final TreeMap<Long, Long> holes = new TreeMap<>();

  /** The bank that grows; those before it only take what fits. */
  private int growing;

  private BooleanSupplier mayGrow = () -> true;

  private final long limit;
  private final int firstBank;
  private final long bankBytes;

  /** An empty memory without a limit of its own. */
  public SegmentMemory() {
    this(MAX_BYTES);
  }

  /**
   * An empty memory.
   *
   * @param limit the most bytes to take from the system, 0 to {@link #MAX_BYTES}; what growth
   *     copies at the moment counts once
   * @throws IllegalArgumentException if the limit is out of range
   */
  public SegmentMemory(long limit) {
    this(limit, 0, BANK_BYTES);
  }

  /**
   * For tests: a memory of which only a part is used.
   *
   * @param firstBank the bank that the first region lies in, 0 to 3
   * @param bankBytes the largest size of a bank, to {@link #BANK_BYTES}
   */
  SegmentMemory(long limit, int firstBank, long bankBytes) {
    if (limit < 0 || limit > MAX_BYTES) {
      throw new IllegalArgumentException("limit must be from 0 to 2^32, not " + limit);
    }
    this.limit = limit;
    this.bankBytes = bankBytes;
    this.firstBank = firstBank;
    growing = firstBank;
    for (int bank = 0; bank < BANKS; bank++) {
      banks[bank] = MemorySegment.NULL;
      tops[bank] = BANK_START;
      touched[bank] = BANK_START;
    }
    cleanable = CLEANER.register(this, arenas);
  }

  /** Returns the bytes taken from the system at present. */
  public long physicalBytes() {
    long sum = 0;
    for (MemorySegment bank : banks) {
      sum += bank.byteSize();
    }
    return sum;
  }

  /**
   * Gives all memory back to the system. Every access throws {@link IllegalStateException} from
   * then on.
   */
  @Override
  public void close() {
    cleanable.clean();
  }

  /**
   * Takes memory for regions to come at once, so that it need not grow, and be copied, step by
   * step. Takes less, or none, where the limit or the system has no more.
   *
   * @param bytes how much all regions are expected to take
   */
  public void expect(long bytes) {
    long end = Math.min(BANK_START + bytes, Math.min(bankBytes, limit));
    if (growing == firstBank && end > banks[growing].byteSize()) {
      grow(growing, end);
    }
  }

  /**
   * Sets who says whether the memory may grow, and be moved by that. Where it may not, {@link
   * #allocate} gives what there is room for, or 0.
   *
   * @param condition asked in the thread that allocates
   */
  public void growsIf(BooleanSupplier condition) {
    mayGrow = condition;
  }

  // ---------------------------------------------------------------- regions

  @Override
  public synchronized int allocate(int bytes) {
    long size = Integer.toUnsignedLong(bytes);
    if (size == 0 || (size & (REGION_UNIT - 1)) != 0) {
      throw new IllegalArgumentException("a region of " + size + " bytes");
    }
    if (arenas.closed) {
      throw new IllegalStateException("the memory is closed");
    }
    for (Map.Entry<Long, Long> hole : holes.entrySet()) {
      if (hole.getValue() >= size) {
        return takeFromHole(hole.getKey(), hole.getValue(), size);
      }
    }
    for (int bank = 0; bank < growing; bank++) {
      if (tops[bank] + size <= banks[bank].byteSize()) {
        return takeFromTop(bank, size);
      }
    }
    if (hasRoom(growing, tops[growing] + size)) {
      return takeFromTop(growing, size);
    }
    // No room for the copy that growing needs, or no addresses: the next bank begins small.
    if (growing + 1 < BANKS && hasRoom(growing + 1, BANK_START + size)) {
      return takeFromTop(++growing, size);
    }
    return 0;
  }

  private int takeFromHole(long hole, long holeBytes, long size) {
    holes.remove(hole);
    if (holeBytes > size) {
      holes.put(hole + size, holeBytes - size);
    }
    int address = (int) hole;
    clear(address, (int) size);
    return address;
  }

  private int takeFromTop(int bank, long size) {
    long offset = tops[bank];
    tops[bank] = offset + size;
    if (offset < touched[bank]) {
      clear(
          bank << BANK_SHIFT | (int) offset, (int) (Math.min(tops[bank], touched[bank]) - offset));
    }
    touched[bank] = Math.max(touched[bank], tops[bank]);
    return bank << BANK_SHIFT | (int) offset;
  }

  @Override
  public synchronized void release(int address, int bytes) {
    long start = Integer.toUnsignedLong(address);
    long end = start + Integer.toUnsignedLong(bytes);
    Map.Entry<Long, Long> before = holes.lowerEntry(start);
    if (before != null && before.getKey() + before.getValue() == start) {
      start = before.getKey();
      holes.remove(start);
    }
    Long behind = holes.remove(end);
    if (behind != null) {
      end += behind;
    }
    int bank = address >>> BANK_SHIFT;
    long base = (long) bank << BANK_SHIFT;
    if (end - base < tops[bank]) {
      holes.put(start, end - start);
      return;
    }
    tops[bank] = start - base;
    if (tops[bank] == BANK_START) {
      setBank(bank, MemorySegment.NULL);
      arenas.replace(bank, null);
      touched[bank] = BANK_START;
      while (growing > firstBank && tops[growing] == BANK_START) {
        growing--;
      }
    }
  }

  /** Makes sure that a bank's segment reaches to {@code end}. */
  private boolean hasRoom(int bank, long end) {
    long size = banks[bank].byteSize();
    if (end <= size) {
      return true;
    }
    if (!mayGrow.getAsBoolean()) {
      return false;
    }
    long most = Math.min(bankBytes, limit - (physicalBytes() - size));
    long wished = Math.max(size + Math.max(size >>> 3, FIRST_BYTES), end);
    return end <= most && grow(bank, Math.min(wished, most));
  }

  private boolean grow(int bank, long size) {
    Arena arena = Arena.ofShared();
    MemorySegment larger;
    try {
      larger = arena.allocate(size, 64);
    } catch (OutOfMemoryError e) {
      arena.close();
      return false;
    }
    MemorySegment.copy(banks[bank], 0, larger, 0, Math.min(banks[bank].byteSize(), touched[bank]));
    setBank(bank, larger);
    arenas.replace(bank, arena);
    return true;
  }

  private void setBank(int bank, MemorySegment segment) {
    banks[bank] = segment;
    if (bank == 0) {
      first = segment;
    }
  }

  /** The arenas of the banks, apart from the memory so that the cleaner can hold them. */
  private static final class Arenas implements Runnable {
    private final @Nullable Arena[] ofBank = new Arena[BANKS];
    private boolean closed;

    synchronized void replace(int bank, @Nullable Arena arena) {
      Arena old = ofBank[bank];
      ofBank[bank] = arena;
      if (old != null) {
        old.close();
      }
    }

    @Override
    public synchronized void run() {
      closed = true;
      for (int bank = 0; bank < BANKS; bank++) {
        replace(bank, null);
      }
    }
  }

  // ---------------------------------------------------------------- segments

  /** Returns the segment that holds an address. */
  MemorySegment segment(int address) {
    return address >>> BANK_SHIFT == 0 ? first : banks[address >>> BANK_SHIFT];
  }

  /** Returns where in its segment an address lies. */
  static long offset(int address) {
    return address & OFFSET_MASK;
  }

  /**
   * Returns a part of the memory as a segment, without copying. It ends (every access throws {@link
   * IllegalStateException}) when the memory grows or is closed.
   *
   * @param address first byte
   * @param bytes length, within a block
   */
  public MemorySegment slice(int address, long bytes) {
    return segment(address).asSlice(offset(address), bytes);
  }

  // ---------------------------------------------------------------- access

  @Override
  public byte getByte(int address) {
    return address >>> BANK_SHIFT == 0
        ? first.get(ValueLayout.JAVA_BYTE, address)
        : banks[address >>> BANK_SHIFT].get(ValueLayout.JAVA_BYTE, offset(address));
  }

  @Override
  public void putByte(int address, byte value) {
    if (address >>> BANK_SHIFT == 0) {
      first.set(ValueLayout.JAVA_BYTE, address, value);
    } else {
      banks[address >>> BANK_SHIFT].set(ValueLayout.JAVA_BYTE, offset(address), value);
    }
  }

  @Override
  public int getInt(int address) {
    return address >>> BANK_SHIFT == 0
        ? first.get(INT, address)
        : banks[address >>> BANK_SHIFT].get(INT, offset(address));
  }

  @Override
  public void putInt(int address, int value) {
    if (address >>> BANK_SHIFT == 0) {
      first.set(INT, address, value);
    } else {
      banks[address >>> BANK_SHIFT].set(INT, offset(address), value);
    }
  }

  @Override
  public long getLong(int address) {
    return address >>> BANK_SHIFT == 0
        ? first.get(LONG, address)
        : banks[address >>> BANK_SHIFT].get(LONG, offset(address));
  }

  @Override
  public void putLong(int address, long value) {
    if (address >>> BANK_SHIFT == 0) {
      first.set(LONG, address, value);
    } else {
      banks[address >>> BANK_SHIFT].set(LONG, offset(address), value);
    }
  }

  @Override
  public float getFloat(int address) {
    return address >>> BANK_SHIFT == 0
        ? first.get(FLOAT, address)
        : banks[address >>> BANK_SHIFT].get(FLOAT, offset(address));
  }

  @Override
  public void putFloat(int address, float value) {
    if (address >>> BANK_SHIFT == 0) {
      first.set(FLOAT, address, value);
    } else {
      banks[address >>> BANK_SHIFT].set(FLOAT, offset(address), value);
    }
  }

  /**
   * Stores floats.
   *
   * @param address where the first one goes, any alignment
   * @param values what to store
   */
  public void putFloats(int address, float[] values) {
    MemorySegment.copy(values, 0, segment(address), FLOAT, offset(address), values.length);
  }

  /**
   * Reads floats.
   *
   * @param address of the first one, any alignment
   * @param values what to fill
   */
  public void getFloats(int address, float[] values) {
    MemorySegment.copy(segment(address), FLOAT, offset(address), values, 0, values.length);
  }

  /**
   * Stores bytes.
   *
   * @param address where the first one goes
   * @param values what to store
   */
  public void putBytes(int address, byte[] values) {
    MemorySegment.copy(
        values, 0, segment(address), ValueLayout.JAVA_BYTE, offset(address), values.length);
  }

  /**
   * Stores bytes.
   *
   * @param address where the first one goes
   * @param values what to store
   */
  public void putBytes(int address, MemorySegment values) {
    MemorySegment.copy(values, 0, segment(address), offset(address), values.byteSize());
  }

  /**
   * Reads bytes.
   *
   * @param address of the first one
   * @param values where they go, from the start
   * @param n how many
   */
  public void getBytes(int address, byte[] values, int n) {
    MemorySegment.copy(segment(address), ValueLayout.JAVA_BYTE, offset(address), values, 0, n);
  }

  @Override
  public void copy(int source, int target, int bytes) {
    MemorySegment.copy(
        segment(source),
        offset(source),
        segment(target),
        offset(target),
        Integer.toUnsignedLong(bytes));
  }

  @Override
  public void clear(int address, int bytes) {
    // Copies zeros: filling would need a slice, an object that the compiler does not always avoid.
    MemorySegment segment = segment(address);
    long end = offset(address) + Integer.toUnsignedLong(bytes);
    for (long at = offset(address); at < end; at += ZERO_BYTES) {
      MemorySegment.copy(ZEROS, 0, segment, at, Math.min(ZERO_BYTES, end - at));
    }
  }
}
