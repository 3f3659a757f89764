package dev.deltavec.core.json;

import dev.deltavec.core.DeltaException;
import dev.deltavec.core.ErrorCode;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * JSON merge patch (RFC 7396) on UTF-8 text. Only objects are taken apart; numbers, strings and
 * arrays stay the bytes they came as, less white space, so the same patches give the same bytes on
 * every platform. Members keep their order; new ones come last.
 */
public final class MergePatch {
  private static final byte[] NULL = {'n', 'u', 'l', 'l'};

  private MergePatch() {}

  /**
   * Applies a patch.
   *
   * @param target a JSON object that an earlier call gave, or an empty array for none
   * @param patch a JSON object
   * @return the new object's compact text, or an empty array if it has no members. O(target +
   *     patch)
   * @throws DeltaException {@code INVALID_ARGUMENT} if the patch is not a JSON object, or nests
   *     deeper than {@value JsonParser#MAX_DEPTH}
   */
  public static byte[] apply(byte[] target, byte[] patch) {
    Node changes = new JsonParser(patch).parse();
    if (changes.members == null) {
      throw new DeltaException(ErrorCode.INVALID_ARGUMENT, "metadata must be a JSON object");
    }
    Node result = merge(target.length == 0 ? null : new JsonParser(target).parse(), changes);
    Output out = new Output(target.length + patch.length);
    if (result.members == null || result.members.isEmpty()) {
      return out.toBytes();
    }
    write(result, out);
    return out.toBytes();
  }

  private static Node merge(@Nullable Node target, Node patch) {
    if (patch.members == null) {
      return patch;
    }
    Node result = target != null && target.members != null ? target : Node.object();
    for (Map.Entry<String, Member> entry : patch.members.entrySet()) {
      Member change = entry.getValue();
      if (change.value.isNull()) {
        result.remove(entry.getKey());
      } else {
        Node merged = merge(result.get(entry.getKey()), change.value);
        result.put(entry.getKey(), change.rawName, merged);
      }
    }
    return result;
  }

  /**
   * Finds the patch that turns one object into another.
   *
   * @param from a JSON object that {@link #apply} gave, or an empty array for none
   * @param to likewise
   * @return the patch, or an empty array if they are the same. Where {@code to} holds nulls inside
   *     of objects, the patch replaces the object around them
   */
  public static byte[] diff(byte[] from, byte[] to) {
    Output out = new Output(to.length);
    Node before = from.length == 0 ? Node.object() : new JsonParser(from).parse();
    Node after = to.length == 0 ? Node.object() : new JsonParser(to).parse();
    Node patch = diff(before, after);
    if (patch.members == null || !patch.members.isEmpty()) {
      write(patch, out);
    }
    return out.toBytes();
  }

  private static Node diff(Node before, Node after) {
    Node patch = Node.object();
    if (before.members == null || after.members == null) {
      return after;
    }
    for (Map.Entry<String, Member> entry : before.members.entrySet()) {
      if (after.get(entry.getKey()) == null) {
        patch.put(entry.getKey(), entry.getValue().rawName, Node.text(NULL));
      }
    }
    for (Map.Entry<String, Member> entry : after.members.entrySet()) {
      Member member = entry.getValue();
      Node old = before.get(entry.getKey());
      if (old == null) {
        patch.put(entry.getKey(), member.rawName, member.value);
      } else if (!same(old, member.value)) {
        patch.put(entry.getKey(), member.rawName, diff(old, member.value));
      }
    }
    return patch;
  }

  private static boolean same(Node a, Node b) {
    Output left = new Output(64);
    Output right = new Output(64);
    write(a, left);
    write(b, right);
    return Arrays.equals(left.toBytes(), right.toBytes());
  }

  private static void write(Node node, Output out) {
    if (node.members == null) {
      out.put(node.raw);
      return;
    }
    out.put('{');
    boolean first = true;
    for (Member member : node.members.values()) {
      if (!first) {
        out.put(',');
      }
      first = false;
      out.put(member.rawName);
      out.put(':');
      write(member.value, out);
    }
    out.put('}');
  }

  /** A JSON value: an object's members by their unescaped names, or the text of anything else. */
  static final class Node {
    private static final byte[] NO_TEXT = new byte[0];

    final @Nullable LinkedHashMap<String, Member> members;
    final byte[] raw;

    private Node(@Nullable LinkedHashMap<String, Member> members, byte[] raw) {
      this.members = members;
      this.raw = raw;
    }

    static Node object() {
      return new Node(new LinkedHashMap<>(), NO_TEXT);
    }

    static Node text(byte[] raw) {
      return new Node(null, raw);
    }

    boolean isNull() {
      return members == null && raw.length > 0 && raw[0] == 'n';
    }

    @Nullable Node get(String name) {
      Member member = members == null ? null : members.get(name);
      return member == null ? null : member.value;
    }

    /** Sets a member of an object; one that is there keeps its place and the text of its name. */
    void put(String name, byte[] rawName, Node value) {
      if (members != null) {
        Member old = members.get(name);
        if (old != null) {
          old.value = value;
        } else {
          members.put(name, new Member(rawName, value));
        }
      }
    }

    void remove(String name) {
      if (members != null) {
        members.remove(name);
      }
    }
  }

  /** A member of an object; its name is written as it came. */
  static final class Member {
    final byte[] rawName;
    Node value;

    Member(byte[] rawName, Node value) {
      this.rawName = rawName;
      this.value = value;
    }
  }
}
