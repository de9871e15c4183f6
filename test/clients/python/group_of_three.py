"""A group of three with joins and leaves while records come in, with librdkafka.

Prints as one line of JSON how many records were sent and processed, how many nobody processed, how many were processed
again, and how many members had partitions. Run by consumer-groups.test.ts:
group_of_three.py BOOTSTRAP TOPIC PARTITIONS RECORDS PROTOCOL
"""
import json
import os
import sys
import time
import traceback

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer

DEADLINE_S = 90
SETTLE_S = 4


class Member:
    def __init__(self, name, bootstrap, topic, protocol):
        self.name = name
        settings = {
            "bootstrap.servers": bootstrap,
            "group.id": f"three-{protocol}-rd",
            "group.protocol": protocol,
            "client.id": name,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
        }
        if protocol == "classic":
            settings["partition.assignment.strategy"] = "cooperative-sticky"
            settings["heartbeat.interval.ms"] = 500
        self.consumer = Consumer(settings)
        self.consumer.subscribe([topic])

    def work(self, processed):
        messages = self.consumer.consume(50, timeout=0.02)
        good = []
        for message in messages:
            if message.error() is None:
                good.append(message)
            elif message.error().code() != KafkaError._PARTITION_EOF:
                raise KafkaException(message.error())
        if not good:
            return
        for message in good:
            processed.append((self.name, message.partition(), message.offset()))
        try:
            self.consumer.commit(asynchronous=False)
        except KafkaException as error:
            moved = (
                KafkaError._NO_OFFSET,
                KafkaError.STALE_MEMBER_EPOCH,
                KafkaError.ILLEGAL_GENERATION,
                KafkaError.REBALANCE_IN_PROGRESS,
            )
            if error.args[0].code() not in moved:
                raise


def main():
    bootstrap, topic, partitions, count, protocol = sys.argv[1:6]
    partitions, count = int(partitions), int(count)
    producer = Producer({"bootstrap.servers": bootstrap})
    members, processed = [], []
    deadline = time.monotonic() + DEADLINE_S

    def distinct():
        return len({(partition, offset) for _, partition, offset in processed})

    def send(first, last):
        for i in range(first, last):
            producer.produce(topic, f"record-{i}".encode(), partition=i % partitions)
            if i % 50 == 0:
                work()
        producer.flush()

    def work():
        for member in members:
            member.work(processed)

    def work_for(seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            work()

    def work_until(total):
        while distinct() < total and time.monotonic() < deadline:
            work()

    members.append(Member("one", bootstrap, topic, protocol))
    send(0, count // 4)
    members += [Member(name, bootstrap, topic, protocol) for name in ("two", "three")]
    work_until(count // 4)
    work_for(SETTLE_S)
    send(count // 4, count // 2)
    members.pop(1).consumer.close()
    send(count // 2, count * 3 // 4)
    members.append(Member("four", bootstrap, topic, protocol))
    work_for(SETTLE_S)
    send(count * 3 // 4, count)
    work_until(count)
    for member in members:
        member.consumer.close()
    seen = distinct()
    print(json.dumps({
        "sent": count,
        "processed": seen,
        "lost": count - seen,
        "again": len(processed) - seen,
        "members": len({name for name, _, _ in processed}),
    }))


try:
    main()
except Exception:
    # Consumers that were not closed would hold the process for minutes.
    traceback.print_exc()
    sys.stderr.flush()
    os._exit(1)
