package dev.deltavec;

/** What a call of a database did, for {@link CallEvent}. */
public enum DatabaseCall {
  /** {@link DeltaVectorDB#applyDelta} and {@link DeltaVectorDB#applyDeltas}; items are deltas. */
  APPLY,
  /** {@link DeltaVectorDB#search} and {@link DeltaVectorDB#searchBatch}; items are queries. */
  SEARCH,
  /** {@link DeltaVectorDB#searchAt}; one item. */
  SEARCH_AT,
  /** {@link DeltaVectorDB#merge}; items are the stream's bytes. */
  MERGE,
  /** {@link DeltaVectorDB#rollbackTo}; one item. */
  ROLLBACK,
  /** {@link DeltaVectorDB#compact}; one item. */
  COMPACT,
  /** {@link DeltaVectorDB#repair()}, called and not in idle time; one item. */
  REPAIR,
  /** {@link DeltaVectorDB#checkpoint}, called and not in the background; one item. */
  CHECKPOINT,
  /** {@link DeltaVectorDB#export} and {@link DeltaVectorDB#exportTo}; one item. */
  EXPORT,
  /** {@link DeltaVectorDB#importFrom(byte[])} and from streams; one item. */
  IMPORT
}
