/** Meters of deltavec databases for Micrometer; see {@code DeltaVectorMetrics}. */
@SuppressWarnings("requires-transitive-automatic") // Micrometer is none yet
module dev.deltavec.micrometer {
  requires transitive dev.deltavec;
  requires transitive micrometer.core;
  requires static org.jspecify;

  exports dev.deltavec.micrometer;
}
