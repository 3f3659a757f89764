/** The files of a durable database: the log, snapshots, the lock, and how they are read again. */
@NullMarked
package dev.deltavec.storage;

import org.jspecify.annotations.NullMarked;
