package dev.deltavec.core.index;

/**
 * The slots that a search may find.
 *
 * @param bits address of a bit for each slot, the lowest of a word first; set ones live
 * @param slots how many slots have a bit
 * @param count how many are set
 */
public record Selection(int bits, int slots, int count) {}
