/** The history: the delta log, reading the past, merging replicas, compaction. */
@NullMarked
package dev.deltavec.core.history;

import org.jspecify.annotations.NullMarked;
