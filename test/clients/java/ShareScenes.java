import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.consumer.AcknowledgeType;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaShareConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * What Kafka's own share consumer sees, scene by scene; each prints one line of JSON. Run by share-groups.test.ts:
 * ShareScenes SCENE BOOTSTRAP TOPIC GROUP …
 */
public final class ShareScenes {
  private static final long DEADLINE_MS = 60_000;
  private static final Duration POLL = Duration.ofMillis(500);
  private static final int QUIET_POLLS = 4;

  private final String bootstrap;
  private final String topic;
  private final String group;

  private ShareScenes(String bootstrap, String topic, String group) {
    this.bootstrap = bootstrap;
    this.topic = topic;
    this.group = group;
  }

  private Properties settings() {
    Properties settings = new Properties();
    settings.put("bootstrap.servers", bootstrap);
    return settings;
  }

  private KafkaShareConsumer<String, String> consumer(String mode) {
    Properties settings = settings();
    settings.put("group.id", group);
    settings.put("share.acknowledgement.mode", mode);
    settings.put("key.deserializer", StringDeserializer.class.getName());
    settings.put("value.deserializer", StringDeserializer.class.getName());
    KafkaShareConsumer<String, String> consumer = new KafkaShareConsumer<>(settings);
    consumer.subscribe(List.of(topic));
    return consumer;
  }

  private void set(String key, String value) throws Exception {
    try (Admin admin = Admin.create(settings())) {
      AlterConfigOp change = new AlterConfigOp(new ConfigEntry(key, value), AlterConfigOp.OpType.SET);
      admin.incrementalAlterConfigs(Map.of(new ConfigResource(ConfigResource.Type.GROUP, group), List.of(change)))
        .all().get();
    }
  }

  private void produce(int count) {
    Properties settings = settings();
    settings.put("key.serializer", StringSerializer.class.getName());
    settings.put("value.serializer", StringSerializer.class.getName());
    settings.put("linger.ms", "5");
    try (KafkaProducer<String, String> producer = new KafkaProducer<>(settings)) {
      for (int i = 0; i < count; i++) producer.send(new ProducerRecord<>(topic, "k" + i, String.valueOf(i)));
      producer.flush();
    }
  }

  /** Members share all records until they have them: how many came, how many different ones, how many to each. */
  private String share(int count, int members, String mode) throws Exception {
    set("share.auto.offset.reset", "earliest");
    produce(count);
    ConcurrentHashMap<String, Integer> seen = new ConcurrentHashMap<>();
    AtomicInteger received = new AtomicInteger();
    AtomicReference<Exception> failure = new AtomicReference<>();
    int[] counts = new int[members];
    List<Thread> threads = new ArrayList<>();
    long deadline = System.currentTimeMillis() + DEADLINE_MS;
    for (int m = 0; m < members; m++) {
      int member = m;
      Thread thread = new Thread(() -> {
        try (KafkaShareConsumer<String, String> consumer = consumer(mode)) {
          int quiet = 0;
          while (quiet < QUIET_POLLS && System.currentTimeMillis() < deadline) {
            int before = counts[member];
            for (ConsumerRecord<String, String> record : consumer.poll(POLL)) {
              seen.merge(record.value(), 1, Integer::sum);
              received.incrementAndGet();
              counts[member]++;
              if (mode.equals("explicit")) consumer.acknowledge(record, AcknowledgeType.ACCEPT);
            }
            quiet = seen.size() == count && counts[member] == before ? quiet + 1 : 0;
          }
        } catch (Exception e) {
          failure.set(e);
        }
      });
      threads.add(thread);
      thread.start();
    }
    for (Thread thread : threads) thread.join();
    if (failure.get() != null) throw failure.get();
    StringBuilder each = new StringBuilder();
    for (int n : counts) each.append(each.length() == 0 ? "" : ",").append(n);
    return String.format("{\"received\":%d,\"distinct\":%d,\"members\":[%s]}", received.get(), seen.size(), each);
  }

  /** Takes what comes, in rounds until nothing comes; decides by the fate. Value → deliveries, as they came. */
  private String rounds(String mode, Fate fate) {
    Map<Integer, List<Integer>> deliveries = new TreeMap<>();
    try (KafkaShareConsumer<String, String> consumer = consumer(mode)) {
      int quiet = 0;
      long deadline = System.currentTimeMillis() + DEADLINE_MS;
      while (quiet < QUIET_POLLS && System.currentTimeMillis() < deadline) {
        // Joining may take a while; silence counts from the first record on.
        if (!deliveries.isEmpty()) quiet++;
        for (ConsumerRecord<String, String> record : consumer.poll(POLL)) {
          quiet = 0;
          int value = Integer.parseInt(record.value());
          int count = record.deliveryCount().orElse((short) -1);
          deliveries.computeIfAbsent(value, v -> new ArrayList<>()).add(count);
          AcknowledgeType type = fate.of(value, count);
          if (type != null) consumer.acknowledge(record, type);
        }
        if (quiet == 0 && mode.equals("explicit")) consumer.commitSync();
      }
    }
    return json(deliveries);
  }

  private interface Fate {
    AcknowledgeType of(int value, int count);
  }

  private String fates() throws Exception {
    set("share.auto.offset.reset", "earliest");
    produce(10);
    return rounds("explicit", (value, count) -> {
      if (value < 4) return AcknowledgeType.ACCEPT;
      if (value < 7) return count == 1 ? AcknowledgeType.RELEASE : AcknowledgeType.ACCEPT;
      return AcknowledgeType.REJECT;
    });
  }

  /** One record that nobody can cope with. */
  private String poison() throws Exception {
    set("share.auto.offset.reset", "earliest");
    produce(6);
    return rounds("explicit", (value, count) -> value == 3 ? AcknowledgeType.RELEASE : AcknowledgeType.ACCEPT);
  }

  /** A member takes records and falls silent; another gets them when the locks have run out. */
  private String expiry() throws Exception {
    set("share.auto.offset.reset", "earliest");
    produce(5);
    Properties settings = settings();
    KafkaShareConsumer<String, String> silent = consumer("explicit");
    int taken = 0;
    long deadline = System.currentTimeMillis() + DEADLINE_MS;
    while (taken < 5 && System.currentTimeMillis() < deadline) taken += silent.poll(POLL).count();
    long begin = System.currentTimeMillis();
    Map<Integer, List<Integer>> deliveries = new TreeMap<>();
    try (KafkaShareConsumer<String, String> other = consumer("implicit")) {
      while (deliveries.size() < 5 && System.currentTimeMillis() < deadline) {
        for (ConsumerRecord<String, String> record : other.poll(POLL)) {
          int count = record.deliveryCount().orElse((short) -1);
          deliveries.computeIfAbsent(Integer.parseInt(record.value()), v -> new ArrayList<>()).add(count);
        }
      }
    }
    long waited = System.currentTimeMillis() - begin;
    silent.close(Duration.ofMillis(100));
    return String.format("{\"taken\":%d,\"waitedMs\":%d,\"deliveries\":%s}", taken, waited, json(deliveries));
  }

  /** Accepts the even values of what comes and leaves the rest as it is; ends without saying good-bye. */
  private String half(int count) throws Exception {
    set("share.auto.offset.reset", "earliest");
    produce(count);
    KafkaShareConsumer<String, String> consumer = consumer("explicit");
    int accepted = 0;
    int taken = 0;
    long deadline = System.currentTimeMillis() + DEADLINE_MS;
    while (taken < count && System.currentTimeMillis() < deadline) {
      for (ConsumerRecord<String, String> record : consumer.poll(POLL)) {
        taken++;
        boolean isEven = Integer.parseInt(record.value()) % 2 == 0;
        if (isEven) accepted++;
        consumer.acknowledge(record, isEven ? AcknowledgeType.ACCEPT : AcknowledgeType.RELEASE);
      }
      for (Map.Entry<?, ?> entry : consumer.commitSync().entrySet()) {
        if (entry.getValue().toString().contains("Exception")) throw new IllegalStateException(entry.toString());
      }
      if (accepted == (count + 1) / 2) break;
    }
    System.out.printf("{\"accepted\":%d}%n", accepted);
    System.out.flush();
    Runtime.getRuntime().halt(0);
    return "";
  }

  private static String json(Map<Integer, List<Integer>> deliveries) {
    StringBuilder text = new StringBuilder("{");
    deliveries.forEach((value, counts) ->
      text.append(text.length() == 1 ? "" : ",").append('"').append(value).append("\":").append(counts.toString().replace(" ", "")));
    return text.append('}').toString();
  }

  public static void main(String[] args) throws Exception {
    ShareScenes scenes = new ShareScenes(args[1], args[2], args[3]);
    String said = switch (args[0]) {
      case "share" -> scenes.share(Integer.parseInt(args[4]), Integer.parseInt(args[5]), args[6]);
      case "fates" -> scenes.fates();
      case "poison" -> scenes.poison();
      case "expiry" -> scenes.expiry();
      case "half" -> scenes.half(Integer.parseInt(args[4]));
      case "rest" -> scenes.rounds("implicit", (value, count) -> null);
      default -> throw new IllegalArgumentException(args[0]);
    };
    System.out.write((said + "\n").getBytes(StandardCharsets.UTF_8));
    System.out.flush();
  }
}
