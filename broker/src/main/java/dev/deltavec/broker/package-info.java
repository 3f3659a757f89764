/** An Apache Kafka broker in this process. */
@org.jspecify.annotations.NullMarked
package dev.deltavec.broker;
