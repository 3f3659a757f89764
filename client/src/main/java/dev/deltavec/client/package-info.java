/**
 * Follows a deltavec service, and calls it.
 *
 * <p>{@link dev.deltavec.client.Follower} keeps a database up to date and sends what is changed in
 * it; {@link dev.deltavec.client.DeltaClient} changes and searches vectors that are only there.
 */
@org.jspecify.annotations.NullMarked
package dev.deltavec.client;
