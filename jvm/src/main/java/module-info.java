/**
 * deltavec for the JVM: a database of vectors that change by deltas, with search for the nearest
 * ones. {@code dev.deltavec.DeltaVectorDB} is where to begin.
 *
 * <p>Start Java with {@code --add-modules jdk.incubator.vector} for vector arithmetic several times
 * as fast.
 */
module dev.deltavec {
  requires transitive dev.deltavec.core;
  requires static org.jspecify;
  requires static jdk.incubator.vector;

  exports dev.deltavec;
  exports dev.deltavec.log;
}
