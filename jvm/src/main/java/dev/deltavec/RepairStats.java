package dev.deltavec;

/**
 * What {@link DeltaVectorDB#repair} did.
 *
 * @param repaired vectors whose links were renewed
 * @param pending vectors that still wait for that
 */
public record RepairStats(int repaired, int pending) {}
