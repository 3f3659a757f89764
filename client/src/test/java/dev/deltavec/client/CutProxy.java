package dev.deltavec.client;

import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/** Stands between a client and a service, and cuts their connections anywhere. */
final class CutProxy implements AutoCloseable {
  private final ServerSocket server;
  private final int target;
  private final Set<Socket> sockets = ConcurrentHashMap.newKeySet();
  private volatile boolean refusing;

  CutProxy(int target) throws IOException {
    this.target = target;
    server = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
    Thread.startVirtualThread(this::accept);
  }

  URI uri() {
    return URI.create("http://127.0.0.1:" + server.getLocalPort());
  }

  /** Cuts all connections, and takes none as long as it is refusing. */
  void refuse(boolean value) {
    refusing = value;
    cut();
  }

  /** Cuts all connections. */
  void cut() {
    sockets.forEach(CutProxy::end);
  }

  private void accept() {
    try {
      while (true) {
        Socket near = server.accept();
        if (refusing) {
          near.close();
          continue;
        }
        Socket far = new Socket(InetAddress.getLoopbackAddress(), target);
        near.setTcpNoDelay(true);
        far.setTcpNoDelay(true);
        sockets.add(near);
        sockets.add(far);
        Thread.startVirtualThread(() -> pump(near, far));
        Thread.startVirtualThread(() -> pump(far, near));
      }
    } catch (IOException e) {
      // it is closed
    }
  }

  private void pump(Socket from, Socket to) {
    try (from;
        to;
        InputStream in = from.getInputStream()) {
      in.transferTo(to.getOutputStream());
    } catch (IOException e) {
      // cut
    } finally {
      sockets.remove(from);
      sockets.remove(to);
    }
  }

  private static void end(Socket socket) {
    try {
      socket.setSoLinger(true, 0); // at once, and what is under way is lost
      socket.close();
    } catch (IOException e) {
      // it has ended
    }
  }

  @Override
  public void close() throws IOException {
    server.close();
    cut();
  }
}
