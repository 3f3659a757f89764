package dev.deltavec;

/** Which vectors a search may find: a {@link MetadataFilter}, or a {@link FilterFunction}. */
public sealed interface SearchFilter permits MetadataFilter, FilterFunction {}
