import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicBoolean;
import org.apache.kafka.clients.consumer.CommitFailedException;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.errors.RebalanceInProgressException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * A group of three with joins and leaves while records come in, with Kafka's own Java client. Prints as one line of JSON
 * how many records were sent and processed, how many nobody processed, how many two members processed in one generation,
 * and how many members had partitions. Run by consumer-groups.test.ts:
 * GroupOfThree BOOTSTRAP TOPIC PARTITIONS RECORDS PROTOCOL
 */
public final class GroupOfThree {
  private static final long DEADLINE_MS = 90_000;

  record Processed(String member, int generation, int partition, long offset) {}

  static final ConcurrentLinkedQueue<Processed> processed = new ConcurrentLinkedQueue<>();

  static final class Member implements Runnable {
    final String name;
    final Properties settings;
    final String topic;
    final AtomicBoolean mustGo = new AtomicBoolean();
    final Thread thread = new Thread(this);

    Member(String name, String bootstrap, String topic, String protocol) {
      this.name = name;
      this.topic = topic;
      settings = new Properties();
      settings.put("bootstrap.servers", bootstrap);
      settings.put("group.id", "three-" + protocol);
      settings.put("group.protocol", protocol);
      settings.put("client.id", name);
      settings.put("auto.offset.reset", "earliest");
      settings.put("enable.auto.commit", "false");
      settings.put("max.poll.records", "50");
      settings.put("key.deserializer", ByteArrayDeserializer.class.getName());
      settings.put("value.deserializer", ByteArrayDeserializer.class.getName());
      if (protocol.equals("classic")) {
        settings.put("partition.assignment.strategy", "org.apache.kafka.clients.consumer.CooperativeStickyAssignor");
        settings.put("heartbeat.interval.ms", "500");
      }
      thread.start();
    }

    @Override
    public void run() {
      try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(settings)) {
        consumer.subscribe(List.of(topic));
        while (!mustGo.get()) {
          ConsumerRecords<byte[], byte[]> records = consumer.poll(Duration.ofMillis(100));
          int generation = consumer.groupMetadata().generationId();
          for (ConsumerRecord<byte[], byte[]> record : records) {
            processed.add(new Processed(name, generation, record.partition(), record.offset()));
          }
          commit(consumer, records);
        }
      }
    }

    /** In the middle of a rebalance: the next commit covers these records, or whoever gets the partitions reads them again. */
    static void commit(KafkaConsumer<byte[], byte[]> consumer, ConsumerRecords<byte[], byte[]> records) {
      if (records.isEmpty()) return;
      try {
        consumer.commitSync();
      } catch (RebalanceInProgressException | CommitFailedException error) {
        // A poll here would lose the records that it returns.
        return;
      }
    }

    void leave() throws InterruptedException {
      mustGo.set(true);
      thread.join(30_000);
    }
  }

  static long distinct() {
    Set<String> seen = new HashSet<>();
    for (Processed one : processed) seen.add(one.partition + "/" + one.offset);
    return seen.size();
  }

  static void send(KafkaProducer<byte[], byte[]> producer, String topic, int partitions, int from, int to)
      throws Exception {
    for (int i = from; i < to; i++) {
      byte[] bytes = ("record-" + i).getBytes(StandardCharsets.UTF_8);
      producer.send(new ProducerRecord<>(topic, i % partitions, bytes, bytes));
      if (i % 50 == 0) Thread.sleep(5);
    }
    producer.flush();
  }

  static void await(long count, long deadlineMs) throws InterruptedException {
    while (distinct() < count && System.currentTimeMillis() < deadlineMs) Thread.sleep(50);
  }

  public static void main(String[] args) throws Exception {
    String bootstrap = args[0];
    String topic = args[1];
    int partitions = Integer.parseInt(args[2]);
    int count = Integer.parseInt(args[3]);
    String protocol = args[4];
    long deadlineMs = System.currentTimeMillis() + DEADLINE_MS;
    Properties settings = new Properties();
    settings.put("bootstrap.servers", bootstrap);
    settings.put("key.serializer", ByteArraySerializer.class.getName());
    settings.put("value.serializer", ByteArraySerializer.class.getName());
    List<Member> members = new ArrayList<>();
    try (KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(settings)) {
      members.add(new Member("one", bootstrap, topic, protocol));
      send(producer, topic, partitions, 0, count / 4);
      members.add(new Member("two", bootstrap, topic, protocol));
      members.add(new Member("three", bootstrap, topic, protocol));
      await(count / 4, deadlineMs);
      Thread.sleep(3000);
      send(producer, topic, partitions, count / 4, count / 2);
      members.get(1).leave();
      send(producer, topic, partitions, count / 2, count * 3 / 4);
      members.add(new Member("four", bootstrap, topic, protocol));
      Thread.sleep(3000);
      send(producer, topic, partitions, count * 3 / 4, count);
      await(count, deadlineMs);
    }
    for (Member member : members) member.leave();
    report(count);
  }

  static void report(int count) {
    Map<String, String> ownerOf = new HashMap<>();
    Set<String> busy = new HashSet<>();
    int doubled = 0;
    for (Processed one : processed) {
      busy.add(one.member);
      String key = one.generation + "/" + one.partition + "/" + one.offset;
      String owner = ownerOf.putIfAbsent(key, one.member);
      if (owner != null && !owner.equals(one.member)) doubled++;
    }
    long distinct = distinct();
    System.out.printf(
        "{\"sent\":%d,\"processed\":%d,\"lost\":%d,\"doubled\":%d,\"again\":%d,\"members\":%d}%n",
        count, distinct, count - distinct, doubled, processed.size() - distinct, busy.size());
  }
}
