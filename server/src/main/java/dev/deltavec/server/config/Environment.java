package dev.deltavec.server.config;

import java.util.function.UnaryOperator;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Puts variables of the environment into texts. */
final class Environment {
  private static final Pattern FORM =
      Pattern.compile("\\$\\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\\}");

  private final UnaryOperator<@Nullable String> variables;

  Environment(UnaryOperator<@Nullable String> variables) {
    this.variables = variables;
  }

  /**
   * Returns a text with values in place of {@code ${NAME}} and {@code ${NAME:-other}}.
   *
   * @param option for messages
   * @throws ConfigException for a variable that is not there
   */
  String expand(String option, String text) {
    Matcher found = FORM.matcher(text);
    StringBuilder expanded = new StringBuilder();
    while (found.find()) {
      String value = variables.apply(found.group(1));
      if (value == null) {
        value = found.group(2);
      }
      if (value == null) {
        throw new ConfigException(option + ": there is no environment variable " + found.group(1));
      }
      found.appendReplacement(expanded, Matcher.quoteReplacement(value));
    }
    return found.appendTail(expanded).toString();
  }
}
