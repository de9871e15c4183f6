import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.GroupState;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * The common scenarios with Kafka's own Java client: Scenarios BOOTSTRAP PREFIX classic|consumer. The course of events and
 * the JSON are those of every client, see test/clients/common-scenarios.ts.
 */
public final class Scenarios {
  private static final int PARTITIONS = 6;
  private static final int PART = 400;
  private static final int TRANSACTION_RECORDS = 10;
  private static final long DEADLINE_MS = 60_000;

  private final String bootstrap;
  private final String prefix;
  private final String protocol;
  private final Admin admin;
  private final Map<Integer, String> owners = new ConcurrentHashMap<>();
  private final Set<Integer> values = ConcurrentHashMap.newKeySet();
  private final AtomicInteger doubleOwned = new AtomicInteger();

  private Scenarios(String bootstrap, String prefix, String protocol) {
    this.bootstrap = bootstrap;
    this.prefix = prefix;
    this.protocol = protocol;
    this.admin = Admin.create(Map.of("bootstrap.servers", bootstrap));
  }

  private static void until(BooleanSupplier condition, String what) throws Exception {
    long deadline = System.currentTimeMillis() + DEADLINE_MS;
    while (!condition.getAsBoolean()) {
      if (System.currentTimeMillis() > deadline) throw new IllegalStateException("waited in vain: " + what);
      Thread.sleep(20);
    }
  }

  private void create(String topic, int partitions, Map<String, String> configs) throws Exception {
    admin.createTopics(List.of(new NewTopic(topic, partitions, (short) 1).configs(configs))).all().get();
  }

  private KafkaConsumer<String, String> consumer(String group, String... more) {
    Properties settings = new Properties();
    settings.put("bootstrap.servers", bootstrap);
    settings.put("group.id", group);
    settings.put("auto.offset.reset", "earliest");
    settings.put("enable.auto.commit", "false");
    settings.put("max.poll.records", "50");
    for (int i = 0; i < more.length; i += 2) settings.put(more[i], more[i + 1]);
    return new KafkaConsumer<>(settings, new StringDeserializer(), new StringDeserializer());
  }

  private KafkaProducer<String, String> producer(String... more) {
    Properties settings = new Properties();
    settings.put("bootstrap.servers", bootstrap);
    for (int i = 0; i < more.length; i += 2) settings.put(more[i], more[i + 1]);
    return new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer());
  }

  private final class Member implements Runnable, ConsumerRebalanceListener {
    private final String name;
    private final Thread thread;
    private volatile boolean isStopping;

    Member(String name) {
      this.name = name;
      this.thread = new Thread(this);
      thread.start();
    }

    @Override
    public void onPartitionsAssigned(Collection<TopicPartition> assigned) {
      for (TopicPartition one : assigned) {
        String before = owners.put(one.partition(), name);
        if (before != null && !before.equals(name)) doubleOwned.incrementAndGet();
      }
    }

    @Override
    public void onPartitionsRevoked(Collection<TopicPartition> revoked) {
      for (TopicPartition one : revoked) owners.remove(one.partition(), name);
    }

    @Override
    public void run() {
      String[] settings = protocol.equals("consumer")
          ? new String[] {"group.protocol", "consumer"}
          : new String[] {"session.timeout.ms", "10000", "heartbeat.interval.ms", "300"};
      try (KafkaConsumer<String, String> consumer = consumer(prefix + "-group", settings)) {
        consumer.subscribe(List.of(prefix + "-records"), this);
        while (!isStopping) {
          ConsumerRecords<String, String> records = consumer.poll(Duration.ofMillis(100));
          for (ConsumerRecord<String, String> record : records) {
            if (!name.equals(owners.get(record.partition()))) doubleOwned.incrementAndGet();
            values.add(Integer.parseInt(record.value()));
          }
          if (!records.isEmpty()) consumer.commitSync();
        }
      }
    }

    void stop() throws Exception {
      isStopping = true;
      thread.join();
    }
  }

  private void produce(int first) throws Exception {
    try (KafkaProducer<String, String> producer = producer()) {
      for (int i = first; i < first + PART; i++) {
        producer.send(new ProducerRecord<>(prefix + "-records", i % PARTITIONS, null, String.valueOf(i)));
      }
      producer.flush();
    }
  }

  private String group() throws Exception {
    create(prefix + "-records", PARTITIONS, Map.of());
    produce(0);
    Member one = new Member("one");
    until(() -> values.size() >= PART / 4, "the first member processes");
    Member two = new Member("two");
    Member three = new Member("three");
    until(() -> owners.containsValue("two") && owners.containsValue("three"), "three members own something");
    produce(PART);
    until(() -> values.size() == 2 * PART, "three members process everything");
    two.stop();
    until(() -> owners.values().stream().filter(owner -> !owner.equals("two")).count() == PARTITIONS, "two own everything");
    produce(2 * PART);
    until(() -> values.size() == 3 * PART, "two members process everything");
    one.stop();
    three.stop();
    int lost = 0;
    for (int i = 0; i < 3 * PART; i++) if (!values.contains(i)) lost++;
    long committed = 0;
    Map<TopicPartition, OffsetAndMetadata> offsets =
        admin.listConsumerGroupOffsets(prefix + "-group").partitionsToOffsetAndMetadata().get();
    for (OffsetAndMetadata offset : offsets.values()) committed += offset.offset();
    return String.format("{\"processed\":%d,\"lost\":%d,\"doubleOwned\":%d,\"committed\":%d}",
        values.size(), lost, doubleOwned.get(), committed);
  }

  private int read(String topic, String isolation) {
    TopicPartition partition = new TopicPartition(topic, 0);
    try (KafkaConsumer<String, String> consumer = consumer(prefix + "-unused", "isolation.level", isolation)) {
      consumer.assign(List.of(partition));
      consumer.seekToBeginning(List.of(partition));
      long end = consumer.endOffsets(List.of(partition)).get(partition);
      int seen = 0;
      while (consumer.position(partition) < end) seen += consumer.poll(Duration.ofSeconds(1)).count();
      return seen;
    }
  }

  private String transactions() throws Exception {
    String source = prefix + "-source";
    String target = prefix + "-target";
    create(source, 1, Map.of());
    create(target, 1, Map.of());
    TopicPartition partition = new TopicPartition(source, 0);
    try (KafkaProducer<String, String> producer = producer("transactional.id", prefix + "-transactions");
        KafkaConsumer<String, String> reader = consumer(prefix + "-movers", "isolation.level", "read_committed")) {
      producer.initTransactions();
      for (boolean isCommitted : List.of(true, false, true)) {
        producer.beginTransaction();
        for (int i = 0; i < TRANSACTION_RECORDS; i++) producer.send(new ProducerRecord<>(source, 0, null, "" + i));
        producer.flush();
        if (isCommitted) producer.commitTransaction();
        else producer.abortTransaction();
      }
      reader.assign(List.of(partition));
      reader.seekToBeginning(List.of(partition));
      producer.beginTransaction();
      int moved = 0;
      while (moved < 2 * TRANSACTION_RECORDS) {
        for (ConsumerRecord<String, String> record : reader.poll(Duration.ofSeconds(5))) {
          producer.send(new ProducerRecord<>(target, 0, null, record.value()));
          moved++;
        }
      }
      long end = reader.endOffsets(List.of(partition)).get(partition);
      producer.sendOffsetsToTransaction(Map.of(partition, new OffsetAndMetadata(end)), reader.groupMetadata());
      producer.commitTransaction();
      until(() -> {
        OffsetAndMetadata offset = reader.committed(Set.of(partition)).get(partition);
        return offset != null && offset.offset() >= 3 * TRANSACTION_RECORDS + 2;
      }, "the offsets have moved");
    }
    return String.format("{\"committed\":%d,\"all\":%d,\"moved\":%d,\"offsetsMoved\":true}",
        read(source, "read_committed"), read(source, "read_uncommitted"), read(target, "read_committed"));
  }

  private int partitionsOf(String topic) {
    try {
      return admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic).partitions().size();
    } catch (Exception notYet) {
      return 0;
    }
  }

  private String valueOf(String topic, String name) {
    ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, topic);
    try {
      return admin.describeConfigs(List.of(resource)).all().get().get(resource).get(name).value();
    } catch (Exception notYet) {
      return "";
    }
  }

  private String administration() throws Exception {
    String topic = prefix + "-admin";
    String group = prefix + "-group";
    create(topic, 3, Map.of("retention.ms", "60000"));
    until(() -> partitionsOf(topic) > 0, "the topic is there");
    int partitions = partitionsOf(topic);
    ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, topic);
    AlterConfigOp set = new AlterConfigOp(new ConfigEntry("segment.ms", "120000"), AlterConfigOp.OpType.SET);
    admin.incrementalAlterConfigs(Map.of(resource, List.of(set))).all().get();
    until(() -> valueOf(topic, "segment.ms").equals("120000"), "the setting is changed");
    String retention = valueOf(topic, "retention.ms");
    admin.createPartitions(Map.of(topic, NewPartitions.increaseTo(5))).all().get();
    until(() -> partitionsOf(topic) == 5, "five partitions");
    boolean isListed = admin.listGroups().all().get().stream().anyMatch(one -> one.groupId().equals(group));
    GroupState state = admin.describeConsumerGroups(List.of(group)).all().get().get(group).groupState();
    admin.deleteConsumerGroups(List.of(group)).all().get();
    admin.deleteTopics(List.of(topic)).all().get();
    until(() -> {
      try {
        return !admin.listTopics().names().get().contains(topic);
      } catch (Exception again) {
        return false;
      }
    }, "the topic is gone");
    return String.format("{\"partitions\":%d,\"retentionMs\":\"%s\",\"segmentMs\":\"120000\",\"grown\":5,"
        + "\"groupListed\":%b,\"groupState\":\"%s\",\"gone\":true}", partitions, retention, isListed, state.name());
  }

  public static void main(String[] arguments) throws Exception {
    Scenarios scenarios = new Scenarios(arguments[0], arguments[1], arguments[2]);
    System.out.printf("{\"group\":%s,\"transactions\":%s,\"admin\":%s}%n",
        scenarios.group(), scenarios.transactions(), scenarios.administration());
    scenarios.admin.close();
  }
}
