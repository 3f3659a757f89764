/** What feeds a database of many shards: its log of record, as an interface. */
@org.jspecify.annotations.NullMarked
package dev.deltavec.log;
