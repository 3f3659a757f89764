package dev.deltavec.peers;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * Plan and vectors of a run, as the command line prepared them.
 *
 * @param base vectors of the start
 * @param edited vectors that those of {@code edits} take
 * @param moved vectors that those of {@code far} take
 * @param edits rows that are edited
 * @param far other rows, which take the vectors of other texts
 * @param deletes other rows, which are deleted
 * @param built the true nearest rows of each query, as built
 * @param behindEdits the same behind the edits
 * @param ended the same behind all changes
 * @param left the true nearest rows of what {@code far} had before, behind it
 * @param warm vectors of the database that is built before anything is timed
 */
record PeerData(
    float[][] base,
    float[][] queries,
    float[][] edited,
    float[][] moved,
    int[] edits,
    int[] far,
    int[] deletes,
    int[][] built,
    int[][] behindEdits,
    int[][] ended,
    int[][] left,
    int warm) {
  static final int DIMENSIONS = 384;

  static PeerData read(Path folder) throws IOException {
    JsonMapper json = JsonMapper.shared();
    JsonNode plan = json.readTree(Files.readString(folder.resolve("plan.json")));
    JsonNode truth = plan.path("truth");
    return new PeerData(
        rows(folder.resolve("base.f32")),
        rows(folder.resolve("queries.f32")),
        rows(folder.resolve("edits.f32")),
        rows(folder.resolve("far.f32")),
        json.treeToValue(plan.path("edits"), int[].class),
        json.treeToValue(plan.path("far"), int[].class),
        json.treeToValue(plan.path("deletes"), int[].class),
        json.treeToValue(truth.path("built"), int[][].class),
        json.treeToValue(truth.path("edited"), int[][].class),
        json.treeToValue(truth.path("ended"), int[][].class),
        json.treeToValue(plan.path("left"), int[][].class),
        plan.path("warm").asInt());
  }

  private static float[][] rows(Path file) throws IOException {
    FloatBuffer all =
        ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer();
    float[][] rows = new float[all.remaining() / DIMENSIONS][DIMENSIONS];
    for (float[] row : rows) {
      all.get(row);
    }
    return rows;
  }
}
