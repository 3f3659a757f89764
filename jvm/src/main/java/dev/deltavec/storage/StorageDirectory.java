package dev.deltavec.storage;

import java.io.IOException;
import java.util.List;

/** A flat set of files that one database has for itself. */
public interface StorageDirectory extends AutoCloseable {
  /** Returns what messages call it. */
  String name();

  /** Returns the names of all files. */
  List<String> list() throws IOException;

  /** Opens a file for reading and writing; it is made if it is not there. */
  StorageFile open(String file) throws IOException;

  /** Removes a file; does nothing if it is not there. */
  void remove(String file) throws IOException;

  /** Gives a file another name, over the file that has it. */
  void rename(String from, String to) throws IOException;

  /** Returns once it is on disk which files there are. */
  void force() throws IOException;

  /** Lets others have the directory. Closing again does nothing. */
  @Override
  void close() throws IOException;
}
