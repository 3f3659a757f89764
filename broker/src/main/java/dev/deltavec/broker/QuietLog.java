package dev.deltavec.broker;

import org.apache.logging.log4j.Level;
import org.apache.logging.log4j.LogManager;
import org.apache.logging.log4j.core.LoggerContext;
import org.apache.logging.log4j.core.appender.ConsoleAppender;
import org.apache.logging.log4j.core.config.Configurator;
import org.apache.logging.log4j.core.config.DefaultConfiguration;
import org.apache.logging.log4j.core.config.builder.api.ConfigurationBuilder;
import org.apache.logging.log4j.core.config.builder.api.ConfigurationBuilderFactory;
import org.apache.logging.log4j.core.config.builder.impl.BuiltConfiguration;

/** Warnings to standard error, where nobody has configured Log4j. */
final class QuietLog {
  private QuietLog() {}

  static synchronized void install() {
    if (!(LogManager.getContext(false) instanceof LoggerContext context)
        || !(context.getConfiguration() instanceof DefaultConfiguration)) {
      return;
    }
    ConfigurationBuilder<BuiltConfiguration> builder =
        ConfigurationBuilderFactory.newConfigurationBuilder();
    builder
        .setConfigurationName("deltavec-broker")
        .setStatusLevel(Level.ERROR)
        .add(
            builder
                .newAppender("stderr", "Console")
                .addAttribute("target", ConsoleAppender.Target.SYSTEM_ERR)
                .add(
                    builder
                        .newLayout("PatternLayout")
                        .addAttribute("pattern", "%d{HH:mm:ss.SSS} %p %c{1}: %m%n%throwable{5}")))
        // What they warn of is as it should be: a first start, requests before the controller
        // is there, two brokers in one process, clients that find the broker stopped for a while.
        .add(builder.newLogger("org.apache.kafka.controller.QuorumController", Level.ERROR))
        .add(builder.newLogger("kafka.server.ControllerApis", Level.OFF))
        .add(builder.newLogger("org.apache.kafka.clients", Level.ERROR))
        .add(builder.newLogger("org.apache.kafka.common.utils.AppInfoParser", Level.ERROR))
        .add(builder.newRootLogger(Level.WARN).add(builder.newAppenderRef("stderr")));
    Configurator.reconfigure(builder.build());
  }
}
