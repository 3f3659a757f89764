/** What comes out of the log: chunks of it, and its end as it grows, for many followers at once. */
@org.jspecify.annotations.NullMarked
package dev.deltavec.server.tail;
