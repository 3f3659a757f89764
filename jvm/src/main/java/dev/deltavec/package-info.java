/**
 * The Java API of deltavec: {@link dev.deltavec.DeltaVectorDB} and what goes into and comes out of
 * it.
 *
 * <p>Errors are {@link dev.deltavec.core.DeltaException} with a stable {@link
 * dev.deltavec.core.ErrorCode}; only {@code null} where it is not allowed is a {@link
 * NullPointerException}. After any error the database is as it was before the call.
 */
@NullMarked
package dev.deltavec;

import org.jspecify.annotations.NullMarked;
