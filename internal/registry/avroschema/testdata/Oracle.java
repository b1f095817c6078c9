import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.apache.avro.Schema;
import org.apache.avro.SchemaCompatibility;
import org.apache.avro.SchemaNormalization;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericDatumWriter;
import org.apache.avro.io.BinaryEncoder;
import org.apache.avro.io.DecoderFactory;
import org.apache.avro.io.EncoderFactory;

/** Answers, for each pair of schemas on a line of the input, what Avro Java says of it, on a line of the output. */
public class Oracle {
  static final ObjectMapper JSON = new ObjectMapper();

  public static void main(String[] args) throws Exception {
    PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line; (line = in.readLine()) != null;) {
      JsonNode question = JSON.readTree(line);
      ObjectNode answer = JSON.createObjectNode();
      Schema reader = parse(question, "reader", answer.putObject("reader"));
      Schema writer = parse(question, "writer", answer.putObject("writer"));
      if (reader != null && writer != null) {
        check(reader, writer, answer);
        String example = question.path("example").asText();
        if (!example.isEmpty()) {
          answer.put("example", read(reader, writer, example));
        }
      }
      out.println(JSON.writeValueAsString(answer));
    }
    out.flush();
  }

  static Schema parse(JsonNode question, String which, ObjectNode answer) {
    try {
      Schema.Parser parser = new Schema.Parser();
      List<Schema> references = new ArrayList<>();
      for (JsonNode text : question.path("references")) {
        references.add(parser.parse(text.asText()));
      }
      Schema schema = parser.parse(question.get(which).asText());
      answer.put("canonical", schema.toString(references, false));
      answer.put("fingerprint", Long.toUnsignedString(SchemaNormalization.parsingFingerprint64(schema), 16));
      return schema;
    } catch (Throwable e) {
      answer.put("error", e.getClass().getSimpleName() + ": " + e.getMessage());
      return null;
    }
  }

  static void check(Schema reader, Schema writer, ObjectNode answer) {
    try {
      ArrayNode differences = JSON.createArrayNode();
      for (SchemaCompatibility.Incompatibility i : SchemaCompatibility.checkReaderWriterCompatibility(reader, writer).getResult().getIncompatibilities()) {
        differences.addObject().put("kind", i.getType().name()).put("path", i.getLocation());
      }
      answer.set("differences", differences);
    } catch (Throwable e) {
      answer.put("thrown", e.getClass().getSimpleName() + ": " + e.getMessage());
    }
  }

  /** Whether the reader reads a value of the writer, given in Avro's JSON encoding. */
  static String read(Schema reader, Schema writer, String example) {
    byte[] data;
    try {
      Object value = new GenericDatumReader<>(writer).read(null, DecoderFactory.get().jsonDecoder(writer, example));
      ByteArrayOutputStream out = new ByteArrayOutputStream();
      BinaryEncoder encoder = EncoderFactory.get().binaryEncoder(out, null);
      new GenericDatumWriter<>(writer).write(value, encoder);
      encoder.flush();
      data = out.toByteArray();
    } catch (Throwable e) {
      return "not a value of the writer: " + e;
    }
    try {
      new GenericDatumReader<>(writer, reader).read(null, DecoderFactory.get().binaryDecoder(data, null));
      return "read";
    } catch (Throwable e) {
      return "failed";
    }
  }
}
