package dev.deltavec.core.snapshot;

import dev.deltavec.core.DatabaseOptions;
import dev.deltavec.core.DeltaException;
import dev.deltavec.core.ErrorCode;
import dev.deltavec.core.history.DeltaLog;
import dev.deltavec.core.history.Versions;
import dev.deltavec.core.image.Changes;
import dev.deltavec.core.image.Codes;
import dev.deltavec.core.image.Image;
import dev.deltavec.core.index.GraphArchive;
import dev.deltavec.core.memory.Buffer;
import dev.deltavec.core.memory.Kernels;
import dev.deltavec.core.memory.Memory;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Writes a database as a stream of sections, one at a time; {@code docs/format.md} has the bytes.
 * The database must not change between the first section and the last.
 */
public final class SnapshotWriter {
  /** Flag: with the search graph. */
  public static final int INDEX = 1;

  /** Flag: with the history. */
  public static final int HISTORY = 2;

  /** Flag: only what has changed since the last snapshot that had {@link #MARK}. */
  public static final int INCREMENT = 4;

  /** Flag: the next increment begins here. */
  public static final int MARK = 8;

  /** Flag, with none of the two above: sections are not filled, and of use for their sizes only. */
  public static final int SIZE = 16;

  /** Sections are about so long; a longer record has one of its own. */
  private static final int TARGET = 1 << 18;

  private final DatabaseOptions options;
  private final Image image;
  private final Memory memory;
  private final Kernels kernels;
  private final GraphArchive graph;
  private final @Nullable DeltaLog log;
  private final Totals totals;
  private final int flags;
  private final @Nullable Changes changes;
  private final boolean increment;

  /** Whether sections are only measured. */
  private final boolean dry;

  private final Buffer out;
  private final int rowBytes;

  private int kind = Sections.HEAD;
  private int subject;
  private boolean departed;
  private int at;
  private int sections;
  private int checksums;

  /** The entries of the chain that is being written, newest first, and how many are left. */
  private int[] chain = new int[64];

  private int left;
  private boolean continues;

  /**
   * Begins.
   *
   * @param flags what to write
   * @param out where sections are written to, at its beginning
   * @throws DeltaException {@code INVALID_ARGUMENT} for an increment to nothing
   */
  public SnapshotWriter(
      DatabaseOptions options,
      Image image,
      Kernels kernels,
      GraphArchive graph,
      @Nullable DeltaLog log,
      Totals totals,
      int flags,
      Buffer out) {
    this.options = options;
    this.image = image;
    this.memory = image.memory();
    this.kernels = kernels;
    this.graph = graph;
    this.log = (flags & HISTORY) == 0 ? null : log;
    this.totals = totals;
    this.flags = flags;
    this.out = out;
    increment = (flags & INCREMENT) != 0;
    dry = (flags & SIZE) != 0;
    if (increment && image.changes() == null) {
      throw new DeltaException(
          ErrorCode.INVALID_ARGUMENT, "an increment to what was never exported");
    }
    if ((flags & MARK) != 0) {
      image.track();
    }
    changes = image.changes();
    Codes codes = image.codes();
    rowBytes = image.keepsFloats() || codes == null ? options.dimensions() << 2 : codes.rowBytes();
  }

  /**
   * Writes the next section.
   *
   * @return its bytes, 0 behind the last
   * @throws DeltaException {@code OUT_OF_MEMORY}
   */
  public int next() {
    while (kind <= Sections.END) {
      int section = kind;
      at = out.reserve(TARGET) + Sections.HEADER;
      switch (section) {
        case Sections.HEAD -> head();
        case Sections.VECTORS -> vectors();
        case Sections.CHAINS -> chains();
        case Sections.GRAPH -> graph();
        case Sections.NODES -> nodes();
        default -> end();
      }
      if (at != out.address() + Sections.HEADER) {
        return seal(section);
      }
    }
    return 0;
  }

  private int seal(int section) {
    int start = out.address();
    int payload = at - start - Sections.HEADER;
    if (dry) {
      return payload + Sections.HEADER;
    }
    memory.putInt(start, Sections.MAGIC);
    memory.putInt(start + 4, section);
    memory.putInt(start + 8, payload);
    int checksum = Sections.checksum(kernels, start, payload);
    memory.putInt(start + 12, checksum);
    sections++;
    checksums = Integer.rotateLeft(checksums, 1) ^ checksum;
    return payload + Sections.HEADER;
  }

  private void follow(int next) {
    kind = next;
    subject = 0;
  }

  /** Makes room for a record; false: it is for the next section. */
  private boolean room(int bytes) {
    if (at - out.address() + bytes <= out.capacity()) {
      return true;
    }
    if (at != out.address() + Sections.HEADER) {
      return false;
    }
    at = out.reserve(Sections.HEADER + bytes) + Sections.HEADER;
    return true;
  }

  private void word(int value) {
    memory.putInt(at, value);
    at += 4;
  }

  private void longWord(long value) {
    memory.putLong(at, value);
    at += 8;
  }

  private void copy(int from, int bytes) {
    if (!dry) {
      memory.copy(from, at, bytes);
    }
    at += bytes;
  }

  // ---------------------------------------------------------------- the sections

  private void head() {
    Versions versions = totals.versions;
    int bytes = Sections.HEAD_BYTES;
    for (int r = 0; r < versions.count(); r++) {
      bytes += 12 + 8 * versions.intervals(r);
    }
    room(bytes);
    word(Sections.VERSION);
    word(flags & (INDEX | INCREMENT) | (log == null ? 0 : HISTORY));
    word(options.dimensions());
    word(options.metric().ordinal());
    word(options.hnswM());
    word(options.quantization().ordinal());
    word(options.keepFloats() ? 1 : 0);
    word(options.grid());
    word(image.slotLimit());
    word(image.live());
    word(log == null ? 0 : log.deltas());
    word(totals.sequence);
    longWord(totals.replica);
    longWord(totals.lastTime);
    longWord(Double.doubleToRawLongBits(totals.applied));
    word(totals.nextCompaction);
    word(log == null ? 0 : log.arrived());
    word(0);
    word(versions.count());
    for (int r = 0; r < versions.count(); r++) {
      longWord(versions.replica(r));
      word(versions.intervals(r));
      for (int i = 0; i < versions.intervals(r); i++) {
        word(versions.first(r, i));
        word(versions.last(r, i));
      }
    }
    follow(Sections.VECTORS);
  }

  /**
   * In an increment, says first which slots an id may have left: it may have gone to another one.
   */
  private void departures(Changes known) {
    for (int limit = image.slotLimit(); subject < limit; subject++) {
      if (known.hasVector(subject) && (known.hasChain(subject) || !image.occupied(subject))) {
        if (!room(Sections.VECTOR_BYTES)) {
          return;
        }
        memory.clear(at, Sections.VECTOR_BYTES);
        memory.putInt(at, subject);
        at += Sections.VECTOR_BYTES;
      }
    }
    departed = true;
    subject = 0;
  }

  private void vectors() {
    if (increment && changes != null && !departed) {
      departures(changes);
      return;
    }
    for (int limit = image.slotLimit(); subject < limit; subject++) {
      if (increment
          && changes != null
          && (!changes.hasVector(subject) || !image.occupied(subject))) {
        continue;
      }
      boolean alive = image.occupied(subject);
      int idBytes = alive ? image.idBytes(subject) : 0;
      int metadata = alive ? image.metadataBlock(subject) : 0;
      int json = metadata == 0 ? 0 : memory.getInt(metadata);
      if (!room(Sections.VECTOR_BYTES + idBytes + json + rowBytes)) {
        return;
      }
      word(subject);
      word(idBytes);
      word(json);
      word(alive ? memory.getInt(image.norm(subject)) : 0);
      longWord(alive ? image.newestTime(subject) : 0);
      if (alive) {
        copy(image.id(subject), idBytes);
        copy(metadata + 4, json);
        Codes codes = image.codes();
        copy(
            image.keepsFloats() || codes == null ? image.vector(subject) : codes.row(subject),
            rowBytes);
      }
    }
    follow(log == null ? graphOrEnd() : Sections.CHAINS);
  }

  private int graphOrEnd() {
    return (flags & INDEX) != 0 ? Sections.GRAPH : Sections.END;
  }

  private void chains() {
    DeltaLog kept = log;
    if (kept == null) {
      return;
    }
    int slots = image.slotLimit();
    // Slots first, then graves.
    for (int limit = slots + image.graveLimit(); subject < limit; subject++) {
      int which = subject < slots ? subject : ~(subject - slots);
      if (left == 0 && !gather(kept, which)) {
        continue;
      }
      if (!chain(kept, which)) {
        return;
      }
    }
    follow(graphOrEnd());
  }

  /** Lists what is to be written of a chain. */
  private boolean gather(DeltaLog kept, int which) {
    Changes known = increment ? changes : null;
    boolean whole = known == null || known.hasChain(which);
    int since = known == null ? 0 : known.arrived();
    continues = !whole;
    if (!image.occupied(which)
        || (known != null && !whole && (which < 0 || !known.hasVector(which)))) {
      return false;
    }
    int deltas = 0; // how many entries up to the oldest delta that is new
    for (int entry = image.head(which); entry != 0; entry = kept.previous(entry)) {
      if (left == chain.length) {
        chain = Arrays.copyOf(chain, left * 2);
      }
      chain[left++] = entry;
      if (!whole && !kept.isCheckpoint(entry) && kept.number(entry) < since) {
        break; // it is known, and so is a checkpoint on it
      }
      if (whole || !kept.isCheckpoint(entry)) {
        deltas = left;
      }
    }
    left = deltas;
    return left > 0;
  }

  /** Writes entries of the chain that was gathered; false: the rest is for the next section. */
  private boolean chain(DeltaLog kept, int which) {
    int idBytes = which >= 0 ? 0 : image.idBytes(which);
    if (!room(Sections.CHAIN_BYTES + idBytes + kept.archivedBytes(chain[left - 1]))) {
      return false;
    }
    int start = at;
    word(which >= 0 ? which : -1);
    word(continues ? 1 : 0);
    word(0);
    word(idBytes);
    if (idBytes > 0) {
      copy(image.id(which), idBytes);
    }
    int n = 0;
    while (left > 0 && room(kept.archivedBytes(chain[left - 1]))) {
      int entry = chain[--left];
      at = dry ? at + kept.archivedBytes(entry) : kept.archive(entry, at);
      n++;
    }
    memory.putInt(start + 8, n);
    continues = true;
    return left == 0;
  }

  private void graph() {
    room(graph.headBytes());
    at = graph.writeHead(at);
    follow(Sections.NODES);
  }

  private void nodes() {
    for (int limit = image.slotLimit(); subject < limit; subject++) {
      if (!image.occupied(subject)) {
        continue;
      }
      if (!room(graph.nodeBound(subject))) {
        return;
      }
      int behind = graph.writeNode(subject, at);
      boolean changed =
          changes == null
              || (flags & MARK) == 0
              || changes.node(subject, graph.hash(at, behind))
              || changes.hasVector(subject);
      if (changed || !increment) {
        at = behind;
      }
    }
    follow(Sections.END);
  }

  private void end() {
    word(sections);
    word(checksums);
    kind = Sections.END + 1;
    if (changes != null && (flags & MARK) != 0) {
      changes.clear(log == null ? 0 : log.arrived());
    }
  }
}
