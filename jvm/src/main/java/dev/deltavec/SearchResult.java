package dev.deltavec;

/**
 * One hit of a search.
 *
 * @param id the vector's id
 * @param score similarity for cosine (-1 to 1) and dot (higher is closer), distance for euclidean
 *     (lower is closer)
 */
public record SearchResult(String id, float score) {}
