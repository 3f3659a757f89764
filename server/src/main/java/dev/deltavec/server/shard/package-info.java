/** One shard of a service: its database on disk, what is applied to it, what is written of it. */
@org.jspecify.annotations.NullMarked
package dev.deltavec.server.shard;
