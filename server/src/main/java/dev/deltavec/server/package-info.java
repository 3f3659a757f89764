/** A node of a deltavec service. */
@org.jspecify.annotations.NullMarked
package dev.deltavec.server;
