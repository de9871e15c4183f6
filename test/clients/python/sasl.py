"""Reads and writes with librdkafka as somebody who has to log in.

sasl.py TOPIC COUNT SECONDS, the client's settings as JSON on standard input; "token" in it is for OAUTHBEARER.
Writes COUNT records, spread over SECONDS, reads them all back, and prints what became of them as JSON.
"""
import json
import sys
import time

from confluent_kafka import Consumer, KafkaException, Producer

topic, count, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
given = json.load(sys.stdin)
token = given.pop("token", None)
errors = []
settings = {**given, "error_cb": lambda error: errors.append(error.name())}
if token is not None:
    settings["oauth_cb"] = lambda _config: (token, time.time() + 3600)


def report(**more):
    print(json.dumps({"errors": sorted(set(errors)), **more}))
    sys.exit(0)


delivered = []
producer = Producer({**settings, "message.timeout.ms": 15000})


def on_delivery(error, message):
    if error is not None:
        errors.append(error.name())
    else:
        delivered.append(message.offset())


for number in range(count):
    try:
        producer.produce(topic, str(number).encode(), on_delivery=on_delivery)
    except KafkaException as problem:  # the topic was refused already
        errors.append(problem.args[0].name())
        break
    producer.poll(0)
    time.sleep(seconds / count)
deadline = time.time() + 20
while len(delivered) < count and time.time() < deadline:
    producer.poll(0.1)
    if "_AUTHENTICATION" in errors or "TOPIC_AUTHORIZATION_FAILED" in errors:
        producer.purge()
        producer.flush(1)
        # What it did not send itself any more says nothing about the broker.
        errors = [name for name in errors if name not in ("_PURGE_QUEUE", "_PURGE_INFLIGHT")]
        report(sent=len(delivered), read=0)

consumer = Consumer({**settings, "group.id": f"of-{topic}", "auto.offset.reset": "earliest"})
consumer.subscribe([topic])
read = set()
deadline = time.time() + 30
try:
    while len(read) < len(delivered) and time.time() < deadline:
        message = consumer.poll(0.5)
        if message is None:
            continue
        if message.error() is not None:
            errors.append(message.error().name())
        else:
            read.add(message.value())
except KafkaException as problem:
    errors.append(problem.args[0].name())
consumer.close()
report(sent=len(delivered), read=len(read))
