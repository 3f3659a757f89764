/** Search of all shards: here, and on other nodes. */
@org.jspecify.annotations.NullMarked
package dev.deltavec.server.search;
