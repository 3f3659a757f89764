package dev.deltavec.core.json;

import dev.deltavec.core.DeltaException;
import dev.deltavec.core.ErrorCode;
import java.util.Arrays;
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
    if (!changes.isObject()) {
      throw new DeltaException(ErrorCode.INVALID_ARGUMENT, "metadata must be a JSON object");
    }
    Node result = merge(target.length == 0 ? null : new JsonParser(target).parse(), changes);
    Output out = new Output(target.length + patch.length);
    if (result.size == 0) {
      return out.toBytes();
    }
    write(result, out);
    return out.toBytes();
  }

  private static Node merge(@Nullable Node target, Node patch) {
    if (!patch.isObject()) {
      return patch;
    }
    Node result = target != null && target.isObject() ? target : Node.object();
    for (Member change = patch.first; change != null; change = change.next) {
      Member old = result.find(change.name);
      if (!change.value.isNull()) {
        result.put(change, merge(old == null ? null : old.value, change.value));
      } else if (old != null) {
        old.removed = true;
        result.size--;
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
    if (!patch.isObject() || patch.size > 0) {
      write(patch, out);
    }
    return out.toBytes();
  }

  private static Node diff(Node before, Node after) {
    Node patch = Node.object();
    if (!before.isObject() || !after.isObject()) {
      return after;
    }
    for (Member member = before.first; member != null; member = member.next) {
      if (after.find(member.name) == null) {
        patch.put(member, Node.text(NULL));
      }
    }
    for (Member member = after.first; member != null; member = member.next) {
      Member old = before.find(member.name);
      if (old == null) {
        patch.put(member, member.value);
      } else if (!same(old.value, member.value)) {
        patch.put(member, diff(old.value, member.value));
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
    if (!node.isObject()) {
      out.put(node.raw);
      return;
    }
    out.put('{');
    boolean first = true;
    for (Member member = node.first; member != null; member = member.next) {
      if (member.removed) {
        continue;
      }
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
    private static final @Nullable Member[] NO_MEMBERS = new Member[0];

    /** Text of anything but an object, which has none. */
    final byte[] raw;

    /** Members in order, removed ones too. */
    @Nullable Member first;

    private @Nullable Member last;

    /** Members that are not removed. */
    int size;

    /**
     * All members by the hashes of their names; open addressing, at most half full. Lists of
     * members would lead back to members before them: circles, which engines that count references
     * keep.
     */
    private @Nullable Member[] table;

    private int placed;

    private Node(byte[] raw, @Nullable Member[] table) {
      this.raw = raw;
      this.table = table;
    }

    static Node object() {
      return new Node(NO_TEXT, new Member[8]);
    }

    static Node text(byte[] raw) {
      return new Node(raw, NO_MEMBERS);
    }

    boolean isObject() {
      return raw.length == 0;
    }

    boolean isNull() {
      return raw.length > 0 && raw[0] == 'n';
    }

    /** Returns the member of that name, or null. */
    @Nullable Member find(String name) {
      return find(name, hash(name));
    }

    private @Nullable Member find(String name, int hash) {
      int i = hash & table.length - 1;
      Member member = table[i];
      while (member != null
          && (member.hash != hash || member.removed || !member.name.equals(name))) {
        i = i + 1 & table.length - 1;
        member = table[i];
      }
      return member;
    }

    /** Sets a member of the name that another has; see {@link #put(String, byte[], Node)}. */
    void put(Member named, Node value) {
      put(named.name, named.rawName, value);
    }

    /** Sets a member of an object; one that is there keeps its place and the text of its name. */
    void put(String name, byte[] rawName, Node value) {
      int hash = hash(name);
      Member old = find(name, hash);
      if (old != null) {
        old.value = value;
        return;
      }
      Member made = new Member(name, hash, rawName, value);
      if (last == null) {
        first = made;
      } else {
        last.next = made;
      }
      last = made;
      size++;
      if (++placed <= table.length >> 1) {
        place(made);
        return;
      }
      table = new Member[table.length * 2];
      for (Member each = first; each != null; each = each.next) {
        place(each);
      }
    }

    private void place(Member member) {
      int i = member.hash & table.length - 1;
      while (table[i] != null) {
        i = i + 1 & table.length - 1;
      }
      table[i] = member;
    }

    private static int hash(String name) {
      int hash = name.length();
      for (int i = 0; i < name.length(); i++) {
        hash = (hash ^ name.charAt(i)) * 0x5bd1e995;
        hash ^= hash >>> 15;
      }
      return hash;
    }
  }

  /** A member of an object; its name is written as it came. */
  static final class Member {
    final String name;
    final int hash;
    final byte[] rawName;
    Node value;
    boolean removed;

    /** The member behind this one in the object. */
    @Nullable Member next;

    Member(String name, int hash, byte[] rawName, Node value) {
      this.name = name;
      this.hash = hash;
      this.rawName = rawName;
      this.value = value;
    }
  }
}
