package dev.deltavec.client;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.deltavec.MetadataFilter;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Writes filters as JSON, in TypeScript's form ({@code docs/filter.md}). */
final class FilterNode {
  private FilterNode() {}

  static ObjectNode of(MetadataFilter filter) {
    ObjectNode node = Gateway.MAPPER.createObjectNode();
    switch (filter) {
      case MetadataFilter.Equal equal -> {
        node.set("field", field(equal.field()));
        node.set("equals", scalar(equal.value()));
      }
      case MetadataFilter.In in -> {
        node.set("field", field(in.field()));
        ArrayNode values = node.putArray("in");
        in.values().forEach(value -> values.add(scalar(value)));
      }
      case MetadataFilter.Range range -> {
        node.set("field", field(range.field()));
        ObjectNode bounds = node.putObject("range");
        bound(bounds, "gt", range.gt());
        bound(bounds, "gte", range.gte());
        bound(bounds, "lt", range.lt());
        bound(bounds, "lte", range.lte());
      }
      case MetadataFilter.Exists exists -> {
        node.set("field", field(exists.field()));
        node.put("exists", true);
      }
      case MetadataFilter.And and -> all(node.putArray("and"), and.filters());
      case MetadataFilter.Or or -> all(node.putArray("or"), or.filters());
      case MetadataFilter.Not not -> node.set("not", of(not.filter()));
    }
    return node;
  }

  private static void all(ArrayNode array, List<MetadataFilter> filters) {
    filters.forEach(filter -> array.add(of(filter)));
  }

  private static JsonNode field(List<String> path) {
    return Gateway.MAPPER.valueToTree(path);
  }

  private static JsonNode scalar(@Nullable Object value) {
    return Gateway.MAPPER.valueToTree(value);
  }

  private static void bound(ObjectNode bounds, String name, @Nullable Object value) {
    if (value != null) {
      bounds.set(name, scalar(value));
    }
  }
}
