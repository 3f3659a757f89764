package dev.deltavec.core.filter;

import dev.deltavec.core.DeltaException;
import dev.deltavec.core.ErrorCode;
import dev.deltavec.core.json.JsonParser;
import dev.deltavec.core.memory.Bytes;
import dev.deltavec.core.memory.Memory;

/**
 * A predicate on metadata, given as JSON: {@code {"equals":[path,scalar]}}, {@code
 * {"in":[path,[scalar,...]]}}, {@code {"range":[path,{"gt":bound,"gte":bound,"lt":bound,
 * "lte":bound}]}}, {@code {"exists":[path]}}, {@code {"and":[filter,...]}}, {@code
 * {"or":[filter,...]}} or {@code {"not":filter}}. A path is an array of one or more names of
 * members, from the outermost in; a scalar is a string, a number, true, false or null; the bounds
 * of a range are all numbers or all strings.
 *
 * <p>Values are compared, not their spelling: {@code 1.0} is {@code 10e-1}, and an escape is what
 * it stands for. Numbers are compared exactly, as decimals; an exponent beyond ±10^17 counts as
 * that. Strings have the order of their code points; half a surrogate pair is a code point too. An
 * array matches {@code equals}, {@code in} and {@code range} if one of its elements does. {@code
 * exists} matches any member that is there, also a null. What is not there matches nothing.
 *
 * <p>Immutable: any number of threads may ask.
 */
public final class Filter {
  /** The longest text, in bytes. */
  public static final int MAX_BYTES = 1 << 16;

  /** How many filters may lie one inside the other, the outermost counted. */
  public static final int MAX_DEPTH = 32;

  /** Above what {@link #MAX_DEPTH} filters can need, which is 65. */
  private static final int MAX_JSON_DEPTH = 128;

  private final Memory memory;
  private final byte[] text;
  private final Predicate predicate;

  private Filter(Memory memory, byte[] text, Predicate predicate) {
    this.memory = memory;
    this.text = text;
    this.predicate = predicate;
  }

  /**
   * Reads a filter. Nothing of its text is needed afterwards.
   *
   * @param memory where the text and the metadata to be asked are
   * @param address of the text in UTF-8, unchecked
   * @param bytes its length
   * @return the filter. O(bytes · depth), and O(n^1.5) comparisons for n alternatives
   * @throws DeltaException {@code INVALID_ARGUMENT} if the text is no filter, is longer than {@link
   *     #MAX_BYTES} or nests deeper than {@link #MAX_DEPTH}; the message names the place
   */
  public static Filter parse(Memory memory, int address, int bytes) {
    if (bytes < 0 || bytes > MAX_BYTES) {
      throw new DeltaException(
          ErrorCode.INVALID_ARGUMENT, "filter is longer than " + MAX_BYTES + " bytes");
    }
    byte[] text = Bytes.read(memory, address, bytes);
    JsonParser.check(text, "filter", MAX_JSON_DEPTH);
    return new Filter(memory, text, new FilterParser(memory, address, bytes).parse("filter", 1));
  }

  /**
   * Asks a vector's metadata. Allocates nothing.
   *
   * @param metadataBlock address of a 32-bit length and a JSON object in the form that {@code
   *     MergePatch} writes, or 0 for no metadata, which has no members
   * @return whether the metadata match. O(bytes of the metadata) for each predicate within the
   *     filter that must be asked, and O(log alternatives) comparisons for one value of {@code in}
   */
  public boolean matches(int metadataBlock) {
    return predicate.matches(memory, metadataBlock);
  }

  /** Returns whether a filter of this text would be this filter. O(bytes) */
  public boolean isOf(int address, int bytes) {
    if (bytes != text.length) {
      return false;
    }
    for (int i = 0; i < bytes; i++) {
      if (memory.getByte(address + i) != text[i]) {
        return false;
      }
    }
    return true;
  }
}
