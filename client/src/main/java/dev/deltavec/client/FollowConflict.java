package dev.deltavec.client;

/**
 * An edit of this database that the service has not taken, and that is not sent again.
 *
 * @param reason code of why: that of the service ({@code FORBIDDEN}, {@code TOO_LARGE}, …); {@code
 *     TOO_OLD} for an edit that may have reached the service long ago; {@code VECTOR_EXISTS} or
 *     {@code VECTOR_NOT_FOUND} for one that could not be made again on what the service has
 * @param message why, in words
 * @param vectorId whose edit it is
 * @param deltaId the delta's id, as a chain of deltas lists it
 * @param frame the delta as a stream for {@code merge}
 */
@SuppressWarnings("ArrayRecordComponent") // as those of DeltaFrames; nobody compares them
public record FollowConflict(
    String reason, String message, String vectorId, String deltaId, byte[] frame) {}
