/**
 * Follows a deltavec service from Java, and calls it. {@code dev.deltavec.client.Follower} is where
 * to begin, or {@code dev.deltavec.client.DeltaClient} where no database is wanted.
 */
module dev.deltavec.client {
  requires transitive dev.deltavec;
  requires transitive java.net.http;
  requires com.fasterxml.jackson.databind;
  requires static org.jspecify;

  exports dev.deltavec.client;
}
