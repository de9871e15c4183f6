"""Round trip with confluent-kafka (librdkafka): produces a known sequence of records to every partition of a topic, reads
the partitions back by explicit offsets and prints what was lost, doubled or changed as one line of JSON.
Run by foreign.test.ts: round_trip.py BOOTSTRAP TOPIC CODEC COUNT PARTITIONS"""

import json
import sys
import time

from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition

BASE_TIMESTAMP_MS = 1_700_000_000_000
DEADLINE_S = 120


def key(i):
    return b"key-%d" % i


def value(i):
    return f"value-{i}-{i:0{i % 90 + 1}d}".encode()


def headers(i):
    return [("index", str(i).encode()), ("empty", b"")]


def produce(bootstrap, topic, codec, count, partitions):
    failures = []
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "compression.type": codec,
            "linger.ms": 5,
            "enable.idempotence": True,
            "queue.buffering.max.messages": 1_000_000,
        }
    )

    def delivered(error, _message):
        if error is not None:
            failures.append(str(error))

    for i in range(count):
        producer.produce(
            topic, value(i), key(i), partition=i % partitions, headers=headers(i),
            timestamp=BASE_TIMESTAMP_MS + i, on_delivery=delivered,
        )
        if i % 1000 == 0:
            producer.poll(0)
    left = producer.flush(60)
    if failures or left:
        sys.exit(f"{left} records not delivered, failures: {failures[:3]}")


def is_same(message, i):
    return (
        message.key() == key(i)
        and message.value() == value(i)
        and message.timestamp()[1] == BASE_TIMESTAMP_MS + i
        and message.headers() == headers(i)
    )


def consume(bootstrap, topic, count, partitions):
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "unused", "enable.auto.commit": False})
    consumer.assign([TopicPartition(topic, p, OFFSET_BEGINNING) for p in range(partitions)])
    seen = [0] * count
    read = changed = 0
    deadline = time.monotonic() + DEADLINE_S
    while read < count and time.monotonic() < deadline:
        for message in consumer.consume(10_000, 1.0):
            if message.error():
                sys.exit(str(message.error()))
            read += 1
            text = message.key() or b""
            i = int(text[4:]) if text.startswith(b"key-") else -1
            if 0 <= i < count and is_same(message, i):
                seen[i] += 1
            else:
                changed += 1
    consumer.close()
    return {
        "sent": count,
        "read": read,
        "lost": sum(1 for times in seen if times == 0),
        "doubled": sum(times - 1 for times in seen if times > 1),
        "changed": changed,
    }


def main():
    bootstrap, topic, codec = sys.argv[1:4]
    count, partitions = int(sys.argv[4]), int(sys.argv[5])
    produce(bootstrap, topic, codec, count, partitions)
    print(json.dumps(consume(bootstrap, topic, count, partitions)))


main()
