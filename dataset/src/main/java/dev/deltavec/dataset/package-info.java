/**
 * Builds the benchmark data: WordNet texts embedded by all-MiniLM-L6-v2.
 *
 * <p>{@link dev.deltavec.dataset.Main} is the command line. {@code build} makes the full set that
 * the benchmark runs on, {@code cut} makes the small set in the folder {@code data} of the
 * repository.
 */
@NullMarked
package dev.deltavec.dataset;

import org.jspecify.annotations.NullMarked;
