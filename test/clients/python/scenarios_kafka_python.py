"""The common scenarios with kafka-python: scenarios_kafka_python.py BOOTSTRAP PREFIX"""

import sys

from kafka import ConsumerRebalanceListener, KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, NewTopic
from kafka.structs import OffsetAndMetadata

import scenario

BOOTSTRAP, PREFIX = sys.argv[1:3]
GROUP = f"{PREFIX}-group"
TOPIC = f"{PREFIX}-records"
# Longer than a rebalance takes: this client takes itself for joined once JoinGroup is answered, so a poll whose time is up
# before SyncGroup is answered leaves it without partitions for ever, on either broker.
POLL_MS = 3000
admin = KafkaAdminClient(bootstrap_servers=BOOTSTRAP)


def create(topic, partitions, config=None):
    admin.create_topics([NewTopic(topic, partitions, 1, topic_configs=config or {})])


def consumer_of(group, **more):
    settings = {"auto_offset_reset": "earliest", "enable_auto_commit": False, **more}
    return KafkaConsumer(bootstrap_servers=BOOTSTRAP, group_id=group, **settings)


class Listener(ConsumerRebalanceListener):
    def __init__(self, member):
        self.member = member

    def on_partitions_assigned(self, assigned):
        self.member.ledger.assigned(self.member.name, [one.partition for one in assigned])

    def on_partitions_revoked(self, revoked):
        self.member.ledger.revoked(self.member.name, [one.partition for one in revoked])


def run_member(member):
    consumer = consumer_of(GROUP, session_timeout_ms=10_000, heartbeat_interval_ms=300)
    consumer.subscribe([TOPIC], listener=Listener(member))
    while not member.is_stopping:
        found = consumer.poll(timeout_ms=POLL_MS, max_records=50)
        for partition, records in found.items():
            for record in records:
                member.ledger.took(member.name, partition.partition, int(record.value))
        if found:
            consumer.commit()
    member.ledger.revoked(member.name, range(scenario.PARTITIONS))
    consumer.close()


def produce(first, count):
    producer = KafkaProducer(bootstrap_servers=BOOTSTRAP)
    sent = [
        producer.send(TOPIC, str(i).encode(), partition=i % scenario.PARTITIONS) for i in range(first, first + count)
    ]
    for one in sent:
        one.get(30)
    producer.close()


def committed():
    offsets = admin.list_group_offsets(GROUP)
    found = offsets.get(GROUP, offsets)
    return sum(one.offset for one in found.values() if one.offset > 0)


def read(topic, isolation, wanted):
    consumer = consumer_of(None, isolation_level=isolation)
    partition = TopicPartition(topic, 0)
    consumer.assign([partition])
    consumer.seek_to_beginning(partition)
    end = consumer.end_offsets([partition])[partition]
    seen = 0
    while consumer.position(partition) < end:
        seen += sum(len(records) for records in consumer.poll(timeout_ms=1000).values())
    consumer.close()
    return seen


def run_transactions():
    source, target = f"{PREFIX}-source", f"{PREFIX}-target"
    create(source, 1)
    create(target, 1)
    producer = KafkaProducer(bootstrap_servers=BOOTSTRAP, transactional_id=f"{PREFIX}-transactions")
    producer.init_transactions()
    for is_committed in (True, False, True):
        producer.begin_transaction()
        for i in range(scenario.TRANSACTION_RECORDS):
            producer.send(source, str(i).encode(), partition=0)
        producer.flush()
        producer.commit_transaction() if is_committed else producer.abort_transaction()
    # Read, process, write: the offsets of the reader go with the transaction.
    reader = consumer_of(f"{PREFIX}-movers", isolation_level="read_committed")
    partition = TopicPartition(source, 0)
    reader.assign([partition])
    reader.seek_to_beginning(partition)
    producer.begin_transaction()
    moved = 0
    while moved < 2 * scenario.TRANSACTION_RECORDS:
        for records in reader.poll(timeout_ms=10_000).values():
            for record in records:
                producer.send(target, record.value, partition=0)
                moved += 1
    end = reader.end_offsets([partition])[partition]
    producer.send_offsets_to_transaction({partition: OffsetAndMetadata(end, "", -1)}, reader.group_metadata())
    producer.commit_transaction()
    producer.close()
    last = 3 * scenario.TRANSACTION_RECORDS + 2
    scenario.until(lambda: (reader.committed(partition) or 0) >= last, "the offsets have moved")
    reader.close()
    return {
        "committed": read(source, "read_committed", 20),
        "all": read(source, "read_uncommitted", 30),
        "moved": read(target, "read_committed", 20),
        "offsetsMoved": True,
    }


def value_of(topic, name):
    described = admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)], config_filter="all")
    found = described
    for key in (ConfigResourceType.TOPIC, "TOPIC", "topic", topic):
        if isinstance(found, dict) and key in found:
            found = found[key]
    entry = found[topic][name] if topic in found else found[name]
    return entry["value"] if isinstance(entry, dict) else getattr(entry, "value", entry)


def run_admin():
    topic = f"{PREFIX}-admin"
    create(topic, 3, {"retention.ms": "60000"})
    partitions_of = lambda: len(admin.describe_topics([topic])[0]["partitions"])
    scenario.until(lambda: topic in admin.list_topics(), "the topic is listed")
    partitions = partitions_of()
    retention = value_of(topic, "retention.ms")
    admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, {"segment.ms": "120000"})])
    scenario.until(lambda: value_of(topic, "segment.ms") == "120000", "the setting is changed")
    admin.create_partitions({topic: 5})
    scenario.until(lambda: partitions_of() == 5, "five partitions")
    groups = [one["group_id"] for one in admin.list_groups()]
    state = admin.describe_groups([GROUP])[GROUP]["group_state"]
    admin.delete_groups([GROUP])
    admin.delete_topics([topic])
    scenario.until(lambda: topic not in admin.list_topics(), "the topic is gone")
    return {
        "partitions": partitions,
        "retentionMs": str(retention),
        "segmentMs": "120000",
        "grown": 5,
        "groupListed": GROUP in groups,
        "groupState": str(state).upper(),
        "gone": True,
    }


create(TOPIC, scenario.PARTITIONS)
group = scenario.run_group(produce, lambda name, ledger: scenario.Member(name, ledger, run_member), committed)
scenario.finish({"group": group, "transactions": run_transactions(), "admin": run_admin()})
