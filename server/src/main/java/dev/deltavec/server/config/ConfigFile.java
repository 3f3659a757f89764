package dev.deltavec.server.config;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonMappingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.MapperFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.module.SimpleModule;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.node.TextNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * A configuration as it is written: sections of options. What it does not say is as in the
 * documented file that is part of the program, which so has the defaults and says which options
 * there are.
 */
public final class ConfigFile {
  /** Name of the documented file, beside this package. */
  private static final String DEFAULTS = "/dev/deltavec/server/deltavec-server.yaml";

  private static final ObjectMapper YAML =
      YAMLMapper.builder()
          .enable(DeserializationFeature.FAIL_ON_NULL_FOR_PRIMITIVES)
          .enable(DeserializationFeature.FAIL_ON_MISSING_CREATOR_PROPERTIES)
          .enable(MapperFeature.ACCEPT_CASE_INSENSITIVE_ENUMS)
          .addModule(new SimpleModule().addDeserializer(Duration.class, new Times()))
          .build();

  private final ObjectNode tree;

  private ConfigFile(ObjectNode tree) {
    this.tree = tree;
  }

  /** Returns the defaults alone. */
  public static ConfigFile defaults() {
    return new ConfigFile(readDefaults());
  }

  /** Returns the text of the documented file. */
  public static String documented() {
    try (InputStream in = ConfigFile.class.getResourceAsStream(DEFAULTS)) {
      if (in == null) {
        throw new IllegalStateException("the program lacks " + DEFAULTS);
      }
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static ObjectNode readDefaults() {
    try {
      return (ObjectNode) YAML.readTree(documented());
    } catch (JsonProcessingException e) {
      throw new IllegalStateException(DEFAULTS, e);
    }
  }

  /**
   * Reads a file.
   *
   * @throws ConfigException for what is wrong with it
   */
  public static ConfigFile read(Path file) {
    try {
      return parse(Files.readString(file), System::getenv);
    } catch (NoSuchFileException e) {
      throw new ConfigException("there is no file " + file);
    } catch (IOException e) {
      throw new ConfigException(file + " cannot be read: " + e.getMessage());
    }
  }

  /**
   * Reads a text.
   *
   * @param variables of the environment: null for those that are not there
   * @throws ConfigException for what is wrong with it
   */
  public static ConfigFile parse(String yaml, UnaryOperator<@Nullable String> variables) {
    JsonNode given;
    try {
      given = YAML.readTree(yaml);
    } catch (JsonProcessingException e) {
      throw new ConfigException("this is no YAML: " + e.getOriginalMessage());
    }
    ObjectNode all = readDefaults();
    if (given instanceof ObjectNode object) {
      merge(all, object, "", new Environment(variables));
    } else if (!given.isMissingNode() && !given.isNull()) {
      throw new ConfigException("a configuration has sections, as node: and kafka:");
    }
    return new ConfigFile(all);
  }

  private static void merge(ObjectNode into, ObjectNode given, String path, Environment variables) {
    for (Map.Entry<String, JsonNode> each : given.properties()) {
      String option = path + each.getKey();
      JsonNode known = into.get(each.getKey());
      JsonNode value = each.getValue();
      if (known == null) {
        throw unknown(into, path, each.getKey());
      }
      if (known instanceof ObjectNode section && !section.isEmpty()) {
        if (value instanceof ObjectNode below) {
          merge(section, below, option + ".", variables);
        } else if (!value.isNull()) {
          throw new ConfigException(option + " is a section of options");
        }
      } else {
        into.set(each.getKey(), expand(value, option, variables));
      }
    }
  }

  private static JsonNode expand(JsonNode value, String option, Environment variables) {
    if (value.isTextual()) {
      return TextNode.valueOf(variables.expand(option, value.textValue()));
    }
    if (value instanceof ObjectNode object) {
      ObjectNode copy = YAML.createObjectNode();
      object
          .properties()
          .forEach(each ->
              copy.set(
                  each.getKey(), expand(each.getValue(), option + "." + each.getKey(), variables)));
      return copy;
    }
    if (value.isArray()) {
      var copy = YAML.createArrayNode();
      value.forEach(each -> copy.add(expand(each, option, variables)));
      return copy;
    }
    return value;
  }

  private static ConfigException unknown(ObjectNode section, String path, String name) {
    List<String> names = new ArrayList<>();
    section.fieldNames().forEachRemaining(names::add);
    Optional<String> nearest = names.stream().min(Comparator.comparingInt(n -> distance(n, name)));
    return new ConfigException(
        "there is no option "
            + path
            + name
            + nearest.map(n -> "; the nearest is " + path + n).orElse(""));
  }

  /** Returns how many letters are to be added, removed or replaced (Levenshtein 1966). */
  static int distance(String a, String b) {
    int[] row = new int[b.length() + 1];
    for (int j = 0; j <= b.length(); j++) {
      row[j] = j;
    }
    for (int i = 1; i <= a.length(); i++) {
      int diagonal = row[0];
      row[0] = i;
      for (int j = 1; j <= b.length(); j++) {
        int same =
            Character.toLowerCase(a.charAt(i - 1)) == Character.toLowerCase(b.charAt(j - 1))
                ? 0
                : 1;
        int next = Math.min(diagonal + same, 1 + Math.min(row[j], row[j - 1]));
        diagonal = row[j];
        row[j] = next;
      }
    }
    return row[b.length()];
  }

  /**
   * Returns a copy in which an option has another value, as if the file said so.
   *
   * @param option as {@code node.port}
   * @throws ConfigException if there is no such option
   */
  public ConfigFile with(String option, String value) {
    ObjectNode copy = tree.deepCopy();
    ObjectNode given = YAML.createObjectNode();
    ObjectNode at = given;
    String[] names = option.split("\\.", -1);
    for (int i = 0; i + 1 < names.length; i++) {
      at = at.putObject(names[i]);
    }
    at.put(names[names.length - 1], value);
    merge(copy, given, "", new Environment(name -> null));
    return new ConfigFile(copy);
  }

  /**
   * Returns a section.
   *
   * @param type a record whose components are the section's options
   * @throws ConfigException for a value that cannot be what it is
   */
  public <T> T section(String name, Class<T> type) {
    JsonNode section = tree.get(name);
    if (section == null) {
      throw new ConfigException("there is no section " + name);
    }
    try {
      return YAML.treeToValue(section, type);
    } catch (JsonMappingException e) {
      StringBuilder path = new StringBuilder(name);
      e.getPath().forEach(each -> path.append('.').append(each.getFieldName()));
      Throwable cause = e.getCause();
      String why = cause == null ? null : cause.getMessage();
      throw new ConfigException(path + ": " + (why == null ? e.getOriginalMessage() : why));
    } catch (JsonProcessingException e) {
      throw new ConfigException(name + ": " + e.getOriginalMessage());
    } catch (IllegalArgumentException e) {
      throw new ConfigException(name + ": " + e.getMessage());
    }
  }
}
