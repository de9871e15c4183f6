"""The common scenarios with aiokafka: scenarios_aiokafka.py BOOTSTRAP PREFIX
Each member of the group has a thread and an event loop of its own."""

import asyncio
import sys

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRebalanceListener, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

import scenario

BOOTSTRAP, PREFIX = sys.argv[1:3]
GROUP = f"{PREFIX}-group"
TOPIC = f"{PREFIX}-records"


async def with_admin(work):
    admin = AIOKafkaAdminClient(bootstrap_servers=BOOTSTRAP)
    await admin.start()
    try:
        return await work(admin)
    finally:
        await admin.close()


def create(topic, partitions, config=None):
    wish = NewTopic(topic, partitions, 1, topic_configs=config or {})
    answer = asyncio.run(with_admin(lambda admin: admin.create_topics([wish])))
    if any(error[1] != 0 for error in answer.topic_errors):
        sys.exit(f"{topic}: {answer}")


class Listener(ConsumerRebalanceListener):
    def __init__(self, member):
        self.member = member

    async def on_partitions_assigned(self, assigned):
        self.member.ledger.assigned(self.member.name, [one.partition for one in assigned])

    async def on_partitions_revoked(self, revoked):
        self.member.ledger.revoked(self.member.name, [one.partition for one in revoked])


def consumer_of(group, **more):
    settings = {"auto_offset_reset": "earliest", "enable_auto_commit": False, **more}
    return AIOKafkaConsumer(bootstrap_servers=BOOTSTRAP, group_id=group, **settings)


async def consume(member):
    consumer = consumer_of(GROUP, session_timeout_ms=10_000, heartbeat_interval_ms=300)
    consumer.subscribe([TOPIC], listener=Listener(member))
    await consumer.start()
    while not member.is_stopping:
        found = await consumer.getmany(timeout_ms=100, max_records=50)
        for partition, records in found.items():
            for record in records:
                member.ledger.took(member.name, partition.partition, int(record.value))
        if found:
            await consumer.commit()
    member.ledger.revoked(member.name, range(scenario.PARTITIONS))
    await consumer.stop()


async def send(first, count):
    producer = AIOKafkaProducer(bootstrap_servers=BOOTSTRAP)
    await producer.start()
    sent = [
        await producer.send(TOPIC, str(i).encode(), partition=i % scenario.PARTITIONS)
        for i in range(first, first + count)
    ]
    for one in sent:
        await one
    await producer.stop()


def committed():
    offsets = asyncio.run(with_admin(lambda admin: admin.list_consumer_group_offsets(GROUP)))
    return sum(one.offset for one in offsets.values() if one.offset > 0)


async def read(topic, isolation):
    consumer = consumer_of(None, isolation_level=isolation)
    await consumer.start()
    partition = TopicPartition(topic, 0)
    consumer.assign([partition])
    await consumer.seek_to_beginning(partition)
    end = (await consumer.end_offsets([partition]))[partition]
    seen = 0
    while await consumer.position(partition) < end:
        seen += sum(len(records) for records in (await consumer.getmany(timeout_ms=1000)).values())
    await consumer.stop()
    return seen


async def transact():
    source, target = f"{PREFIX}-source", f"{PREFIX}-target"
    producer = AIOKafkaProducer(bootstrap_servers=BOOTSTRAP, transactional_id=f"{PREFIX}-transactions")
    await producer.start()
    for is_committed in (True, False, True):
        await producer.begin_transaction()
        for i in range(scenario.TRANSACTION_RECORDS):
            await producer.send(source, str(i).encode(), partition=0)
        await producer.flush()
        if is_committed:
            await producer.commit_transaction()
        else:
            await producer.abort_transaction()
    # Read, process, write: the offsets of the reader go with the transaction.
    reader = consumer_of(f"{PREFIX}-movers", isolation_level="read_committed")
    await reader.start()
    partition = TopicPartition(source, 0)
    reader.assign([partition])
    await reader.seek_to_beginning(partition)
    moved = 0
    async with producer.transaction():
        while moved < 2 * scenario.TRANSACTION_RECORDS:
            for records in (await reader.getmany(timeout_ms=10_000)).values():
                for record in records:
                    await producer.send(target, record.value, partition=0)
                    moved += 1
        end = (await reader.end_offsets([partition]))[partition]
        await producer.send_offsets_to_transaction({partition: end}, f"{PREFIX}-movers")
    await producer.stop()
    last = 3 * scenario.TRANSACTION_RECORDS + 2

    async def has_moved():
        return (await reader.committed(partition) or 0) >= last

    await until(has_moved, "the offsets have moved")
    await reader.stop()
    return {
        "committed": await read(source, "read_committed"),
        "all": await read(source, "read_uncommitted"),
        "moved": await read(target, "read_committed"),
        "offsetsMoved": True,
    }


async def until(condition, what):
    for _ in range(300):
        if await condition():
            return
        await asyncio.sleep(0.1)
    sys.exit(f"waited in vain: {what}")


async def administer(admin):
    topic = f"{PREFIX}-admin"
    resource = ConfigResource(ConfigResourceType.TOPIC, topic)

    async def partitions_of():
        return len((await admin.describe_topics([topic]))[0]["partitions"])

    async def value_of(name):
        answers = await admin.describe_configs([resource])
        return next(entry[1] for answer in answers for one in answer.resources for entry in one[4] if entry[0] == name)

    async def is_changed():
        return await value_of("segment.ms") == "120000"

    async def is_grown():
        return await partitions_of() == 5

    async def is_gone():
        return topic not in await admin.list_topics()

    partitions = await partitions_of()
    retention = await value_of("retention.ms")
    changes = {"segment.ms": "120000", "retention.ms": "60000"}
    await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, changes)])
    await until(is_changed, "the setting is changed")
    await admin.create_partitions({topic: NewPartitions(5)})
    await until(is_grown, "five partitions")
    groups = [one[0] for one in await admin.list_consumer_groups()]
    answers = await admin.describe_consumer_groups([GROUP])
    state = answers[0].groups[0][2]
    await admin.delete_topics([topic])
    await until(is_gone, "the topic is gone")
    return {
        "partitions": partitions,
        "retentionMs": retention,
        "segmentMs": "120000",
        "grown": 5,
        "groupListed": GROUP in groups,
        "groupState": state.upper(),
        "gone": True,
    }


create(TOPIC, scenario.PARTITIONS)
group = scenario.run_group(
    lambda first, count: asyncio.run(send(first, count)),
    lambda name, ledger: scenario.Member(name, ledger, lambda member: asyncio.run(consume(member))),
    committed,
)
create(f"{PREFIX}-source", 1)
create(f"{PREFIX}-target", 1)
transactions = asyncio.run(transact())
create(f"{PREFIX}-admin", 3, {"retention.ms": "60000"})
scenario.finish({"group": group, "transactions": transactions, "admin": asyncio.run(with_admin(administer))})
