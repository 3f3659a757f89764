/** Follows a deltavec gateway. */
@org.jspecify.annotations.NullMarked
package dev.deltavec.client;
