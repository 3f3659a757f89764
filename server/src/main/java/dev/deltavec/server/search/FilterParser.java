package dev.deltavec.server.search;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.deltavec.MetadataFilter;
import dev.deltavec.core.DeltaException;
import dev.deltavec.core.ErrorCode;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Reads filters on metadata as {@code docs/filter.md} writes them as JSON, in TypeScript's form.
 */
public final class FilterParser {
  private static final int MAX_DEPTH = 32;
  private static final int MAX_CHARS = 1 << 16;
  private static final ObjectMapper JSON =
      JsonMapper.builder().enable(DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS).build();
  private static final Set<String> BOUNDS = Set.of("gt", "gte", "lt", "lte");

  private FilterParser() {}

  /**
   * Reads a filter.
   *
   * @param json as {@code {"and": [{"field": "lang", "equals": "en"}, …]}}
   * @throws DeltaException {@code INVALID_ARGUMENT} naming the place
   */
  public static MetadataFilter parse(String json) {
    if (json.length() > MAX_CHARS) {
      throw invalid("filter", "has over " + MAX_CHARS + " characters");
    }
    JsonNode tree;
    try {
      tree = JSON.readTree(json);
    } catch (JsonProcessingException e) {
      throw invalid("filter", "is no JSON: " + e.getOriginalMessage());
    }
    return filter(tree, "filter", 1);
  }

  private static MetadataFilter filter(JsonNode node, String at, int depth) {
    if (depth > MAX_DEPTH) {
      throw invalid(at, "nests deeper than " + MAX_DEPTH + " levels");
    }
    if (!node.isObject()) {
      throw invalid(at, "must be an object");
    }
    if (node.has("field")) {
      return predicate(node, at);
    }
    if (node.size() != 1) {
      throw invalid(at, "must have a field, or one of and, or, not");
    }
    Map.Entry<String, JsonNode> only = node.properties().iterator().next();
    String name = only.getKey();
    JsonNode value = only.getValue();
    String below = at + "." + name;
    return switch (name) {
      case "and" -> MetadataFilter.and(filters(value, below, depth));
      case "or" -> MetadataFilter.or(filters(value, below, depth));
      case "not" -> MetadataFilter.not(filter(value, below, depth + 1));
      default -> throw invalid(at, "has " + name + ", which is none of field, and, or, not");
    };
  }

  private static List<MetadataFilter> filters(JsonNode node, String at, int depth) {
    if (!node.isArray()) {
      throw invalid(at, "must be an array");
    }
    List<MetadataFilter> all = new ArrayList<>();
    for (int i = 0; i < node.size(); i++) {
      all.add(filter(node.get(i), at + "[" + i + "]", depth + 1));
    }
    return all;
  }

  private static MetadataFilter predicate(JsonNode node, String at) {
    if (node.size() != 2) {
      throw invalid(at, "must have a field and one of equals, in, range, exists");
    }
    List<String> field = field(node.get("field"), at + ".field");
    for (Map.Entry<String, JsonNode> each : node.properties()) {
      JsonNode value = each.getValue();
      String below = at + "." + each.getKey();
      switch (each.getKey()) {
        case "field" -> {
          continue;
        }
        case "equals" -> {
          return MetadataFilter.equal(field, scalar(value, below));
        }
        case "in" -> {
          return MetadataFilter.in(field, scalars(value, below));
        }
        case "range" -> {
          return range(field, value, below);
        }
        case "exists" -> {
          if (!value.isBoolean()) {
            throw invalid(below, "must be true or false");
          }
          MetadataFilter exists = MetadataFilter.exists(field);
          return value.booleanValue() ? exists : MetadataFilter.not(exists);
        }
        default ->
            throw invalid(
                at, "has " + each.getKey() + ", which is none of equals, in, range, exists");
      }
    }
    throw invalid(at, "must have one of equals, in, range, exists");
  }

  private static List<String> field(JsonNode node, String at) {
    if (node.isTextual()) {
      return List.of(node.textValue());
    }
    List<String> path = new ArrayList<>();
    for (JsonNode name : node) {
      if (!name.isTextual()) {
        throw invalid(at, "must be a name or a path of names");
      }
      path.add(name.textValue());
    }
    if (!node.isArray() || path.isEmpty()) {
      throw invalid(at, "must be a name or a path of names");
    }
    return path;
  }

  private static MetadataFilter range(List<String> field, JsonNode node, String at) {
    if (!node.isObject() || node.isEmpty()) {
      throw invalid(at, "must have one of gt, gte, lt, lte");
    }
    node.fieldNames()
        .forEachRemaining(name -> {
          if (!BOUNDS.contains(name)) {
            throw invalid(at, "has " + name + ", which is none of gt, gte, lt, lte");
          }
        });
    return new MetadataFilter.Range(
        field,
        bound(node.get("gt"), at),
        bound(node.get("gte"), at),
        bound(node.get("lt"), at),
        bound(node.get("lte"), at));
  }

  private static @Nullable Object bound(@Nullable JsonNode node, String at) {
    if (node == null) {
      return null;
    }
    if (!node.isNumber() && !node.isTextual()) {
      throw invalid(at, "must have bounds that are numbers or strings");
    }
    return scalar(node, at);
  }

  private static List<@Nullable Object> scalars(JsonNode node, String at) {
    if (!node.isArray()) {
      throw invalid(at, "must be an array");
    }
    List<@Nullable Object> all = new ArrayList<>();
    for (JsonNode value : node) {
      all.add(scalar(value, at));
    }
    return all;
  }

  private static @Nullable Object scalar(JsonNode node, String at) {
    if (node.isTextual()) {
      return node.textValue();
    }
    if (node.isBoolean()) {
      return node.booleanValue();
    }
    if (node.isNull()) {
      return null;
    }
    if (node.isNumber()) {
      return node.numberValue();
    }
    throw invalid(at, "must be a string, a number, a boolean or null");
  }

  private static DeltaException invalid(String at, String what) {
    return new DeltaException(ErrorCode.INVALID_ARGUMENT, at + " " + what);
  }
}
