"""What a client with a quota gets, with confluent-kafka (librdkafka): writes to, or reads from, partition 0 of a topic as
fast as it may and prints how many bytes got there in how many seconds, from before the first request to the last that was
counted, and how often, and how long at most, the broker told it to wait, as one line of JSON.
Run by quotas.test.ts: quotas.py produce|consume BOOTSTRAP TOPIC CLIENT_ID SECONDS"""

import json
import sys
import time

from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition

VALUE = b"x" * 1000
waits = []


def throttled(event):
    if event.throttle_time > 0:
        waits.append(event.throttle_time)


class Meter:
    def __init__(self, seconds):
        self.begin = time.monotonic()
        self.seconds = seconds
        self.bytes = 0

    def add(self, count):
        self.bytes += count

    @property
    def elapsed(self):
        return time.monotonic() - self.begin

    @property
    def is_over(self):
        return self.elapsed >= self.seconds


def produce(common, topic, meter):
    producer = Producer(
        {**common, "linger.ms": 5, "batch.size": 20_000, "queue.buffering.max.kbytes": 500, "acks": "1"}
    )

    def delivered(error, message):
        if error is None:
            meter.add(len(message))

    while not meter.is_over:
        try:
            producer.produce(topic, VALUE, partition=0, on_delivery=delivered)
            producer.poll(0)
        except BufferError:
            producer.poll(0.01)
    seconds = meter.elapsed
    producer.purge()
    return seconds


def consume(common, topic, meter):
    consumer = Consumer(
        {
            **common,
            "group.id": "none",
            "enable.auto.commit": False,
            "fetch.message.max.bytes": 25_000,
            "queued.max.messages.kbytes": 100,
        }
    )
    consumer.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
    while not meter.is_over:
        message = consumer.poll(0.1)
        if message is not None and message.error() is None:
            meter.add(len(message))
    seconds = meter.elapsed
    consumer.close()
    return seconds


def main():
    what, bootstrap, topic, client_id, seconds = sys.argv[1:]
    common = {"bootstrap.servers": bootstrap, "client.id": client_id, "throttle_cb": throttled}
    meter = Meter(float(seconds))
    measured = (produce if what == "produce" else consume)(common, topic, meter)
    print(json.dumps({"bytes": meter.bytes, "seconds": measured, "waits": len(waits), "longest": max(waits, default=0)}))


main()
