package dev.deltavec.kafka;

import dev.deltavec.log.DeltaLog;

class KafkaContractTest extends DeltaLogContract {
  @Override
  DeltaLog open() {
    return KafkaDeltaLog.open(TestBroker.options().build());
  }
}
