package dev.deltavec.peers;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import org.apache.lucene.codecs.KnnVectorsFormat;
import org.apache.lucene.codecs.lucene104.Lucene104Codec;
import org.apache.lucene.codecs.lucene104.Lucene104HnswScalarQuantizedVectorsFormat;
import org.apache.lucene.codecs.lucene99.Lucene99HnswVectorsFormat;
import org.apache.lucene.document.Document;
import org.apache.lucene.document.Field;
import org.apache.lucene.document.KnnFloatVectorField;
import org.apache.lucene.document.StoredField;
import org.apache.lucene.document.StringField;
import org.apache.lucene.index.DirectoryReader;
import org.apache.lucene.index.IndexWriter;
import org.apache.lucene.index.IndexWriterConfig;
import org.apache.lucene.index.SerialMergeScheduler;
import org.apache.lucene.index.StoredFields;
import org.apache.lucene.index.Term;
import org.apache.lucene.index.VectorSimilarityFunction;
import org.apache.lucene.search.IndexSearcher;
import org.apache.lucene.search.KnnFloatVectorQuery;
import org.apache.lucene.search.ScoreDoc;
import org.apache.lucene.search.TopDocs;
import org.apache.lucene.store.Directory;
import org.apache.lucene.store.MMapDirectory;
import org.apache.lucene.util.quantization.QuantizedByteVectorValues.ScalarEncoding;
import org.jspecify.annotations.Nullable;

/** Lucene on mapped files, in one thread. */
final class LucenePeer implements Peer<Document, float[], TopDocs> {
  private static final String VECTOR = "vector";
  private static final String ID = "id";
  private static final String ROW = "row";

  /** Holds all vectors of a build: they become one segment. */
  private static final double BUFFER_MB = 512;

  private final boolean codes;

  /** Whether changes are seen with a refresh behind all of them, instead of one behind each. */
  private final boolean late;

  private final Scratch scratch = new Scratch();
  private final Path folder = scratch.path("lucene");
  private final Path copy = scratch.path("lucene-copy");
  private @Nullable Directory directory;
  private @Nullable IndexWriter writer;
  private @Nullable DirectoryReader reader;
  private @Nullable IndexSearcher searcher;

  LucenePeer(boolean codes, boolean late) {
    this.codes = codes;
    this.late = late;
  }

  @Override
  public String settings() {
    return "dot product, HNSW, maxConn=16, beamWidth=100, mapped files"
        + (codes ? ", codes of 8 bits" : "");
  }

  @Override
  public Document value(float[] vector, int row) {
    Document document = new Document();
    document.add(new StringField(ID, Integer.toString(row), Field.Store.NO));
    document.add(new StoredField(ROW, row));
    document.add(new KnnFloatVectorField(VECTOR, vector, VectorSimilarityFunction.DOT_PRODUCT));
    return document;
  }

  @Override
  public float[] query(float[] vector) {
    return vector;
  }

  @Override
  public void clear(int capacity) throws IOException {
    shut();
    Scratch.delete(folder);
    open(folder);
  }

  private void open(Path where) throws IOException {
    KnnVectorsFormat format =
        codes
            ? new Lucene104HnswScalarQuantizedVectorsFormat(ScalarEncoding.UNSIGNED_BYTE, 16, 100)
            : new Lucene99HnswVectorsFormat(16, 100);
    IndexWriterConfig config =
        new IndexWriterConfig()
            .setCodec(
                new Lucene104Codec() {
                  @Override
                  public KnnVectorsFormat getKnnVectorsFormatForField(String field) {
                    return format;
                  }
                })
            .setRAMBufferSizeMB(BUFFER_MB)
            .setMergeScheduler(new SerialMergeScheduler());
    directory = new MMapDirectory(where);
    writer = new IndexWriter(directory, config);
    refresh();
  }

  @Override
  public void build(List<Document> documents) throws IOException {
    for (Document document : documents) {
      written().addDocument(document);
    }
    written().forceMerge(1);
    refresh();
  }

  @Override
  public TopDocs search(float[] query, int k, int effort) throws IOException {
    return Objects.requireNonNull(searcher)
        .search(new KnnFloatVectorQuery(VECTOR, query, effort), k);
  }

  @Override
  public int[] rows(TopDocs result) throws IOException {
    StoredFields stored = Objects.requireNonNull(searcher).storedFields();
    int[] rows = new int[result.scoreDocs.length];
    for (int i = 0; i < rows.length; i++) {
      ScoreDoc found = result.scoreDocs[i];
      rows[i] = stored.document(found.doc).getField(ROW).numericValue().intValue();
    }
    return rows;
  }

  @Override
  public void update(Document document, int row) throws IOException {
    written().updateDocument(new Term(ID, Integer.toString(row)), document);
    changed();
  }

  @Override
  public void remove(int row) throws IOException {
    written().deleteDocuments(new Term(ID, Integer.toString(row)));
    changed();
  }

  private void changed() throws IOException {
    if (!late) {
      refresh();
    }
  }

  @Override
  public void settle() throws IOException {
    refresh();
  }

  @Override
  public long nativeBytes() throws IOException {
    return Scratch.bytes(folder);
  }

  @Override
  public long exportAll() throws IOException {
    written().commit();
    Scratch.delete(copy);
    Files.createDirectories(copy);
    for (Path file : Scratch.files(folder)) {
      if (!file.endsWith(IndexWriter.WRITE_LOCK_NAME)) {
        Files.copy(file, copy.resolve(file.getFileName()));
      }
    }
    return Scratch.bytes(copy);
  }

  @Override
  public void importAll() throws IOException {
    shut();
    open(copy);
  }

  @Override
  public void close() throws IOException {
    shut();
    scratch.close();
  }

  private void shut() throws IOException {
    if (reader != null) {
      reader.close();
      reader = null;
    }
    if (writer != null) {
      writer.close();
      writer = null;
    }
    if (directory != null) {
      directory.close();
      directory = null;
    }
  }

  private void refresh() throws IOException {
    DirectoryReader old = reader;
    DirectoryReader fresh =
        old == null
            ? DirectoryReader.open(written())
            : DirectoryReader.openIfChanged(old, written());
    if (fresh != null) {
      if (old != null) {
        old.close();
      }
      reader = fresh;
      searcher = new IndexSearcher(fresh);
      // A cache of results would answer for the index.
      searcher.setQueryCache(null);
    }
  }

  private IndexWriter written() {
    return Objects.requireNonNull(writer);
  }
}
