"""What the scenario programs of all Python clients share: who owns which partition, what was processed, and the course of
events of a group of three. A client brings a way to produce and a member that runs in a thread of its own.
Every client prints the same JSON: see test/clients/common-scenarios.ts."""

import json
import sys
import threading
import time

PARTITIONS = 6
PART = 400
DEADLINE_S = 60
TRANSACTION_RECORDS = 10


class Ledger:
    """Partitions have one owner at a time; a record counts once, however often it is processed."""

    def __init__(self):
        self.lock = threading.Lock()
        self.owners = {}
        self.double_owned = 0
        self.values = set()

    def assigned(self, member, partitions):
        with self.lock:
            for partition in partitions:
                if self.owners.get(partition, member) != member:
                    self.double_owned += 1
                self.owners[partition] = member

    def revoked(self, member, partitions):
        with self.lock:
            for partition in partitions:
                if self.owners.get(partition) == member:
                    del self.owners[partition]

    def took(self, member, partition, value):
        with self.lock:
            if self.owners.get(partition, member) != member:
                self.double_owned += 1
            self.values.add(value)

    def count(self):
        with self.lock:
            return len(self.values)

    def owned_by(self, *members):
        with self.lock:
            return sum(1 for owner in self.owners.values() if owner in members)


def until(condition, what):
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        if time.monotonic() > deadline:
            sys.exit(f"waited {DEADLINE_S} s in vain: {what}")
        time.sleep(0.02)


def run_group(produce, start_member, committed):
    """`produce(first, count)`, `start_member(name, ledger)` with a `stop()`, `committed()` the sum of committed offsets."""
    ledger = Ledger()
    produce(0, PART)
    one = start_member("one", ledger)
    until(lambda: ledger.count() >= PART // 4, "the first member processes")
    two = start_member("two", ledger)
    three = start_member("three", ledger)
    until(lambda: ledger.owned_by("two") > 0 and ledger.owned_by("three") > 0, "three members own something")
    produce(PART, PART)
    until(lambda: ledger.count() == 2 * PART, "three members process everything")
    two.stop()
    until(lambda: ledger.owned_by("one", "three") == PARTITIONS, "two members own everything")
    produce(2 * PART, PART)
    until(lambda: ledger.count() == 3 * PART, "two members process everything")
    one.stop()
    three.stop()
    return {
        "processed": ledger.count(),
        "lost": 3 * PART - len(ledger.values & set(range(3 * PART))),
        "doubleOwned": ledger.double_owned,
        "committed": committed(),
    }


class Member:
    """Runs `body(self)` in a thread until it is told to stop; the body ends by leaving the group."""

    def __init__(self, name, ledger, body):
        self.name = name
        self.ledger = ledger
        self.is_stopping = False
        self.failure = None
        self.thread = threading.Thread(target=self.run, args=(body,))
        self.thread.start()

    def run(self, body):
        try:
            body(self)
        except Exception as failure:
            self.failure = failure
            raise

    def stop(self):
        self.is_stopping = True
        self.thread.join()
        if self.failure is not None:
            sys.exit(f"member {self.name}: {self.failure!r}")


def finish(outcome):
    print(json.dumps(outcome))
