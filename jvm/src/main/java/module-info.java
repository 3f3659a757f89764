/** deltavec for the JVM. */
module dev.deltavec {
  requires dev.deltavec.core;
  requires static transitive org.jspecify;
  requires static jdk.incubator.vector;
}
