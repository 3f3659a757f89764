/** Snapshots: a database as a stream of bytes, whole or what has changed since the last one. */
@NullMarked
package dev.deltavec.core.snapshot;

import org.jspecify.annotations.NullMarked;
