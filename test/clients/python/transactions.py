"""Transactions with confluent-kafka (librdkafka): every second one is aborted, the offsets of a group go with them, and a
second producer takes the transactional id over. Prints as one line of JSON what a reader of committed records saw.
Run by transactions.test.ts: transactions.py BOOTSTRAP TOPIC PARTITIONS TRANSACTIONS RECORDS"""

import json
import sys
import time

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, Producer, TopicPartition

DEADLINE_S = 60


def producer_of(bootstrap):
    producer = Producer({"bootstrap.servers": bootstrap, "transactional.id": "python", "linger.ms": 1})
    producer.init_transactions(20)
    return producer


def consumer_of(bootstrap, group):
    return Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": group,
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "isolation.level": "read_committed",
        }
    )


def write(producer, topic, partitions, prefix, records):
    for r in range(records):
        producer.produce(topic, f"{prefix}-{r}".encode(), partition=r % partitions)
    producer.poll(0)


def is_fenced(producer, topic):
    try:
        producer.begin_transaction()
        write(producer, topic, 1, "late", 1)
        producer.commit_transaction(20)
        return False
    except KafkaException as error:
        return error.args[0].name() in ("_FENCED", "PRODUCER_FENCED", "INVALID_PRODUCER_EPOCH") or error.args[0].fatal()


def count(bootstrap, topic, partitions, expected):
    consumer = consumer_of(bootstrap, "unused")
    consumer.assign([TopicPartition(topic, p, OFFSET_BEGINNING) for p in range(partitions)])
    good = bad = 0
    deadline = time.monotonic() + DEADLINE_S
    while good < expected and time.monotonic() < deadline:
        for message in consumer.consume(10_000, 0.5):
            if message.error():
                sys.exit(str(message.error()))
            if message.value().startswith(b"good-"):
                good += 1
            else:
                bad += 1
    consumer.close()
    return expected - good, bad


def main():
    bootstrap, topic = sys.argv[1:3]
    partitions, transactions, records = (int(text) for text in sys.argv[3:6])
    first = producer_of(bootstrap)
    reader = consumer_of(bootstrap, "python-readers")
    reader.subscribe([topic])
    deadline = time.monotonic() + DEADLINE_S
    while not reader.assignment() and time.monotonic() < deadline:
        reader.poll(0.1)
    expected = 0
    for t in range(transactions):
        is_committed = t % 2 == 0
        first.begin_transaction()
        write(first, topic, partitions, f"{'good' if is_committed else 'bad'}-{t}", records)
        offset = 1000 + t
        first.send_offsets_to_transaction([TopicPartition(topic, 0, offset)], reader.consumer_group_metadata(), 20)
        if is_committed:
            first.commit_transaction(20)
            expected += records
            last = offset
        else:
            first.abort_transaction(20)
    committed = reader.committed([TopicPartition(topic, 0)], 20)[0].offset
    reader.close()
    second = producer_of(bootstrap)
    second.begin_transaction()
    write(second, topic, partitions, "good-last", 1)
    second.commit_transaction(20)
    fenced = is_fenced(first, topic)
    missing, bad = count(bootstrap, topic, partitions, expected + 1)
    print(json.dumps({"missing": missing, "bad": bad, "fenced": fenced, "offsetsAreRight": committed == last}))


main()
