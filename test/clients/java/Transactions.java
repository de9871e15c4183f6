import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.InvalidProducerEpochException;
import org.apache.kafka.common.errors.ProducerFencedException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Transactions with Kafka's own Java client: every second one is aborted, then a second producer takes the transactional id
 * over. Prints as one line of JSON what a reader of committed records saw and whether the first producer was fenced. Run
 * by transactions.test.ts: Transactions BOOTSTRAP TOPIC PARTITIONS TRANSACTIONS RECORDS
 */
public final class Transactions {
  private static final long DEADLINE_MS = 60_000;

  static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  static KafkaProducer<byte[], byte[]> producer(String bootstrap) {
    Properties settings = new Properties();
    settings.put("bootstrap.servers", bootstrap);
    settings.put("transactional.id", "transfer");
    settings.put("linger.ms", "1");
    settings.put("batch.size", "300");
    settings.put("max.block.ms", "20000");
    settings.put("key.serializer", ByteArraySerializer.class.getName());
    settings.put("value.serializer", ByteArraySerializer.class.getName());
    KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(settings);
    producer.initTransactions();
    return producer;
  }

  static boolean isFenced(KafkaProducer<byte[], byte[]> producer, String topic) throws InterruptedException {
    try {
      producer.beginTransaction();
      Future<RecordMetadata> sent = producer.send(new ProducerRecord<>(topic, 0, bytes("late"), bytes("late")));
      producer.commitTransaction();
      sent.get();
      return false;
    } catch (ProducerFencedException | InvalidProducerEpochException error) {
      return true;
    } catch (KafkaException | ExecutionException error) {
      Throwable cause = error.getCause();
      return cause instanceof ProducerFencedException || cause instanceof InvalidProducerEpochException;
    }
  }

  public static void main(String[] arguments) throws Exception {
    String bootstrap = arguments[0];
    String topic = arguments[1];
    int partitions = Integer.parseInt(arguments[2]);
    int transactions = Integer.parseInt(arguments[3]);
    int records = Integer.parseInt(arguments[4]);
    int expected = 0;
    KafkaProducer<byte[], byte[]> first = producer(bootstrap);
    long beganMs = System.currentTimeMillis();
    for (int t = 0; t < transactions; t++) {
      boolean isCommitted = t % 2 == 0;
      first.beginTransaction();
      for (int r = 0; r < records; r++) {
        String text = (isCommitted ? "good-" : "bad-") + t + "-" + r;
        first.send(new ProducerRecord<>(topic, r % partitions, bytes(text), bytes(text)));
      }
      if (isCommitted) {
        first.commitTransaction();
        expected += records;
      } else {
        first.abortTransaction();
      }
    }
    long tookMs = System.currentTimeMillis() - beganMs;
    KafkaProducer<byte[], byte[]> second = producer(bootstrap);
    second.beginTransaction();
    second.send(new ProducerRecord<>(topic, 0, bytes("good-last"), bytes("good-last")));
    second.commitTransaction();
    expected++;
    boolean fenced = isFenced(first, topic);
    first.close(Duration.ofSeconds(1));
    second.close(Duration.ofSeconds(5));

    Properties settings = new Properties();
    settings.put("bootstrap.servers", bootstrap);
    settings.put("isolation.level", "read_committed");
    settings.put("enable.auto.commit", "false");
    settings.put("key.deserializer", ByteArrayDeserializer.class.getName());
    settings.put("value.deserializer", ByteArrayDeserializer.class.getName());
    int good = 0;
    int bad = 0;
    try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(settings)) {
      List<TopicPartition> assigned = new ArrayList<>();
      for (int p = 0; p < partitions; p++) assigned.add(new TopicPartition(topic, p));
      consumer.assign(assigned);
      consumer.seekToBeginning(assigned);
      long deadline = System.currentTimeMillis() + DEADLINE_MS;
      while (good < expected && System.currentTimeMillis() < deadline) {
        for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(300))) {
          if (new String(record.value(), StandardCharsets.UTF_8).startsWith("good-")) good++;
          else bad++;
        }
      }
    }
    System.err.println("took " + tookMs + " ms");
    System.out.println(String.format("{\"missing\":%d,\"bad\":%d,\"fenced\":%b}", expected - good, bad, fenced));
  }
}
