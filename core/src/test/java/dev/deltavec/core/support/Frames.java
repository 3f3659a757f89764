package dev.deltavec.core.support;

import dev.deltavec.core.delta.Frame;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/** Writes frames as docs/format.md describes them, byte by byte and without the code under test. */
public final class Frames {
  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private int count;

  public int count() {
    return count;
  }

  public byte[] toBytes() {
    return out.toByteArray();
  }

  public Frames create(String id, float... vector) {
    return frame(Frame.CREATE, id, -1, counted(vector), null);
  }

  public Frames dense(String id, float... vector) {
    return frame(Frame.DENSE, id, -1, counted(vector), null);
  }

  public Frames sparse(String id, int[] indices, float[] values) {
    return frame(Frame.SPARSE, id, -1, sparsePayload(indices, values), null);
  }

  public Frames scale(String id, float factor) {
    return frame(Frame.SCALE, id, -1, floats(factor), null);
  }

  public Frames offset(String id, float amount) {
    return frame(Frame.OFFSET, id, -1, floats(amount), null);
  }

  public Frames delete(String id) {
    return frame(Frame.DELETE, id, -1, new byte[0], null);
  }

  public Frames metadata(String id, String patch) {
    return frame(Frame.SPARSE, id, -1, new byte[] {0}, patch);
  }

  public Frames frame(int operation, String id, long time, byte[] payload, @Nullable String patch) {
    ByteArrayOutputStream frame = new ByteArrayOutputStream();
    frame.write(operation | (time >= 0 ? Frame.TIMED : 0) | (patch != null ? Frame.METADATA : 0));
    byte[] idBytes = id.getBytes(StandardCharsets.UTF_8);
    varint(frame, idBytes.length);
    frame.writeBytes(idBytes);
    if (time >= 0) {
      for (int i = 0; i < 6; i++) {
        frame.write((int) (time >>> 8 * i));
      }
    }
    frame.writeBytes(payload);
    if (patch != null) {
      byte[] text = patch.getBytes(StandardCharsets.UTF_8);
      varint(frame, text.length);
      frame.writeBytes(text);
    }
    int length = frame.size() + 8;
    out.write(length);
    out.write(length >>> 8);
    out.write(length >>> 16);
    out.write(1);
    out.writeBytes(new byte[4]);
    out.writeBytes(frame.toByteArray());
    count++;
    return this;
  }

  public static byte[] counted(float... vector) {
    ByteArrayOutputStream payload = new ByteArrayOutputStream();
    varint(payload, vector.length);
    payload.writeBytes(floats(vector));
    return payload.toByteArray();
  }

  public static byte[] sparsePayload(int[] indices, float[] values) {
    ByteArrayOutputStream payload = new ByteArrayOutputStream();
    varint(payload, indices.length);
    int before = -1;
    for (int index : indices) {
      varint(payload, index - before - 1);
      before = index;
    }
    payload.writeBytes(floats(values));
    return payload.toByteArray();
  }

  public static byte[] floats(float... values) {
    ByteArrayOutputStream payload = new ByteArrayOutputStream();
    for (float value : values) {
      int bits = Float.floatToRawIntBits(value);
      for (int i = 0; i < 4; i++) {
        payload.write(bits >>> 8 * i);
      }
    }
    return payload.toByteArray();
  }

  public static void varint(ByteArrayOutputStream to, int value) {
    int rest = value;
    while ((rest & ~0x7f) != 0) {
      to.write(rest & 0x7f | 0x80);
      rest >>>= 7;
    }
    to.write(rest);
  }
}
