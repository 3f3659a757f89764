package dev.deltavec.kafka;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/**
 * What members of a group tell each other of one.
 *
 * <p>Some of them, as bytes: u8 version = 1, u32 number, then of each id, url (UTF-8 behind their
 * length as u16), u32 capacity, u32 standbys, u64 started; all big-endian.
 *
 * @param standbys copies of each shard that the member wants beside its owner's
 * @param started when its process joined, Unix milliseconds
 */
record Note(Member member, int standbys, long started) {
  private static final int VERSION = 1;

  static ByteBuffer encode(List<Note> notes) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (DataOutputStream out = new DataOutputStream(bytes)) {
      out.writeByte(VERSION);
      out.writeInt(notes.size());
      for (Note note : notes) {
        out.writeUTF(note.member.id());
        out.writeUTF(note.member.url());
        out.writeInt(note.member.capacity());
        out.writeInt(note.standbys);
        out.writeLong(note.started);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return ByteBuffer.wrap(bytes.toByteArray());
  }

  static List<Note> decode(ByteBuffer data) {
    byte[] bytes = new byte[data.remaining()];
    data.duplicate().get(bytes);
    try (DataInputStream in = new DataInputStream(new ByteArrayInputStream(bytes))) {
      int version = in.readUnsignedByte();
      if (version != VERSION) {
        throw new IOException("version " + version);
      }
      int n = in.readInt();
      List<Note> notes = new ArrayList<>();
      for (int i = 0; i < n; i++) {
        Member member = new Member(in.readUTF(), in.readUTF(), in.readInt());
        notes.add(new Note(member, in.readInt(), in.readLong()));
      }
      return notes;
    } catch (IOException e) {
      throw new UncheckedIOException("A group with members of another kind: " + e.getMessage(), e);
    }
  }
}
