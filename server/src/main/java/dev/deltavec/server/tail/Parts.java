package dev.deltavec.server.tail;

import dev.deltavec.log.DeltaLog;
import java.util.ArrayList;
import java.util.List;

/** Cuts records into the parts of messages. */
final class Parts {
  /** About the most bytes of a message, unless a single record has more. */
  static final int MESSAGE_BYTES = 512 << 10;

  private Parts() {}

  /**
   * Adds parts for what passes of some records of a shard.
   *
   * @param next offset behind all of them
   * @return whether any frame passed; else nothing was added
   */
  static boolean add(
      List<Part> parts, Filter filter, int shard, List<DeltaLog.Entry> entries, long next) {
    List<byte[]> frames = new ArrayList<>();
    long bytes = 0;
    for (int i = 0; i < entries.size(); i++) {
      byte[] passing = filter.cut(entries.get(i).frames());
      if (passing.length > 0) {
        frames.add(passing);
        bytes += passing.length;
      }
      if (bytes >= MESSAGE_BYTES && i + 1 < entries.size()) {
        parts.add(new Part(shard, entries.get(i).offset() + 1, frames));
        frames = new ArrayList<>();
        bytes = 0;
      }
    }
    if (frames.isEmpty()) {
      if (parts.isEmpty() || parts.getLast().shard() != shard) {
        return false;
      }
      Part last = parts.removeLast();
      parts.add(new Part(shard, next, last.frames()));
      return true;
    }
    parts.add(new Part(shard, next, frames));
    return true;
  }

  /** Groups parts into messages. */
  static List<List<Part>> messages(List<Part> parts) {
    List<List<Part>> messages = new ArrayList<>();
    List<Part> message = new ArrayList<>();
    long bytes = 0;
    for (Part part : parts) {
      if (!message.isEmpty() && bytes + part.bytes() > MESSAGE_BYTES) {
        messages.add(message);
        message = new ArrayList<>();
        bytes = 0;
      }
      message.add(part);
      bytes += part.bytes();
    }
    if (!message.isEmpty()) {
      messages.add(message);
    }
    return messages;
  }
}
