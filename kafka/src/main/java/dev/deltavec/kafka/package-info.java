/** Deltas in shards on Apache Kafka. */
@org.jspecify.annotations.NullMarked
package dev.deltavec.kafka;
