"""The common scenarios with confluent-kafka (librdkafka): scenarios_confluent.py BOOTSTRAP PREFIX [PROTOCOL]
PROTOCOL is classic or consumer (KIP-848)."""

import sys

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, NewPartitions, NewTopic

import scenario

BOOTSTRAP, PREFIX = sys.argv[1:3]
PROTOCOL = sys.argv[3] if len(sys.argv) > 3 else "classic"
GROUP = f"{PREFIX}-group"
TOPIC = f"{PREFIX}-records"
admin = AdminClient({"bootstrap.servers": BOOTSTRAP})


def create(topic, partitions, config=None):
    for future in admin.create_topics([NewTopic(topic, partitions, 1, config=config or {})]).values():
        future.result()


def settings(**more):
    return {"bootstrap.servers": BOOTSTRAP, "auto.offset.reset": "earliest", "enable.auto.commit": False, **more}


def run_member(member):
    protocol = {"group.protocol": PROTOCOL}
    if PROTOCOL == "classic":
        protocol |= {"session.timeout.ms": 10_000, "heartbeat.interval.ms": 300}
    consumer = Consumer(settings(**{"group.id": GROUP, **protocol}))

    def assigned(client, partitions):
        member.ledger.assigned(member.name, [one.partition for one in partitions])
        if PROTOCOL == "consumer":
            client.incremental_assign(partitions)

    def revoked(client, partitions):
        member.ledger.revoked(member.name, [one.partition for one in partitions])
        if PROTOCOL == "consumer":
            client.incremental_unassign(partitions)

    consumer.subscribe([TOPIC], on_assign=assigned, on_revoke=revoked)
    while not member.is_stopping:
        messages = consumer.consume(50, 0.1)
        for message in messages:
            if message.error():
                raise RuntimeError(str(message.error()))
            member.ledger.took(member.name, message.partition(), int(message.value()))
        if messages:
            consumer.commit(asynchronous=False)
    consumer.close()


def produce(first, count):
    producer = Producer({"bootstrap.servers": BOOTSTRAP})
    for i in range(first, first + count):
        producer.produce(TOPIC, str(i), partition=i % scenario.PARTITIONS)
    if producer.flush(30):
        sys.exit("not everything was delivered")


def committed():
    consumer = Consumer(settings(**{"group.id": GROUP}))
    offsets = consumer.committed([TopicPartition(TOPIC, p) for p in range(scenario.PARTITIONS)], 10)
    consumer.close()
    return sum(one.offset for one in offsets if one.offset > 0)


def read(topic, isolation, wanted):
    consumer = Consumer(settings(**{"group.id": f"{PREFIX}-unused", "isolation.level": isolation}))
    consumer.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
    _, end = consumer.get_watermark_offsets(TopicPartition(topic, 0), 10)
    seen = 0
    while consumer.position([TopicPartition(topic, 0)])[0].offset < end:
        message = consumer.poll(1)
        if message is not None and not message.error():
            seen += 1
        if message is None and seen >= wanted:
            break
    consumer.close()
    return seen


def run_transactions():
    source, target = f"{PREFIX}-source", f"{PREFIX}-target"
    create(source, 1)
    create(target, 1)
    producer = Producer({"bootstrap.servers": BOOTSTRAP, "transactional.id": f"{PREFIX}-transactions"})
    producer.init_transactions(30)
    for is_committed in (True, False, True):
        producer.begin_transaction()
        for i in range(scenario.TRANSACTION_RECORDS):
            producer.produce(source, str(i), partition=0)
        producer.flush(30)
        producer.commit_transaction(30) if is_committed else producer.abort_transaction(30)
    # Read, process, write: the offsets of the reader go with the transaction.
    reader = Consumer(settings(**{"group.id": f"{PREFIX}-movers", "isolation.level": "read_committed"}))
    reader.assign([TopicPartition(source, 0, OFFSET_BEGINNING)])
    producer.begin_transaction()
    moved = 0
    while moved < 2 * scenario.TRANSACTION_RECORDS:
        message = reader.poll(10)
        if message is None or message.error():
            sys.exit("the mover read nothing")
        producer.produce(target, message.value(), partition=0)
        moved += 1
    producer.send_offsets_to_transaction(
        reader.position([TopicPartition(source, 0)]), reader.consumer_group_metadata(), 30
    )
    producer.commit_transaction(30)
    last = 3 * scenario.TRANSACTION_RECORDS + 2
    partition = [TopicPartition(source, 0)]
    scenario.until(lambda: reader.committed(partition, 10)[0].offset >= last, "the offsets have moved")
    reader.close()
    return {
        "committed": read(source, "read_committed", 20),
        "all": read(source, "read_uncommitted", 30),
        "moved": read(target, "read_committed", 20),
        "offsetsMoved": True,
    }


def is_described(resource):
    # Kafka answers that a topic was made before all of it knows the topic.
    try:
        return admin.describe_configs([resource])[resource].result() is not None
    except KafkaException as error:
        if error.args[0].code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
            raise
        return False


def run_admin():
    topic = f"{PREFIX}-admin"
    create(topic, 3, {"retention.ms": "60000"})
    resource = ConfigResource(ConfigResource.Type.TOPIC, topic)
    scenario.until(lambda: is_described(resource), "the topic's settings are known")
    entry = ConfigEntry("segment.ms", "120000", incremental_operation=AlterConfigOpType.SET)
    change = ConfigResource(ConfigResource.Type.TOPIC, topic, incremental_configs=[entry])
    admin.incremental_alter_configs([change])[change].result()
    described = lambda: admin.describe_configs([resource])[resource].result()
    scenario.until(lambda: described()["segment.ms"].value == "120000", "the setting is changed")
    found = described()
    partitions = len(admin.list_topics(topic, timeout=10).topics[topic].partitions)
    admin.create_partitions([NewPartitions(topic, 5)])[topic].result()
    scenario.until(lambda: len(admin.list_topics(topic, timeout=10).topics[topic].partitions) == 5, "five partitions")
    groups = [one.group_id for one in admin.list_consumer_groups().result().valid]
    state = admin.describe_consumer_groups([GROUP])[GROUP].result().state.name
    admin.delete_consumer_groups([GROUP])[GROUP].result()
    admin.delete_topics([topic])[topic].result()
    scenario.until(lambda: topic not in admin.list_topics(timeout=10).topics, "the topic is gone")
    return {
        "partitions": partitions,
        "retentionMs": found["retention.ms"].value,
        "segmentMs": found["segment.ms"].value,
        "grown": 5,
        "groupListed": GROUP in groups,
        "groupState": state.upper(),
        "gone": True,
    }


create(TOPIC, scenario.PARTITIONS)
group = scenario.run_group(produce, lambda name, ledger: scenario.Member(name, ledger, run_member), committed)
scenario.finish({"group": group, "transactions": run_transactions(), "admin": run_admin()})
