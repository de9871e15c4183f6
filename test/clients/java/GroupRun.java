import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * A group of three members of Kafka's own Java client: one begins, two join, one leaves, all commit what they have read and
 * say so; prints as one line of JSON how many of COUNT records were read, lost, and read by two members of one generation.
 * GroupRun BOOTSTRAP TOPIC GROUP COUNT PROTOCOL(classic|consumer)
 */
public final class GroupRun {
  private static final long DEADLINE_MS = 90_000;

  private final String bootstrap;
  private final String topic;
  private final String group;
  private final int count;
  private final String protocol;
  private final Map<String, Integer> read = new ConcurrentHashMap<>();
  /** From "generation/partition/offset" to the member that read it. */
  private final Map<String, String> readers = new ConcurrentHashMap<>();
  private final AtomicInteger shared = new AtomicInteger();
  private final AtomicInteger rebalances = new AtomicInteger();
  private final AtomicInteger commits = new AtomicInteger();

  private GroupRun(String[] arguments) {
    bootstrap = arguments[0];
    topic = arguments[1];
    group = arguments[2];
    count = Integer.parseInt(arguments[3]);
    protocol = arguments[4];
  }

  private KafkaConsumer<byte[], byte[]> connect(String name) {
    Properties settings = new Properties();
    settings.put("bootstrap.servers", bootstrap);
    settings.put("group.id", group);
    settings.put("client.id", name);
    settings.put("group.protocol", protocol);
    settings.put("auto.offset.reset", "earliest");
    settings.put("enable.auto.commit", "false");
    settings.put("max.poll.records", "50");
    settings.put("key.deserializer", ByteArrayDeserializer.class.getName());
    settings.put("value.deserializer", ByteArrayDeserializer.class.getName());
    if (protocol.equals("classic")) settings.put("heartbeat.interval.ms", "300");
    return new KafkaConsumer<>(settings);
  }

  /** Reads and commits until told to stop. */
  private void consume(String name, AtomicBoolean isDone, CountDownLatch isIn) throws Exception {
    try (KafkaConsumer<byte[], byte[]> consumer = connect(name)) {
      consumer.subscribe(List.of(topic), new ConsumerRebalanceListener() {
        @Override
        public void onPartitionsRevoked(Collection<TopicPartition> partitions) {}

        @Override
        public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
          rebalances.incrementAndGet();
          isIn.countDown();
        }
      });
      while (!isDone.get()) {
        Map<TopicPartition, OffsetAndMetadata> next = new HashMap<>();
        for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(100))) {
          String text = new String(record.value(), StandardCharsets.UTF_8);
          read.merge(text, 1, Integer::sum);
          String place = consumer.groupMetadata().generationId() + "/" + record.partition() + "/" + record.offset();
          String before = readers.putIfAbsent(place, name);
          if (before != null && !before.equals(name)) shared.incrementAndGet();
          TopicPartition partition = new TopicPartition(record.topic(), record.partition());
          next.put(partition, new OffsetAndMetadata(record.offset() + 1, "by " + name));
        }
        if (next.isEmpty()) continue;
        // Slow enough that nobody is through before the others have come.
        Thread.sleep(10);
        try {
          consumer.commitSync(next);
          commits.incrementAndGet();
        } catch (org.apache.kafka.clients.consumer.CommitFailedException
            | org.apache.kafka.common.errors.RebalanceInProgressException error) {
          // What was read is read again by whoever has the partition now.
        }
      }
    }
  }

  private Thread start(String name, AtomicBoolean isDone, CountDownLatch isIn, List<Exception> failures) {
    Thread thread = new Thread(() -> {
      try {
        consume(name, isDone, isIn);
      } catch (Exception error) {
        synchronized (failures) {
          failures.add(error);
        }
      }
    }, name);
    thread.start();
    return thread;
  }

  private void run() throws Exception {
    List<Exception> failures = new ArrayList<>();
    AtomicBoolean isFirstDone = new AtomicBoolean();
    AtomicBoolean isDone = new AtomicBoolean();
    CountDownLatch[] isIn = {new CountDownLatch(1), new CountDownLatch(1), new CountDownLatch(1)};
    Thread first = start("first", isFirstDone, isIn[0], failures);
    isIn[0].await();
    Thread second = start("second", isDone, isIn[1], failures);
    isIn[1].await();
    Thread third = start("third", isDone, isIn[2], failures);
    isIn[2].await();
    isFirstDone.set(true);
    first.join();
    long deadline = System.currentTimeMillis() + DEADLINE_MS;
    while (read.size() < count && System.currentTimeMillis() < deadline && failures.isEmpty()) Thread.sleep(20);
    isDone.set(true);
    second.join();
    third.join();
    if (!failures.isEmpty()) throw failures.get(0);
    System.out.printf(
        "{\"read\":%d,\"shared\":%d,\"hasCommitted\":%b,\"hasRebalanced\":%b}%n",
        read.size(), shared.get(), commits.get() > 0, rebalances.get() >= 3);
  }

  public static void main(String[] arguments) throws Exception {
    new GroupRun(arguments).run();
  }
}
