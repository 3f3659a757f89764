package dev.deltavec.core.filter;

import dev.deltavec.core.memory.Bytes;
import dev.deltavec.core.memory.Memory;
import dev.deltavec.core.support.ArrayMemory;
import java.lang.reflect.Proxy;
import java.nio.charset.StandardCharsets;

/** A memory with a filter's text and one metadata block. */
final class Texts {
  private static final int REGION = 1 << 18;

  final ArrayMemory memory = new ArrayMemory();
  private final int text = memory.allocate(REGION);
  private final int block = memory.allocate(REGION);

  Filter filter(String json) {
    return filter(json.getBytes(StandardCharsets.UTF_8));
  }

  /** Parses a text with garbage behind it, which is overwritten afterwards. */
  Filter filter(byte[] json) {
    write(json);
    for (int i = 0; i < 16; i++) {
      memory.putByte(text + json.length + i, (byte) "\"]}\"]}0123456789".charAt(i));
    }
    Filter filter = Filter.parse(memory, text, json.length);
    for (int i = 0; i < json.length; i++) {
      memory.putByte(text + i, (byte) '!');
    }
    return filter;
  }

  /** Writes what is to be compared with a filter's text. */
  int write(byte[] json) {
    Bytes.write(memory, text, json);
    return text;
  }

  /** Makes the block of a compact object as the image keeps it. */
  int metadata(String json) {
    return metadata(memory, block, json.getBytes(StandardCharsets.UTF_8));
  }

  private static int metadata(Memory memory, int block, byte[] json) {
    memory.putInt(block, json.length);
    Bytes.write(memory, block + 4, json);
    memory.putLong(block + 4 + json.length, -1);
    return block;
  }

  /** The same memory, in which nothing can be read from {@code end} on. */
  Memory endingAt(int end) {
    return (Memory)
        Proxy.newProxyInstance(
            Memory.class.getClassLoader(),
            new Class<?>[] {Memory.class},
            (proxy, method, arguments) -> {
              int bytes =
                  switch (method.getName()) {
                    case "getByte" -> 1;
                    case "getInt" -> 4;
                    case "getLong" -> 8;
                    default -> throw new AssertionError(method);
                  };
              if ((int) arguments[0] + bytes > end) {
                throw new AssertionError("reads behind the end");
              }
              return method.invoke(memory, arguments);
            });
  }

  boolean matches(String filter, String metadata) {
    Filter parsed = filter(filter);
    return parsed.matches(metadata(metadata));
  }
}
