package dev.deltavec;

import dev.deltavec.core.DeltaException;
import dev.deltavec.core.ErrorCode;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Which metadata a vector must have to be found; see {@link SearchOptions}.
 *
 * {@snippet :
 * MetadataFilter.and(
 *     MetadataFilter.equal("lang", "en"),
 *     MetadataFilter.range("pages").gte(10).lt(100),
 *     MetadataFilter.not(MetadataFilter.in(List.of("rights", "licence"), "none", null)));
 * }
 *
 * <p>A field is the name of a member of the metadata, or a path of names through members that are
 * objects. A value that is an array matches {@link Equal}, {@link In} and {@link Range} if one of
 * its elements does. A vector without metadata has no fields.
 *
 * <p>Values to compare with are {@link String}, {@link Boolean}, null, or numbers: {@link Byte},
 * {@link Short}, {@link Integer}, {@link Long}, {@link java.math.BigInteger}, {@link
 * java.math.BigDecimal}, {@link Float} and {@link Double}, all compared exactly, as their decimals
 * read. Filters nest 32 levels deep at most, and take 64 KiB of JSON at most.
 *
 * <p>What is wrong with a filter is found when it is made: a {@link DeltaException} {@code
 * INVALID_ARGUMENT}; its size and the bounds of a range when it is used.
 */
public sealed interface MetadataFilter extends SearchFilter {
  /** Matches a field whose value is equal to this one. */
  static MetadataFilter equal(String field, @Nullable Object value) {
    return equal(path(field), value);
  }

  /** Matches a field whose value is equal to this one. */
  static MetadataFilter equal(List<String> field, @Nullable Object value) {
    return new Equal(field, value);
  }

  /** Matches a field whose value is equal to one of these. */
  static MetadataFilter in(String field, @Nullable Object... values) {
    return in(path(field), values);
  }

  /** Matches a field whose value is equal to one of these. */
  static MetadataFilter in(List<String> field, @Nullable Object... values) {
    return new In(field, Arrays.asList(values));
  }

  /** Matches a field whose value is equal to one of these. */
  static MetadataFilter in(String field, Collection<? extends @Nullable Object> values) {
    return in(path(field), values);
  }

  /** Matches a field whose value is equal to one of these. */
  static MetadataFilter in(List<String> field, Collection<? extends @Nullable Object> values) {
    return new In(field, new ArrayList<>(values));
  }

  /** Matches a field whose value lies within bounds, which are to be set: one at least. */
  static Range range(String field) {
    return range(path(field));
  }

  /** Matches a field whose value lies within bounds, which are to be set: one at least. */
  static Range range(List<String> field) {
    return new Range(field, null, null, null, null);
  }

  /** Matches metadata that has the field, also if its value is null. */
  static MetadataFilter exists(String field) {
    return exists(path(field));
  }

  /** Matches metadata that has the field, also if its value is null. */
  static MetadataFilter exists(List<String> field) {
    return new Exists(field);
  }

  /** Matches what all of these match; without any, everything. */
  static MetadataFilter and(MetadataFilter... filters) {
    return and(Arrays.asList(filters));
  }

  /** Matches what all of these match; without any, everything. */
  static MetadataFilter and(Collection<? extends MetadataFilter> filters) {
    return new And(List.copyOf(filters));
  }

  /** Matches what one of these matches; without any, nothing. */
  static MetadataFilter or(MetadataFilter... filters) {
    return or(Arrays.asList(filters));
  }

  /** Matches what one of these matches; without any, nothing. */
  static MetadataFilter or(Collection<? extends MetadataFilter> filters) {
    return new Or(List.copyOf(filters));
  }

  /** Matches what another filter does not, also metadata that lacks the other's field. */
  static MetadataFilter not(MetadataFilter filter) {
    return new Not(filter);
  }

  private static List<String> path(String field) {
    return List.of(Objects.requireNonNull(field, "field"));
  }

  /** Copies a path, which must not be empty. */
  private static List<String> checked(List<String> field) {
    if (field.isEmpty()) {
      throw new DeltaException(ErrorCode.INVALID_ARGUMENT, "filter: a field's path is empty");
    }
    return List.copyOf(field);
  }

  /**
   * A field is equal to a value.
   *
   * @param field path of the field, one name at least
   * @param value what it must be; null matches a member that is null, not one that is missing
   */
  record Equal(List<String> field, @Nullable Object value) implements MetadataFilter {
    /** Refuses what cannot be a path or a value. */
    public Equal {
      field = checked(field);
      FilterJson.requireScalar(value);
    }
  }

  /**
   * A field is equal to one of some values.
   *
   * @param field path of the field, one name at least
   * @param values what it may be
   */
  record In(List<String> field, List<@Nullable Object> values) implements MetadataFilter {
    /** Refuses what cannot be a path or a value. */
    public In {
      field = checked(field);
      values = Collections.unmodifiableList(new ArrayList<>(values)); // may hold null
      values.forEach(FilterJson::requireScalar);
    }
  }

  /**
   * A field lies within bounds: all numbers, or all texts, which are compared by their code points.
   *
   * @param field path of the field, one name at least
   * @param gt what it must be over, or null
   * @param gte what it must not be under, or null
   * @param lt what it must be under, or null
   * @param lte what it must not be over, or null
   */
  record Range(
      List<String> field,
      @Nullable Object gt,
      @Nullable Object gte,
      @Nullable Object lt,
      @Nullable Object lte)
      implements MetadataFilter {
    /** Refuses what cannot be a path or bounds. */
    public Range {
      field = checked(field);
      FilterJson.requireBounds(gt, gte, lt, lte);
    }

    /** Returns this filter with a bound that values must be over; null for none. */
    public Range gt(@Nullable Object bound) {
      return new Range(field, bound, gte, lt, lte);
    }

    /** Returns this filter with a bound that values must not be under; null for none. */
    public Range gte(@Nullable Object bound) {
      return new Range(field, gt, bound, lt, lte);
    }

    /** Returns this filter with a bound that values must be under; null for none. */
    public Range lt(@Nullable Object bound) {
      return new Range(field, gt, gte, bound, lte);
    }

    /** Returns this filter with a bound that values must not be over; null for none. */
    public Range lte(@Nullable Object bound) {
      return new Range(field, gt, gte, lt, bound);
    }
  }

  /**
   * A field is there.
   *
   * @param field path of the field, one name at least
   */
  record Exists(List<String> field) implements MetadataFilter {
    /** Refuses what cannot be a path. */
    public Exists {
      field = checked(field);
    }
  }

  /**
   * All filters match.
   *
   * @param filters what must match
   */
  record And(List<MetadataFilter> filters) implements MetadataFilter {
    /** Makes the list unmodifiable. */
    public And {
      filters = List.copyOf(filters);
    }
  }

  /**
   * One filter matches.
   *
   * @param filters of which one must match
   */
  record Or(List<MetadataFilter> filters) implements MetadataFilter {
    /** Makes the list unmodifiable. */
    public Or {
      filters = List.copyOf(filters);
    }
  }

  /**
   * A filter does not match.
   *
   * @param filter what must not match
   */
  record Not(MetadataFilter filter) implements MetadataFilter {
    /** Refuses null. */
    public Not {
      Objects.requireNonNull(filter, "filter");
    }
  }
}
