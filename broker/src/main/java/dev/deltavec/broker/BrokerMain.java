package dev.deltavec.broker;

import java.nio.file.Path;
import java.util.concurrent.CountDownLatch;

/** A broker as a process of its own: {@code BrokerMain DIRECTORY PORT}. */
public final class BrokerMain {
  private BrokerMain() {}

  /**
   * Starts a broker, prints {@code ready HOST:PORT} once it serves clients, and goes on until the
   * process is ended.
   *
   * @param args its directory and its port; 0 for the one of before, or a free one
   */
  public static void main(String[] args) throws InterruptedException {
    if (args.length != 2) {
      System.err.println("usage: BrokerMain DIRECTORY PORT");
      System.exit(2);
    }
    EmbeddedBroker broker =
        EmbeddedBroker.start(
            Path.of(args[0]), EmbeddedBroker.Options.port(Integer.parseInt(args[1])));
    Runtime.getRuntime().addShutdownHook(new Thread(broker::close, "broker-close"));
    System.out.println("ready " + broker.bootstrap());
    System.out.flush();
    new CountDownLatch(1).await();
  }
}
