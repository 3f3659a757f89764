package dev.deltavec.server.search;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.deltavec.MetadataFilter;
import dev.deltavec.core.DeltaException;
import java.math.BigDecimal;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class FilterParserTest {
  @Test
  void allPredicatesAreRead() {
    MetadataFilter filter =
        FilterParser.parse(
            """
            {"and": [
              {"field": "lang", "equals": "en"},
              {"or": [{"field": ["a", "b"], "in": [1, 2.5, null, true]}]},
              {"not": {"field": "x", "exists": true}},
              {"field": "y", "exists": false},
              {"field": "year", "range": {"gte": 2020, "lt": 2030}}
            ]}
            """);
    assertThat(filter)
        .isEqualTo(
            MetadataFilter.and(
                MetadataFilter.equal("lang", "en"),
                MetadataFilter.or(
                    MetadataFilter.in(
                        List.of("a", "b"),
                        java.util.Arrays.asList(1, new BigDecimal("2.5"), null, true))),
                MetadataFilter.not(MetadataFilter.exists("x")),
                MetadataFilter.not(MetadataFilter.exists("y")),
                MetadataFilter.range("year").gte(2020).lt(2030)));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "{ | filter is no JSON",
        "[] | filter must be an object",
        "{\"nand\": []} | which is none of field, and, or, not",
        "{\"and\": [{\"field\": \"a\"}]} | filter.and[0] must have a field and one of",
        "{\"field\": [], \"equals\": 1} | filter.field must be a name",
        "{\"field\": \"a\", \"equals\": {}} | filter.equals must be a string",
        "{\"field\": \"a\", \"like\": 1} | filter has like",
        "{\"field\": \"a\", \"range\": {}} | filter.range must have one of gt",
        "{\"field\": \"a\", \"range\": {\"gt\": null}} | filter.range must have bounds",
        "{\"field\": \"a\", \"exists\": 1} | filter.exists must be true or false"
      })
  void thePlaceIsNamedThatIsWrong(String json, String named) {
    assertThatThrownBy(() -> FilterParser.parse(json))
        .isInstanceOf(DeltaException.class)
        .hasMessageContaining(named);
  }

  @Test
  void filtersNestNoDeeperThanTheCoreTakes() {
    String deep = "{\"not\":".repeat(32) + "{\"field\":\"a\",\"equals\":1}" + "}".repeat(32);
    assertThatThrownBy(() -> FilterParser.parse(deep)).hasMessageContaining("nests deeper");
  }
}
