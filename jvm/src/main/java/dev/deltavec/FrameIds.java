package dev.deltavec;

import dev.deltavec.core.DeltaException;
import dev.deltavec.core.ErrorCode;
import dev.deltavec.core.delta.Frame;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Reads the vectors' ids in a row of frames, without any memory but the array that they are in. */
final class FrameIds {
  private final byte[] bytes;
  private final List<String> known = new ArrayList<>();

  /** Where the next byte is read, and where its frame ends. */
  private int at;

  private int end;

  FrameIds(byte[] frames) {
    bytes = frames;
  }

  /** Reads them all; null for a frame that begins a stream. */
  List<@Nullable String> read() {
    List<@Nullable String> ids = new ArrayList<>();
    for (int frame = 0; frame < bytes.length; frame = end) {
      ids.add(next(frame));
    }
    return ids;
  }

  private @Nullable String next(int frame) {
    at = frame;
    int left = bytes.length - frame;
    if (left < Frame.HEADER_BYTES) {
      throw corrupt("the frame is cut off");
    }
    int version = bytes[frame + 3];
    if (version != Frame.VERSION) {
      throw new DeltaException(
          ErrorCode.UNSUPPORTED_VERSION,
          "frame at byte " + frame + " has version " + version + "; this release reads 1");
    }
    int length =
        bytes[frame] & 0xff | (bytes[frame + 1] & 0xff) << 8 | (bytes[frame + 2] & 0xff) << 16;
    if (length < Frame.HEADER_BYTES || length > left) {
      throw corrupt("the frame's length " + length + " does not fit");
    }
    end = frame + length;
    int kind = bytes[frame + 8];
    at = frame + Frame.HEADER_BYTES;
    if ((kind & Frame.OPERATION_MASK) == Frame.START) {
      if ((kind & 0xff) != Frame.SEALED || at != end) {
        throw corrupt("unknown operation or flags " + (kind & 0xff));
      }
      known.clear();
      return null;
    }
    if ((kind & Frame.LINKED) != Frame.LINKED) {
      return id();
    }
    int reference = varint();
    if (reference == 0) {
      String id = id();
      known.add(id);
      return id;
    }
    if (Integer.compareUnsigned(reference, known.size()) > 0) {
      throw corrupt(
          "a frame refers to id " + Integer.toUnsignedLong(reference) + " of " + known.size());
    }
    return known.get(reference - 1);
  }

  private String id() {
    int length = varint();
    if (length < 1 || length > Frame.MAX_ID_BYTES || length > end - at) {
      throw corrupt("an id of " + Integer.toUnsignedLong(length) + " bytes");
    }
    if (isAscii(at, length)) {
      return new String(bytes, at, length, StandardCharsets.ISO_8859_1);
    }
    try {
      return StandardCharsets.UTF_8
          .newDecoder()
          .decode(ByteBuffer.wrap(bytes, at, length))
          .toString();
    } catch (CharacterCodingException e) {
      throw corrupt("an id is not well-formed UTF-8");
    }
  }

  private boolean isAscii(int from, int length) {
    int all = 0;
    for (int i = 0; i < length; i++) {
      all |= bytes[from + i];
    }
    return all >= 0;
  }

  private int varint() {
    int value = 0;
    for (int bits = 0; bits <= 28; bits += 7) {
      if (at == end) {
        throw corrupt("a number is cut off");
      }
      int b = bytes[at++];
      value |= (b & 0x7f) << bits;
      if (b >= 0) {
        if ((bits > 0 && b == 0) || (bits == 28 && b > 15)) {
          break;
        }
        return value;
      }
    }
    throw corrupt("a number is not in its one form");
  }

  private DeltaException corrupt(String what) {
    return new DeltaException(ErrorCode.CORRUPT_DATA, "at byte " + at + ": " + what);
  }
}
