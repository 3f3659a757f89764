/** Deltas in shards on Apache Kafka; see {@code KafkaDeltaLog} and {@code ShardGroup}. */
@SuppressWarnings("requires-transitive-automatic") // Kafka's clients are none yet
module dev.deltavec.kafka {
  requires transitive dev.deltavec;
  requires kafka.clients;
  requires static org.jspecify;

  exports dev.deltavec.kafka;
}
