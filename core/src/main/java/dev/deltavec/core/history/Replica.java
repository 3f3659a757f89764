package dev.deltavec.core.history;

import dev.deltavec.core.DeltaException;
import dev.deltavec.core.ErrorCode;
import dev.deltavec.core.delta.Frame;
import dev.deltavec.core.delta.FrameReader;
import dev.deltavec.core.image.IdMap;
import dev.deltavec.core.image.Image;
import dev.deltavec.core.memory.Buffer;
import dev.deltavec.core.memory.Bytes;
import dev.deltavec.core.memory.Kernels;
import dev.deltavec.core.memory.Memory;
import java.util.Arrays;

/**
 * What goes out to other replicas: cursors, which say what a database has seen, and streams of the
 * deltas that another lacks.
 *
 * <p>A cursor: "DVC" and version 1, a varint of replicas, and for each its 48 bits, a varint of
 * intervals, and for each interval two varints: the distance of its first sequence number from the
 * last one before (0 at first), and the number of numbers less one; then the CRC-32C of all before.
 */
public final class Replica {
  private static final int MAGIC = 0x01435644; // "DVC", 1

  private final Memory memory;
  private final Image image;
  private final Kernels kernels;
  private final IdMap ids;
  private final DeltaLog log;
  private Versions versions = new Versions();
  private final FrameReader reader;

  // The dictionary of the stream that is being written: subjects by their address, replicas by
  // their number here.
  private int[] idNumbers = new int[0];
  private int[] idKeys = new int[0];
  private int idCount;
  private int[] patches = new int[0]; // address in the log, and behind it the length
  private int[] patchNumbers = new int[0];
  private int patchCount;
  private int[] replicaNumbers = new int[4];
  private int[] lastSequences = new int[4];
  private int replicaCount;
  private long lastTime;

  /** The outward side of one database. */
  public Replica(Image image, Kernels kernels, IdMap ids, DeltaLog log) {
    this.memory = image.memory();
    this.image = image;
    this.kernels = kernels;
    this.ids = ids;
    this.log = log;
    reader = new FrameReader(memory);
  }

  // ---------------------------------------------------------------- cursors

  /**
   * Writes a cursor.
   *
   * @param seen what this database has seen
   * @return its bytes, at the buffer's address
   * @throws DeltaException {@code OUT_OF_MEMORY}
   */
  public int writeCursor(Versions seen, Buffer out) {
    versions = seen;
    int bound = 16;
    for (int r = 0; r < versions.count(); r++) {
      bound += 12 + 10 * versions.intervals(r);
    }
    int start = out.reserve(bound);
    memory.putInt(start, MAGIC);
    int at = DeltaLog.putVarint(memory, start + 4, versions.count());
    for (int r = 0; r < versions.count(); r++) {
      Bytes.put48(memory, at, versions.replica(r));
      at = DeltaLog.putVarint(memory, at + 6, versions.intervals(r));
      int last = 0;
      for (int i = 0; i < versions.intervals(r); i++) {
        at = DeltaLog.putVarint(memory, at, versions.first(r, i) - last & 0xffff_ffffL);
        last = versions.last(r, i);
        at = DeltaLog.putVarint(memory, at, last - versions.first(r, i) & 0xffff_ffffL);
      }
    }
    memory.putInt(at, kernels.crc32c(0, start, at - start));
    return at + 4 - start;
  }

  /**
   * Reads a cursor; no bytes at all stand for nothing seen.
   *
   * @throws DeltaException {@code CORRUPT_DATA}, {@code UNSUPPORTED_VERSION}
   */
  public Versions readCursor(int address, int bytes) {
    Versions cursor = new Versions();
    if (bytes == 0) {
      return cursor;
    }
    if (bytes < 9 || (memory.getInt(address) & 0xff_ffff) != (MAGIC & 0xff_ffff)) {
      throw corruptCursor();
    }
    if (memory.getByte(address + 3) != 1) {
      throw new DeltaException(
          ErrorCode.UNSUPPORTED_VERSION,
          "a cursor of version " + memory.getByte(address + 3) + "; this release reads 1");
    }
    int end = address + bytes - 4;
    if (memory.getInt(end) != kernels.crc32c(0, address, bytes - 4)) {
      throw corruptCursor();
    }
    Varints in = new Varints(address + 4, end);
    int replicas = in.next();
    for (int r = 0; r < replicas; r++) {
      long replica = in.next48();
      if (cursor.find(replica) >= 0) {
        throw corruptCursor();
      }
      int index = cursor.meet(replica);
      int intervals = in.next();
      long last = 0;
      for (int i = 0; i < intervals; i++) {
        long first = last + Integer.toUnsignedLong(in.next());
        if (i > 0 && first < last + 2) {
          throw corruptCursor();
        }
        last = first + Integer.toUnsignedLong(in.next());
        if (last > 0xffff_ffffL) {
          throw corruptCursor();
        }
        cursor.addRange(index, (int) first, (int) last);
      }
    }
    if (in.at != end) {
      throw corruptCursor();
    }
    return cursor;
  }

  private static DeltaException corruptCursor() {
    return new DeltaException(ErrorCode.CORRUPT_DATA, "the cursor is not what cursor() gave");
  }

  private final class Varints {
    private int at;
    private final int end;

    private Varints(int at, int end) {
      this.at = at;
      this.end = end;
    }

    private int next() {
      int value = 0;
      for (int bits = 0; bits <= 28; bits += 7) {
        if (at == end) {
          break;
        }
        int b = memory.getByte(at++);
        value |= (b & 0x7f) << bits;
        if (b >= 0) {
          return value;
        }
      }
      throw corruptCursor();
    }

    private long next48() {
      if (end - at < 6) {
        throw corruptCursor();
      }
      long value = Bytes.get48(memory, at);
      at += 6;
      return value;
    }
  }

  // ---------------------------------------------------------------- streams

  /**
   * Writes all deltas in the log that a cursor has not seen, in the order they arrived, as a stream
   * of linked frames.
   *
   * @param seen what this database has seen
   * @param cursor what the other has seen
   * @return the stream's bytes, at the buffer's address
   * @throws DeltaException {@code HISTORY_COMPACTED} if deltas that the other lacks are gone,
   *     {@code OUT_OF_MEMORY}
   */
  public int writeSince(Versions seen, Versions cursor, Buffer out) {
    versions = seen;
    long missing = 0;
    for (int r = 0; r < versions.count(); r++) {
      missing += missing(r, cursor);
    }
    // From the newest backwards, as far as anything is missing.
    int from = log.arrived();
    long found = 0;
    long bound = 16;
    while (found < missing && from > 0) {
      int entry = log.arrival(--from);
      if (entry != 0 && lacks(cursor, entry)) {
        found++;
        bound += log.frameBytes(entry) + 16;
      }
    }
    if (found < missing) {
      throw new DeltaException(
          ErrorCode.HISTORY_COMPACTED,
          (missing - found) + " deltas that the cursor lacks were compacted away");
    }
    if (bound > 1 << 30) {
      throw new DeltaException(
          ErrorCode.OUT_OF_MEMORY, "the deltas since the cursor take " + bound + " bytes");
    }
    int start = out.reserve((int) bound);
    begin();
    int at = start;
    memory.putInt(at, Frame.HEADER_BYTES | Frame.VERSION << 24);
    memory.putByte(at + 8, (byte) (Frame.START | Frame.SEALED));
    at = seal(at, at + Frame.HEADER_BYTES);
    for (int i = from; i < log.arrived(); i++) {
      int entry = log.arrival(i);
      if (entry != 0 && lacks(cursor, entry)) {
        at = writeLinked(entry, at);
      }
    }
    return at - start;
  }

  private boolean lacks(Versions cursor, int entry) {
    int index = cursor.find(log.replica(entry));
    return index < 0 || !cursor.contains(index, log.sequence(entry));
  }

  /** Returns how many deltas of a replica are seen here and not by a cursor. */
  private long missing(int replica, Versions cursor) {
    int other = cursor.find(versions.replica(replica));
    long count = versions.seen(replica);
    if (other < 0) {
      return count;
    }
    int j = 0;
    for (int i = 0; i < versions.intervals(replica); i++) {
      long first = Integer.toUnsignedLong(versions.first(replica, i));
      long last = Integer.toUnsignedLong(versions.last(replica, i));
      while (j < cursor.intervals(other) && Integer.toUnsignedLong(cursor.last(other, j)) < first) {
        j++;
      }
      for (int k = j;
          k < cursor.intervals(other) && Integer.toUnsignedLong(cursor.first(other, k)) <= last;
          k++) {
        count -=
            Math.min(last, Integer.toUnsignedLong(cursor.last(other, k)))
                - Math.max(first, Integer.toUnsignedLong(cursor.first(other, k)))
                + 1;
      }
    }
    return count;
  }

  private void begin() {
    idCount = 0;
    Arrays.fill(idKeys, 0);
    patchCount = 0;
    Arrays.fill(patches, 0);
    replicaCount = 0;
    lastTime = 0;
  }

  /** Writes a delta of the log as a linked, sealed frame and returns the address behind it. */
  private int writeLinked(int entry, int target) {
    int frame = log.frame(entry);
    reader.readLogged(frame);
    int at = target + Frame.HEADER_BYTES;
    int hash = ids.hash(reader.id(), reader.idBytes());
    int subject = ids.find(reader.id(), reader.idBytes(), hash);
    int number = idNumber(subject, hash);
    at = DeltaLog.putVarint(memory, at, number);
    if (number == 0) {
      at = DeltaLog.putVarint(memory, at, reader.idBytes());
      memory.copy(reader.id(), at, reader.idBytes());
      at += reader.idBytes();
    }
    int replica = versions.find(reader.replica());
    int which = 0;
    while (which < replicaCount && replicaNumbers[which] != replica) {
      which++;
    }
    if (which == replicaCount) {
      at = DeltaLog.putVarint(memory, at, 0);
      Bytes.put48(memory, at, reader.replica());
      at += 6;
      if (replicaCount == replicaNumbers.length) {
        replicaNumbers = Arrays.copyOf(replicaNumbers, replicaCount * 2);
        lastSequences = Arrays.copyOf(lastSequences, replicaCount * 2);
      }
      replicaNumbers[replicaCount] = replica;
      lastSequences[replicaCount++] = 0;
    } else {
      at = DeltaLog.putVarint(memory, at, which + 1);
    }
    int step = reader.sequence() - lastSequences[which] - 1;
    at = DeltaLog.putVarint(memory, at, (step << 1 ^ step >> 31) & 0xffff_ffffL);
    lastSequences[which] = reader.sequence();
    long timeStep = reader.time() - lastTime;
    at = DeltaLog.putVarint(memory, at, timeStep << 1 ^ timeStep >> 63);
    lastTime = reader.time();
    int payload = reader.payloadEnd() - reader.body();
    memory.copy(reader.body(), at, payload);
    at += payload;
    boolean shared =
        reader.metadata() != 0 && reader.metadataBytes() <= Frame.MAX_SHARED_PATCH_BYTES;
    int patch = shared ? patchNumber() : 0;
    if (patch > 0) {
      memory.putByte(at, (byte) 0);
      at = DeltaLog.putVarint(memory, at + 1, patch);
    } else {
      at = DeltaLog.putPatch(memory, at, reader);
    }
    memory.putInt(target, at - target | Frame.VERSION << 24);
    memory.putByte(target + 8, (byte) (memory.getByte(frame + 8) | Frame.LINKED | Frame.SEALED));
    return seal(target, at);
  }

  private int seal(int frame, int end) {
    memory.putInt(frame + 4, kernels.crc32c(0, frame + 8, end - frame - 8));
    return end;
  }

  /**
   * Returns the number of an id in the stream, counted from 1; 0 if it is new, then it has one from
   * now on.
   */
  private int idNumber(int subject, int hash) {
    if ((idCount + 1) * 2 > idKeys.length) {
      int[] oldKeys = idKeys;
      int[] oldNumbers = idNumbers;
      idKeys = new int[Math.max(64, oldKeys.length * 2)];
      idNumbers = new int[idKeys.length];
      for (int i = 0; i < oldKeys.length; i++) {
        if (oldKeys[i] != 0) {
          int slot = place(oldKeys[i], image.hash(oldKeys[i] > 0 ? oldKeys[i] - 1 : oldKeys[i]));
          idKeys[slot] = oldKeys[i];
          idNumbers[slot] = oldNumbers[i];
        }
      }
    }
    int key = subject >= 0 ? subject + 1 : subject;
    int slot = place(key, hash);
    if (idKeys[slot] == key) {
      return idNumbers[slot];
    }
    idKeys[slot] = key;
    idNumbers[slot] = ++idCount;
    return 0;
  }

  /**
   * Returns the number of the delta's patch in the stream, from 1; 0 if it is new, then it has one
   * from now on.
   */
  private int patchNumber() {
    if ((patchCount + 1) * 4 > patches.length) {
      int[] oldPatches = patches;
      int[] oldNumbers = patchNumbers;
      patches = new int[Math.max(128, oldPatches.length * 2)];
      patchNumbers = new int[patches.length >>> 1];
      for (int i = 0; i < oldPatches.length; i += 2) {
        if (oldPatches[i] != 0) {
          int place = placePatch(oldPatches[i], oldPatches[i + 1]);
          patches[place] = oldPatches[i];
          patches[place + 1] = oldPatches[i + 1];
          patchNumbers[place >>> 1] = oldNumbers[i >>> 1];
        }
      }
    }
    int place = placePatch(reader.metadata(), reader.metadataBytes());
    if (patches[place] != 0) {
      return patchNumbers[place >>> 1];
    }
    patches[place] = reader.metadata();
    patches[place + 1] = reader.metadataBytes();
    patchNumbers[place >>> 1] = ++patchCount;
    return 0;
  }

  private int placePatch(int address, int bytes) {
    int mask = patches.length - 1;
    int i = ids.hash(address, bytes) << 1 & mask;
    while (patches[i] != 0 && !(patches[i + 1] == bytes && same(patches[i], address, bytes))) {
      i = i + 2 & mask;
    }
    return i;
  }

  private boolean same(int a, int b, int bytes) {
    for (int i = 0; i < bytes; i++) {
      if (memory.getByte(a + i) != memory.getByte(b + i)) {
        return false;
      }
    }
    return true;
  }

  private int place(int key, int hash) {
    int mask = idKeys.length - 1;
    int i = hash & mask;
    while (idKeys[i] != 0 && idKeys[i] != key) {
      i = i + 1 & mask;
    }
    return i;
  }
}
