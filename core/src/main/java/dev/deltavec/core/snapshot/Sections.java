package dev.deltavec.core.snapshot;

import dev.deltavec.core.memory.Kernels;

/** The numbers of the snapshot's format: {@code docs/format.md} describes them. */
final class Sections {
  /** "DVS1", the first word of a section. */
  static final int MAGIC = 0x31535644;

  /** The version of the format that this release writes, and the latest that it reads. */
  static final int VERSION = 1;

  /** Bytes of a section before its payload. */
  static final int HEADER = 16;

  /** The most bytes of a payload. */
  static final int MAX_PAYLOAD = 1 << 22;

  static final int HEAD = 1;
  static final int VECTORS = 2;
  static final int CHAINS = 3;
  static final int GRAPH = 4;
  static final int NODES = 5;
  static final int END = 9;

  /** Bytes of the head before the replicas. */
  static final int HEAD_BYTES = 88;

  /** Bytes of a vector's record before its id. */
  static final int VECTOR_BYTES = 24;

  /** Bytes before the entries of a chain, and before the id of a chain without a vector. */
  static final int CHAIN_BYTES = 16;

  /** Bytes of a checkpoint, its arrival included, before its values. */
  static final int CHECKPOINT_BYTES = 32;

  private Sections() {}

  /** Returns the checksum of a section: of its header's second and third word, and its payload. */
  static int checksum(Kernels kernels, int section, int payload) {
    int header = kernels.crc32c(0, section + 4, 8);
    return kernels.crc32c(header, section + HEADER, payload);
  }
}
