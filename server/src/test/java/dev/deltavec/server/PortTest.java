package dev.deltavec.server;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.deltavec.log.MemoryDeltaLog;
import dev.deltavec.server.config.ConfigException;
import dev.deltavec.server.config.ConfigFile;
import dev.deltavec.server.config.ServerConfig;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PortTest {
  @TempDir Path base;

  @Test
  void aServerWhosePortIsTakenDoesNotStart() throws Exception {
    try (ServerSocket taken = new ServerSocket(0, 1, InetAddress.getByName("127.0.0.1"))) {
      ServerConfig config =
          ServerConfig.of(
              ConfigFile.defaults()
                  .with("node.id", "n")
                  .with("node.port", Integer.toString(taken.getLocalPort()))
                  .with("node.data", base.toString())
                  .with("kafka.shards", "2")
                  .with("gateway.auth.off", "true"));
      assertThatThrownBy(
              () -> new Server(config, new MemoryDeltaLog(2), self -> listener -> () -> {}))
          .isInstanceOf(ConfigException.class)
          .hasMessageContaining("is not to be had");
    }
  }
}
