package dev.deltavec.kafka;

import dev.deltavec.log.DeltaLog;
import dev.deltavec.log.MemoryDeltaLog;

/** The log in memory does as that on Kafka does. */
class MemoryContractTest extends DeltaLogContract {
  @Override
  DeltaLog open() {
    return new MemoryDeltaLog(4);
  }
}
