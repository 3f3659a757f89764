package dev.deltavec.core.support;

import dev.deltavec.core.memory.Memory;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.Arrays;

/** A plain memory over one byte array: the tests' reference. Refuses what goes over its limit. */
public final class ArrayMemory implements Memory {
  private static final VarHandle INT = handle(int[].class);
  private static final VarHandle LONG = handle(long[].class);
  private static final VarHandle FLOAT = handle(float[].class);

  private byte[] bytes = new byte[REGION_UNIT];
  private int size = 64; // 0 is never an address
  private int limit;
  private int granted;

  public ArrayMemory(int limit) {
    this.limit = limit;
  }

  public ArrayMemory() {
    this(1 << 30);
  }

  private static VarHandle handle(Class<?> array) {
    return MethodHandles.byteArrayViewVarHandle(array, ByteOrder.LITTLE_ENDIAN);
  }

  /** Changes how many bytes may be granted in all. */
  public void limit(int bytes) {
    limit = bytes;
  }

  /** Bytes granted and not released. */
  public int granted() {
    return granted;
  }

  @Override
  public int allocate(int wanted) {
    if (wanted <= 0 || granted + wanted > limit || size + wanted < 0) {
      return 0;
    }
    int address = size;
    size += wanted;
    granted += wanted;
    if (size > bytes.length) {
      bytes = Arrays.copyOf(bytes, Math.max(size, bytes.length * 2));
    }
    return address;
  }

  @Override
  public void release(int address, int count) {
    granted -= count;
    Arrays.fill(bytes, address, address + count, (byte) 0x55);
  }

  @Override
  public byte getByte(int address) {
    return bytes[address];
  }

  @Override
  public void putByte(int address, byte value) {
    bytes[address] = value;
  }

  @Override
  public int getInt(int address) {
    return (int) INT.get(bytes, address);
  }

  @Override
  public void putInt(int address, int value) {
    INT.set(bytes, address, value);
  }

  @Override
  public long getLong(int address) {
    return (long) LONG.get(bytes, address);
  }

  @Override
  public void putLong(int address, long value) {
    LONG.set(bytes, address, value);
  }

  @Override
  public float getFloat(int address) {
    return (float) FLOAT.get(bytes, address);
  }

  @Override
  public void putFloat(int address, float value) {
    FLOAT.set(bytes, address, value);
  }

  @Override
  public void copy(int source, int target, int count) {
    System.arraycopy(bytes, source, bytes, target, count);
  }

  @Override
  public void clear(int address, int count) {
    Arrays.fill(bytes, address, address + count, (byte) 0);
  }
}
