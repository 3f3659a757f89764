package dev.deltavec.core;

import dev.deltavec.core.image.Image;
import dev.deltavec.core.memory.Heap;
import dev.deltavec.core.memory.Memory;
import java.util.Arrays;

/**
 * What a batch has changed, so that it can be undone whole. Each entry names a slot and keeps what
 * was there before: nothing (create), the slot's record (delete), or the record, norm and values
 * (change). Saved bytes are in blocks of linear memory; the first block is kept from batch to
 * batch.
 */
final class Journal {
  /** A slot was taken for a new id. */
  static final int CREATED = 0;

  /** A slot's id has gone to a grave, or is to be forgotten. */
  static final int DELETED = 1;

  /** Some values of a vector have changed. */
  static final int SPARSE = 2;

  /** A vector has changed. */
  static final int DENSE = 3;

  /** A slot was taken for an id out of a grave. */
  static final int RAISED = 4;

  /** A grave was dug for a new id. */
  static final int DUG = 5;

  /** A grave's record has changed. */
  static final int GRAVE = 6;

  // Saved bytes: slot record, then these words, then values (DENSE), or index and value pairs
  // (SPARSE).
  private static final int NORM = Image.SLOT_BYTES;
  private static final int PAIRS = Image.SLOT_BYTES + 4;
  private static final int METADATA_REPLACED = Image.SLOT_BYTES + 8;
  private static final int MOVED = Image.SLOT_BYTES + 12;
  private static final int SAVED_HEADER = Image.SLOT_BYTES + 16;
  private static final int LEAST_BLOCK_BYTES = 1 << 12;
  private static final int FIRST_BLOCK_BYTES = 1 << 14;
  private static final int MAX_BLOCK_BYTES = 1 << 20;

  private final Image image;
  private final Heap heap;
  private final Memory memory;

  private int[] kinds = new int[128];
  private int[] slots = new int[128];
  private int[] saved = new int[128];
  private int size;

  private int[] blocks = new int[4];
  private int[] blockBytes = new int[4];
  private int blockCount;
  private int cursor;
  private int left;

  /**
   * A journal with a first block, so that what is there can be changed and deleted when there is no
   * more memory.
   *
   * @throws DeltaException {@code OUT_OF_MEMORY}
   */
  Journal(Image image) {
    this.image = image;
    this.heap = image.heap();
    this.memory = image.memory();
    addBlock(Math.max(LEAST_BLOCK_BYTES, SAVED_HEADER + image.savedBytes() + 8));
  }

  int size() {
    return size;
  }

  int kind(int entry) {
    return kinds[entry];
  }

  int subject(int entry) {
    return slots[entry];
  }

  /**
   * Notes that the last entry's slot, if it was saved, has got a new metadata block; the old one is
   * still needed.
   */
  void metadataReplaced() {
    int kind = kinds[size - 1];
    if (kind == SPARSE || kind == DENSE) {
      memory.putInt(saved[size - 1] + METADATA_REPLACED, 1);
    }
  }

  /** Returns the metadata block that a SPARSE or DENSE entry replaced, 0 for none. */
  int replacedMetadata(int entry) {
    int at = saved[entry];
    return memory.getInt(at + METADATA_REPLACED) == 0 ? 0 : image.metadataOfRecord(at);
  }

  /** Returns the address of what the last entry saved, behind its header. */
  int saved() {
    return saved[size - 1] + SAVED_HEADER;
  }

  /** Returns the inverse norm that the last entry saved. */
  float savedInverse() {
    return memory.getFloat(saved[size - 1] + NORM);
  }

  /** Notes how far the vector of the last entry has moved. */
  void moved(float length) {
    memory.putFloat(saved[size - 1] + MOVED, length);
  }

  /** Returns how far the vector of an entry has moved, negative if it has not been in the index. */
  float moved(int entry) {
    return memory.getFloat(saved[entry] + MOVED);
  }

  /** Returns whether an entry has replaced metadata. */
  boolean hasReplacedMetadata(int entry) {
    return memory.getInt(saved[entry] + METADATA_REPLACED) != 0;
  }

  /** Notes that a slot was taken. */
  void created(int slot) {
    add(CREATED, slot, 0);
  }

  /** Saves a slot that is about to be left. */
  void deleting(int slot) {
    int at = take(SAVED_HEADER);
    memory.copy(image.record(slot), at, Image.SLOT_BYTES);
    add(DELETED, slot, at);
  }

  /** Saves a grave whose id is about to be raised. */
  int raising(int grave) {
    int at = take(SAVED_HEADER);
    memory.copy(image.record(grave), at, Image.SLOT_BYTES);
    return at;
  }

  /** Notes that a slot was taken for an id that {@link #raising} saved. */
  void raised(int slot, int at) {
    add(RAISED, slot, at);
  }

  /** Notes that a grave was dug for a new id. */
  void dug(int grave) {
    add(DUG, grave, 0);
  }

  /** Saves a grave whose record is about to change. */
  void changingGrave(int grave) {
    add(GRAVE, grave, raising(grave));
  }

  /** Puts a subject's record back as the entry saved it. */
  void restoreRecord(int entry, int subject) {
    memory.copy(saved[entry], image.record(subject), Image.SLOT_BYTES);
  }

  /** Saves a slot whose whole vector, record or norm is about to change. */
  void changing(int slot) {
    int at = save(slot, image.savedBytes());
    image.save(slot, at + SAVED_HEADER);
    add(DENSE, slot, at);
  }

  /**
   * Saves a slot of whose vector only some values are about to change.
   *
   * @param indices address of {@code n} indices within the dimensions
   */
  void changing(int slot, int indices, int n) {
    int at = save(slot, n << 3);
    memory.putInt(at + PAIRS, n);
    int vector = image.vector(slot);
    int to = at + SAVED_HEADER;
    for (int i = 0, end = n << 2; i < end; i += 4, to += 8) {
      int index = memory.getInt(indices + i);
      memory.putInt(to, index);
      memory.putInt(to + 4, memory.getInt(vector + (index << 2)));
    }
    add(SPARSE, slot, at);
  }

  /** Puts back what a SPARSE or DENSE entry saved; metadata that the change made is freed. */
  void restore(int entry) {
    int slot = slots[entry];
    int at = saved[entry];
    if (memory.getInt(at + METADATA_REPLACED) != 0) {
      image.freeMetadata(image.metadataBlock(slot));
    }
    memory.copy(at, image.slot(slot), Image.SLOT_BYTES);
    memory.putInt(image.norm(slot), memory.getInt(at + NORM));
    int from = at + SAVED_HEADER;
    if (kinds[entry] == DENSE) {
      image.restore(slot, from);
      return;
    }
    int vector = image.vector(slot);
    for (int i = memory.getInt(at + PAIRS); i > 0; i--, from += 8) {
      memory.putInt(vector + (memory.getInt(from) << 2), memory.getInt(from + 4));
    }
    image.restored(slot);
  }

  /** Forgets all entries and gives back all memory but a first block. */
  void clear() {
    size = 0;
    if (blockCount > 1) {
      for (int i = 1; i < blockCount; i++) {
        heap.free(blocks[i], blockBytes[i]);
      }
      blockCount = 1;
    }
    if (blockCount == 1) {
      cursor = blocks[0];
      left = blockBytes[0];
    }
    if (kinds.length > 1 << 16) {
      kinds = new int[128];
      slots = new int[128];
      saved = new int[128];
    }
  }

  private int save(int slot, int bytes) {
    int at = take(SAVED_HEADER + bytes);
    memory.copy(image.slot(slot), at, Image.SLOT_BYTES);
    memory.putInt(at + NORM, memory.getInt(image.norm(slot)));
    memory.putInt(at + METADATA_REPLACED, 0);
    memory.putFloat(at + MOVED, -1);
    return at;
  }

  private void add(int kind, int slot, int at) {
    if (size == kinds.length) {
      kinds = Arrays.copyOf(kinds, size * 2);
      slots = Arrays.copyOf(slots, size * 2);
      saved = Arrays.copyOf(saved, size * 2);
    }
    kinds[size] = kind;
    slots[size] = slot;
    saved[size] = at;
    size++;
    if (slot < 0 || kind == RAISED || kind == CREATED) {
      image.chainChanged(slot);
    } else {
      image.vectorChanged(slot);
    }
  }

  private int take(int bytes) {
    int needed = bytes + 7 & -8;
    if (needed > left) {
      addBlock(
          Math.max(
              needed, Math.min(MAX_BLOCK_BYTES, FIRST_BLOCK_BYTES << Math.min(blockCount, 6))));
    }
    int at = cursor;
    cursor += needed;
    left -= needed;
    return at;
  }

  private void addBlock(int size) {
    int block = heap.allocate(size);
    if (block == 0) {
      throw new DeltaException(ErrorCode.OUT_OF_MEMORY, "no memory to keep a batch undoable");
    }
    if (blockCount == blocks.length) {
      blocks = Arrays.copyOf(blocks, blockCount * 2);
      blockBytes = Arrays.copyOf(blockBytes, blockCount * 2);
    }
    blocks[blockCount] = block;
    blockBytes[blockCount] = size;
    blockCount++;
    cursor = block;
    left = size;
  }
}
