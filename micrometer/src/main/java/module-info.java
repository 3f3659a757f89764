/** Meters of deltavec databases for Micrometer; see {@code DeltaVectorMetrics}. */
module dev.deltavec.micrometer {
  requires transitive dev.deltavec;
  requires transitive micrometer.core;
  requires static org.jspecify;

  exports dev.deltavec.micrometer;
}
