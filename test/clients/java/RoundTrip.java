import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Round trip with Kafka's own Java client: produces a known sequence of records to every partition of a topic, reads the
 * partitions back by explicit offsets and prints what was lost, doubled or changed as one line of JSON. Run by
 * foreign.test.ts: RoundTrip BOOTSTRAP TOPIC CODEC COUNT PARTITIONS
 */
public final class RoundTrip {
  private static final long BASE_TIMESTAMP_MS = 1_700_000_000_000L;
  private static final long DEADLINE_MS = 120_000;

  static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  static String key(int i) {
    return "key-" + i;
  }

  static String value(int i) {
    return "value-" + i + "-" + String.format("%0" + (i % 90 + 1) + "d", i);
  }

  static void produce(String bootstrap, String topic, String codec, int count, int partitions) throws Exception {
    Properties settings = new Properties();
    settings.put("bootstrap.servers", bootstrap);
    settings.put("compression.type", codec);
    settings.put("linger.ms", "5");
    settings.put("key.serializer", ByteArraySerializer.class.getName());
    settings.put("value.serializer", ByteArraySerializer.class.getName());
    AtomicReference<Exception> failure = new AtomicReference<>();
    try (KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(settings)) {
      for (int i = 0; i < count; i++) {
        ProducerRecord<byte[], byte[]> record =
            new ProducerRecord<>(topic, i % partitions, BASE_TIMESTAMP_MS + i, bytes(key(i)), bytes(value(i)));
        record.headers().add("index", bytes(String.valueOf(i))).add("empty", new byte[0]);
        producer.send(record, (metadata, error) -> {
          if (error != null) failure.set(error);
        });
      }
      producer.flush();
    }
    if (failure.get() != null) throw failure.get();
  }

  static boolean isSame(ConsumerRecord<byte[], byte[]> record, int i) {
    Header[] headers = record.headers().toArray();
    return new String(record.value(), StandardCharsets.UTF_8).equals(value(i))
        && record.timestamp() == BASE_TIMESTAMP_MS + i
        && headers.length == 2
        && headers[0].key().equals("index")
        && new String(headers[0].value(), StandardCharsets.UTF_8).equals(String.valueOf(i))
        && headers[1].key().equals("empty")
        && headers[1].value().length == 0;
  }

  static String consume(String bootstrap, String topic, int count, int partitions) {
    Properties settings = new Properties();
    settings.put("bootstrap.servers", bootstrap);
    settings.put("enable.auto.commit", "false");
    settings.put("key.deserializer", ByteArrayDeserializer.class.getName());
    settings.put("value.deserializer", ByteArrayDeserializer.class.getName());
    int[] seen = new int[count];
    int read = 0;
    int changed = 0;
    try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(settings)) {
      List<TopicPartition> assigned = new ArrayList<>();
      for (int p = 0; p < partitions; p++) assigned.add(new TopicPartition(topic, p));
      consumer.assign(assigned);
      consumer.seekToBeginning(assigned);
      long deadline = System.currentTimeMillis() + DEADLINE_MS;
      while (read < count && System.currentTimeMillis() < deadline) {
        for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(500))) {
          read++;
          String text = record.key() == null ? "" : new String(record.key(), StandardCharsets.UTF_8);
          int i = text.matches("key-\\d+") ? Integer.parseInt(text.substring(4)) : -1;
          if (i >= 0 && i < count && isSame(record, i)) seen[i]++;
          else changed++;
        }
      }
    }
    int lost = 0;
    int doubled = 0;
    for (int times : seen) {
      if (times == 0) lost++;
      else doubled += times - 1;
    }
    return String.format("{\"sent\":%d,\"read\":%d,\"lost\":%d,\"doubled\":%d,\"changed\":%d}", count, read, lost, doubled, changed);
  }

  public static void main(String[] arguments) throws Exception {
    int count = Integer.parseInt(arguments[3]);
    int partitions = Integer.parseInt(arguments[4]);
    produce(arguments[0], arguments[1], arguments[2], count, partitions);
    System.out.println(consume(arguments[0], arguments[1], count, partitions));
  }
}
