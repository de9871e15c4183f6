import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * A read-process-write loop with Kafka's own Java client: what is read from one topic is written to another, together with
 * the offsets read, in one transaction. It goes on whatever happens to the broker. A line "finish N" on its input tells how
 * many records there were in all; when they are processed, the output is read (committed records only) and counted, and one
 * line of JSON says what came of it; before that a line for every transaction. Run by exactly-once.test.ts: ExactlyOnce BOOTSTRAP INPUT OUTPUT GROUP
 */
public final class ExactlyOnce {
  private static final int RECORDS_PER_TRANSACTION = 25;
  private static final int ABORT_EVERY = 7;
  private static final int DIE_EVERY = 21;
  private static volatile int total = -1;
  private static int transactions = 0;
  private static int aborts = 0;
  private static int newProducers = 0;
  private static int attempts = 0;

  static Properties common(String bootstrap) {
    Properties settings = new Properties();
    settings.put("bootstrap.servers", bootstrap);
    settings.put("reconnect.backoff.ms", "20");
    settings.put("reconnect.backoff.max.ms", "100");
    settings.put("retry.backoff.ms", "20");
    settings.put("retry.backoff.max.ms", "200");
    return settings;
  }

  static KafkaConsumer<byte[], byte[]> consumer(String bootstrap, String group) {
    Properties settings = common(bootstrap);
    settings.put("group.id", group);
    settings.put("isolation.level", "read_committed");
    settings.put("enable.auto.commit", "false");
    settings.put("auto.offset.reset", "earliest");
    settings.put("max.poll.records", String.valueOf(RECORDS_PER_TRANSACTION));
    settings.put("key.deserializer", ByteArrayDeserializer.class.getName());
    settings.put("value.deserializer", ByteArrayDeserializer.class.getName());
    return new KafkaConsumer<>(settings);
  }

  static KafkaProducer<byte[], byte[]> producer(String bootstrap) {
    Properties settings = common(bootstrap);
    settings.put("transactional.id", "exactly-once");
    settings.put("linger.ms", "1");
    settings.put("batch.size", "400");
    settings.put("key.serializer", ByteArraySerializer.class.getName());
    settings.put("value.serializer", ByteArraySerializer.class.getName());
    KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(settings);
    while (true) {
      try {
        producer.initTransactions();
        newProducers++;
        return producer;
      } catch (KafkaException error) {
        System.err.println("initTransactions: " + error);
      }
    }
  }

  /** Back to what is committed: what was read since then is read again. */
  static void rewind(KafkaConsumer<byte[], byte[]> consumer) {
    while (true) {
      try {
        Set<TopicPartition> assigned = consumer.assignment();
        Map<TopicPartition, OffsetAndMetadata> committed = consumer.committed(assigned);
        for (TopicPartition partition : assigned) {
          OffsetAndMetadata offset = committed.get(partition);
          if (offset == null) consumer.seekToBeginning(List.of(partition));
          else consumer.seek(partition, offset.offset());
        }
        return;
      } catch (KafkaException error) {
        System.err.println("rewind: " + error);
      }
    }
  }

  /** False: given up in the middle, one time by an abort, another by the death of its producer. */
  static boolean process(
      KafkaProducer<byte[], byte[]> producer,
      KafkaConsumer<byte[], byte[]> consumer,
      ConsumerRecords<byte[], byte[]> records,
      String output) {
    Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
    producer.beginTransaction();
    for (ConsumerRecord<byte[], byte[]> record : records) {
      producer.send(new ProducerRecord<>(output, record.key(), record.value()));
      offsets.put(new TopicPartition(record.topic(), record.partition()), new OffsetAndMetadata(record.offset() + 1));
    }
    producer.sendOffsetsToTransaction(offsets, consumer.groupMetadata());
    attempts++;
    if (attempts % ABORT_EVERY == 0) return false;
    producer.commitTransaction();
    transactions++;
    System.out.println("committed " + transactions);
    return true;
  }

  static long committedTotal(KafkaConsumer<byte[], byte[]> consumer) {
    try {
      long sum = 0;
      for (OffsetAndMetadata offset : consumer.committed(consumer.assignment()).values()) {
        if (offset != null) sum += offset.offset();
      }
      return sum;
    } catch (KafkaException error) {
      return -1;
    }
  }

  static void loop(String bootstrap, String input, String output, String group) {
    KafkaProducer<byte[], byte[]> producer = producer(bootstrap);
    try (KafkaConsumer<byte[], byte[]> consumer = consumer(bootstrap, group)) {
      consumer.subscribe(List.of(input));
      while (true) {
        ConsumerRecords<byte[], byte[]> records = consumer.poll(Duration.ofMillis(100));
        if (records.isEmpty()) {
          if (total >= 0 && committedTotal(consumer) == total) break;
          continue;
        }
        try {
          if (process(producer, consumer, records, output)) continue;
          aborts++;
          if (attempts % DIE_EVERY == 0) {
            producer.close(Duration.ZERO);
            producer = producer(bootstrap);
          } else {
            producer.abortTransaction();
          }
          rewind(consumer);
        } catch (KafkaException error) {
          System.err.println("process: " + error);
          aborts++;
          try {
            producer.abortTransaction();
          } catch (KafkaException fatal) {
            System.err.println("abort: " + fatal);
            producer.close(Duration.ZERO);
            producer = producer(bootstrap);
          }
          rewind(consumer);
        }
      }
    }
    producer.close(Duration.ofSeconds(5));
  }

  static String count(String bootstrap, String output) {
    int[] seen = new int[total];
    int strangers = 0;
    try (KafkaConsumer<byte[], byte[]> consumer = consumer(bootstrap, "unused")) {
      List<TopicPartition> partitions =
          consumer.partitionsFor(output).stream().map((info) -> new TopicPartition(output, info.partition())).toList();
      consumer.assign(partitions);
      consumer.seekToBeginning(partitions);
      Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
      while (partitions.stream().anyMatch((partition) -> consumer.position(partition) < ends.get(partition))) {
        for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(200))) {
          int id = Integer.parseInt(new String(record.value(), StandardCharsets.UTF_8));
          if (id >= 0 && id < total) seen[id]++;
          else strangers++;
        }
      }
    }
    int missing = 0;
    int doubled = 0;
    for (int times : seen) {
      if (times == 0) missing++;
      if (times > 1) doubled++;
    }
    return String.format(
        "{\"inputs\":%d,\"missing\":%d,\"doubled\":%d,\"strangers\":%d,\"transactions\":%d,\"aborts\":%d,\"producers\":%d}",
        total, missing, doubled, strangers, transactions, aborts, newProducers);
  }

  public static void main(String[] arguments) throws Exception {
    Thread reader = new Thread(() -> {
      try (BufferedReader lines = new BufferedReader(new InputStreamReader(System.in))) {
        String line = lines.readLine();
        if (line != null) total = Integer.parseInt(line.split(" ")[1]);
      } catch (Exception error) {
        System.err.println(error);
      }
    });
    reader.setDaemon(true);
    reader.start();
    loop(arguments[0], arguments[1], arguments[2], arguments[3]);
    System.out.println(count(arguments[0], arguments[2]));
  }
}
