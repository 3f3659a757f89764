package dev.deltavec;

import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A filter of a search that is code. It costs a call for each vector that is considered; a {@link
 * MetadataFilter} says the same faster where it can.
 *
 * <p>It is called in the thread that searches, which holds the database's lock meanwhile, at most
 * once for each vector in a call of {@code search} or {@code searchBatch}. It may call the database
 * (also to change it: then a vector counts as it was when the function saw it), but must not wait
 * for another thread that does. What it throws ends the search and reaches its caller.
 */
@FunctionalInterface
public non-sealed interface FilterFunction extends SearchFilter {
  /**
   * Decides on a vector.
   *
   * @param id the vector's id
   * @param metadata its metadata, unmodifiable, empty if it has none. Values are {@link String},
   *     {@link Boolean}, null, {@link Long} (a number without fraction and exponent, if it fits),
   *     {@link Double} (any other number), {@link java.util.List} and {@link Map} of these
   * @return whether the search may find it
   */
  boolean accepts(String id, Map<String, @Nullable Object> metadata);
}
