/** A node: what it owns, and what the rest of the process may ask of it. */
@org.jspecify.annotations.NullMarked
package dev.deltavec.server.node;
