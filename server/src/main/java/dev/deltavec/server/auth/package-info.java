/** Who asks, and what they may. */
@org.jspecify.annotations.NullMarked
package dev.deltavec.server.auth;
