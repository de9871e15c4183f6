/**
 * What a program does with our client, scenario by scenario, each with topics and groups of its own: run on our broker and
 * on Apache Kafka with the same expectations. A scenario that only one of them fulfils accuses one of the two.
 */
import { randomUUID } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { expect } from 'vitest';
import {
  AnswerError,
  type AssignorName,
  type Client,
  type ConsumedRecord,
  type ConsumerOptions,
  createClient,
  type Dial,
  demand,
  errorCodeOf,
  type RecordConsumer,
  type RecordReceipt,
  type TopicPartition,
} from '../../src/client/client.ts';
import { dialTcp } from '../../src/client/dial.ts';
import { partitionOfKey } from '../../src/client/producing/murmur2.ts';
import { CODEC_NAMES } from '../../src/protocol/compression.ts';
import { errorCode } from '../../src/protocol/errors.ts';
import { Prng } from '../support/prng.ts';

export interface Scenario {
  readonly name: string;
  /** `address` for scenarios that make clients of their own. */
  readonly run: (client: Client, address: string) => Promise<void>;
}

const POLL_MS = 500;
const WAIT_MS = 30_000;
const EVENTUALLY_MS = 5000;
const EARLIEST: ConsumerOptions = { autoOffsetReset: 'earliest', heartbeatIntervalMs: 300, sessionTimeoutMs: 10_000 };

/** Runs one scenario with a client of its own, and leaves nothing open behind it. */
export async function runScenario(address: string, scenario: Scenario): Promise<void> {
  const client = createClient({ brokers: address, clientId: 'scenario' });
  try {
    await scenario.run(client, address);
  } finally {
    await client.close();
  }
}

async function newTopic(client: Client, partitions: number, configs: Record<string, string> = {}): Promise<string> {
  const name = `scenario-${randomUUID()}`;
  await client.admin().createTopic({ name, partitions, replicationFactor: 1, configs });
  return name;
}

function places(topic: string, count: number): TopicPartition[] {
  return Array.from({ length: count }, (_, partition) => ({ topic, partition }));
}

/** Reads until so many records are there; the test's own time limit ends what never comes. */
async function read(consumer: RecordConsumer, count: number): Promise<ConsumedRecord[]> {
  const records: ConsumedRecord[] = [];
  while (records.length < count) {
    const batch = await consumer.poll({ timeoutMs: POLL_MS });
    if (batch !== null) records.push(...batch.records);
  }
  return records;
}

function texts(records: readonly ConsumedRecord[]): string[] {
  return records.map((record) => record.value?.toString() ?? 'null').sort();
}

/** A broker may learn a moment after the controller has said yes: asks until the answer is the wished one, or is the last. */
async function eventually<T>(ask: () => Promise<T>, isWished: (answer: T) => boolean): Promise<T> {
  const deadlineMs = Date.now() + EVENTUALLY_MS;
  for (;;) {
    const answer = await ask();
    if (isWished(answer) || Date.now() > deadlineMs) return answer;
  }
}

/** Polls all of them in turn until the condition holds. */
async function pollUntil(consumers: readonly RecordConsumer[], isReached: () => boolean): Promise<void> {
  const deadlineMs = Date.now() + WAIT_MS;
  const spin = async (consumer: RecordConsumer): Promise<void> => {
    while (!isReached()) {
      if (Date.now() > deadlineMs)
        throw new Error(`not reached: ${JSON.stringify(consumers.map((one) => one.assignment()))}`);
      await consumer.poll({ timeoutMs: 50 });
    }
  };
  await Promise.all(consumers.map(spin));
}

function isSplit(consumers: readonly RecordConsumer[], partitions: number): boolean {
  const held = consumers.flatMap((consumer) => consumer.assignment().map(({ partition }) => partition));
  const isFair = consumers.every((consumer) => consumer.assignment().length > 0);
  return isFair && held.length === partitions && new Set(held).size === partitions;
}

// ── producing ───────────────────────────────────────────────────────────────────────────────────────────────────────

const producing: Scenario[] = [
  ...CODEC_NAMES.map((compression) => ({
    name: `sends and reads keys, values, headers and timestamps with ${compression}`,
    async run(client: Client) {
      const topic = await newTopic(client, 1);
      const producer = client.producer({ compression, lingerMs: 20 });
      const sent = Array.from({ length: 300 }, (_, i) => ({
        topic,
        key: i % 3 === 0 ? null : `key-${i}`,
        value: i % 7 === 0 ? null : `value-${i}`.repeat(10),
        headers: { index: `${i}`, nothing: null },
        timestamp: 1_700_000_000_000 + i,
      }));
      const receipts = await Promise.all(sent.map((record) => producer.send(record)));
      expect(receipts.map(({ offset }) => offset)).toEqual(sent.map((_, i) => i));
      expect(receipts[7]).toEqual({ topic, partition: 0, offset: 7, timestamp: 1_700_000_000_007 });
      const consumer = client.consumer();
      consumer.assign([{ topic, partition: 0, offset: 0 }]);
      const records = await read(consumer, sent.length);
      expect(records.map((record) => [record.offset, record.timestamp, record.key?.toString() ?? null])).toEqual(
        sent.map(({ key, timestamp }, i) => [i, timestamp, key]),
      );
      expect(records.map((record) => record.value?.toString() ?? null)).toEqual(sent.map(({ value }) => value));
      expect(records[5]?.headers).toEqual([
        { key: 'index', value: new Uint8Array(Buffer.from('5')) },
        { key: 'nothing', value: null },
      ]);
    },
  })),
  {
    name: 'sends with acks 1, with acks 0, and without idempotence',
    async run(client) {
      const topic = await newTopic(client, 1);
      expect(await client.producer({ acks: 1 }).send({ topic, value: 'one' })).toMatchObject({ offset: 0 });
      const careless = client.producer({ acks: 0 });
      expect(await careless.send({ topic, value: 'zero' })).toMatchObject({ offset: -1 });
      const consumer = client.consumer();
      consumer.assign([{ topic, partition: 0, offset: 0 }]);
      expect(texts(await read(consumer, 2))).toEqual(['one', 'zero']);
      const plain = client.producer({ isIdempotent: false });
      expect(await plain.send({ topic, value: 'plain' })).toMatchObject({ offset: 2 });
    },
  },
  {
    name: 'puts keys where the Java client would, and asks a partitioner of its own',
    async run(client) {
      const topic = await newTopic(client, 7);
      const keys = Array.from({ length: 50 }, (_, i) => `key-${i}`);
      const producer = client.producer();
      const receipts = await Promise.all(keys.map((key) => producer.send({ topic, key, value: key })));
      expect(receipts.map(({ partition }) => partition)).toEqual(
        keys.map((key) => partitionOfKey(Buffer.from(key), 7)),
      );
      const own = client.producer({ partitioner: ({ partitionCount }) => partitionCount - 1 });
      expect(await own.send({ topic, key: 'any', value: null })).toMatchObject({ partition: 6 });
    },
  },
  {
    name: 'keeps the order of a partition while many batches are under way, each record once',
    async run(client) {
      const topic = await newTopic(client, 1);
      const producer = client.producer({ batchBytes: 512, lingerMs: 0 });
      const count = 5000;
      for (let i = 0; i < count; i++) {
        while (!producer.offer({ topic, value: `${i}` })) await producer.room();
        if (i % 100 === 0) await Promise.resolve();
      }
      await producer.flush();
      const consumer = client.consumer();
      consumer.assign([{ topic, partition: 0, offset: 0 }]);
      const records = await read(consumer, count);
      expect(records.map((record) => Number(record.value?.toString()))).toEqual(
        Array.from({ length: count }, (_, i) => i),
      );
    },
  },
  {
    name: 'says by name and code what a broker refused, and goes on behind it',
    async run(client) {
      const topic = await newTopic(client, 1, { 'max.message.bytes': '2000' });
      const producer = client.producer();
      const refused = await producer.send({ topic, value: Buffer.alloc(10_000, 'x') }).catch((error: unknown) => error);
      expect(refused).toBeInstanceOf(AnswerError);
      expect(refused).toMatchObject({
        code: 'PB_ANSWER',
        errorName: 'MESSAGE_TOO_LARGE',
        errorCode: 10,
        isRetriable: false,
      });
      expect(await producer.send({ topic, value: 'small' })).toMatchObject({ offset: 0 });
      expect(errorCodeOf(await producer.send({ topic: 'no good', value: '' }).catch((error: unknown) => error))).toBe(
        errorCode.INVALID_TOPIC_EXCEPTION,
      );
      await expect(producer.send({ topic, partition: 5, value: '' })).rejects.toThrow('there is no');
    },
  },
  {
    name: 'splits a batch that is too large for the topic and stores all its records in order',
    async run(client) {
      const topic = await newTopic(client, 1, { 'max.message.bytes': '3000' });
      const producer = client.producer({ batchBytes: 12_000, lingerMs: 50 });
      const sent = Array.from({ length: 100 }, (_, i) => `${i}`.padStart(100, '.'));
      const receipts = await Promise.all(sent.map((value) => producer.send({ topic, value })));
      expect(receipts.map(({ offset }) => offset)).toEqual(sent.map((_, i) => i));
      expect(await producer.send({ topic, value: 'after' })).toMatchObject({ offset: 100 });
    },
  },
];

// ── with connections that break ─────────────────────────────────────────────────────────────────────────────────────

/** Plain TCP that breaks now and then, before or after a request went out, as the seed says. */
function breakingDial(prng: Prng, isBreaking: () => boolean): Dial {
  return async (address, timeoutMs) => {
    const socket = await dialTcp(address, timeoutMs);
    const write = socket.write.bind(socket);
    socket.write = (chunk: Uint8Array): boolean => {
      const fate = isBreaking() ? prng.nextInt(12) : 2;
      if (fate === 0) socket.destroy();
      const isTaken = fate === 0 || write(chunk);
      if (fate === 1) setImmediate(() => socket.destroy());
      return isTaken;
    };
    return socket;
  };
}

const breaking: Scenario[] = ([1, 2, 3] as const).map((seed) => ({
  name: `stores each record once and in order while connections break (seed ${seed})`,
  async run(client: Client, address: string) {
    const topic = await newTopic(client, 3);
    let isBreaking = false;
    const shaky = createClient({ brokers: address, dial: breakingDial(new Prng(seed), () => isBreaking) });
    const producer = shaky.producer({ lingerMs: 0, batchBytes: 256, retryBackoffMs: 5, retryBackoffMaxMs: 20 });
    await producer.send({ topic, partition: 0, value: 'start' });
    isBreaking = true;
    const receipts: Promise<RecordReceipt>[] = [];
    for (let i = 0; i < 3000; i++) {
      receipts.push(producer.send({ topic, partition: i % 3, value: `${i}` }));
      if (i % 30 === 0) await receipts.at(-20);
    }
    const settled = await Promise.all(receipts);
    isBreaking = false;
    await shaky.close();
    const consumer = client.consumer();
    consumer.assign(places(topic, 3).map((place) => ({ ...place, offset: 0 })));
    const records = await read(consumer, 3001);
    for (const partition of [0, 1, 2]) {
      const stored = records
        .filter((record) => record.partition === partition)
        .map((record) => record.value?.toString());
      const sent = Array.from({ length: 1000 }, (_, i) => `${i * 3 + partition}`);
      expect(stored).toEqual(partition === 0 ? ['start', ...sent] : sent);
    }
    // Each receipt names the offset at which the record lies; a repeat may not know it any more.
    for (const [i, { partition, offset }] of settled.entries()) {
      if (offset < 0) continue;
      const record = records.find((one) => one.partition === partition && one.offset === offset);
      expect(record?.value?.toString()).toBe(`${i}`);
    }
  },
}));

// ── reading ─────────────────────────────────────────────────────────────────────────────────────────────────────────

const reading: Scenario[] = [
  {
    name: 'seeks to offsets, ends and times, and pauses',
    async run(client) {
      const topic = await newTopic(client, 2);
      const producer = client.producer({ lingerMs: 0 });
      for (let i = 0; i < 10; i++)
        await producer.send({ topic, partition: 0, value: `${i}`, timestamp: 1_700_000_000_000 + i * 1000 });
      await producer.send({ topic, partition: 1, value: 'other' });
      const consumer = client.consumer();
      const [first, second] = places(topic, 2);
      if (first === undefined || second === undefined) throw new Error('there are two');
      consumer.assign([first, second]);
      consumer.seekToBeginning();
      consumer.pause([second]);
      expect(texts(await read(consumer, 10))).toEqual(['0', '1', '2', '3', '4', '5', '6', '7', '8', '9']);
      expect(await consumer.position(first)).toBe(10);
      expect(consumer.lag(first)).toBe(0);
      consumer.seek(first, 8);
      expect(texts(await read(consumer, 2))).toEqual(['8', '9']);
      const [found] = await consumer.offsetsFor([first], 1_700_000_004_500);
      expect(found).toMatchObject({ offset: 5, timestamp: 1_700_000_005_000 });
      consumer.seekToEnd([first]);
      expect(await consumer.position(first)).toBe(10);
      consumer.resume([second]);
      expect(consumer.paused()).toEqual([]);
      expect(texts(await read(consumer, 1))).toEqual(['other']);
    },
  },
  {
    name: 'begins where it is told when the position does not exist',
    async run(client) {
      const topic = await newTopic(client, 1);
      await client.producer().send({ topic, value: 'first' });
      const consumer = client.consumer({ autoOffsetReset: 'earliest' });
      consumer.assign([{ topic, partition: 0, offset: 1000 }]);
      expect(texts(await read(consumer, 1))).toEqual(['first']);
      const strict = client.consumer({ autoOffsetReset: 'none' });
      strict.assign([{ topic, partition: 0, offset: 1000 }]);
      const failure = async (): Promise<unknown> => {
        for (;;) await strict.poll({ timeoutMs: POLL_MS });
      };
      expect(errorCodeOf(await failure().catch((error: unknown) => error))).toBe(errorCode.OFFSET_OUT_OF_RANGE);
    },
  },
  {
    name: 'iterates over records and stops when it is told',
    async run(client) {
      const topic = await newTopic(client, 1);
      const producer = client.producer();
      await Promise.all(Array.from({ length: 20 }, (_, i) => producer.send({ topic, value: `${i}` })));
      const consumer = client.consumer();
      consumer.assign([{ topic, partition: 0, offset: 0 }]);
      const stop = new AbortController();
      const seen: string[] = [];
      for await (const record of consumer.records({ signal: stop.signal })) {
        seen.push(record.value?.toString() ?? '');
        if (seen.length === 15) stop.abort();
      }
      expect(seen).toEqual(Array.from({ length: 15 }, (_, i) => `${i}`));
      expect(await consumer.position({ topic, partition: 0 })).toBe(15);
    },
  },
];

// ── groups ──────────────────────────────────────────────────────────────────────────────────────────────────────────

const kinds: readonly (readonly [string, ConsumerOptions])[] = [
  ...(['range', 'roundrobin', 'cooperative-sticky'] satisfies AssignorName[]).map(
    (assignor): readonly [string, ConsumerOptions] => [
      `classic, ${assignor}`,
      { groupProtocol: 'classic', assignors: [assignor] },
    ],
  ),
  ['broker-assigned', { groupProtocol: 'consumer' }],
];

const inGroups: Scenario[] = kinds.flatMap(([kind, options]) => [
  {
    name: `shares a topic among members that come and go (${kind})`,
    async run(client: Client) {
      const topic = await newTopic(client, 6);
      const groupId = `group-${randomUUID()}`;
      const join = (): RecordConsumer => {
        const consumer = client.consumer({ ...EARLIEST, ...options, groupId });
        consumer.subscribe([topic]);
        return consumer;
      };
      const members = [join(), join()];
      await pollUntil(members, () => isSplit(members, 6));
      members.push(join());
      await pollUntil(members, () => isSplit(members, 6) && members.every((one) => one.assignment().length === 2));
      await members.shift()?.close();
      await pollUntil(members, () => isSplit(members, 6));
    },
  },
  {
    name: `goes on where the group stood, and tells of partitions before they move (${kind})`,
    async run(client: Client) {
      const topic = await newTopic(client, 3);
      const groupId = `group-${randomUUID()}`;
      const producer = client.producer();
      const send = (from: number) =>
        Promise.all(
          Array.from({ length: 30 }, (_, i) => producer.send({ topic, partition: i % 3, value: `${from + i}` })),
        );
      await send(0);
      const told: string[] = [];
      const first = client.consumer({
        ...EARLIEST,
        ...options,
        groupId,
        onAssigned: (partitions) => void told.push(`+${partitions.length}`),
        onRevoked: (partitions) => void told.push(`-${partitions.length}`),
      });
      first.subscribe([topic]);
      expect(await read(first, 30)).toHaveLength(30);
      await first.close();
      expect(told.at(0)).toBe('+3');
      expect(told.at(-1)).toBe('-3');
      await send(100);
      const second = client.consumer({ ...EARLIEST, ...options, groupId, autoCommit: false });
      second.subscribe([topic]);
      const records = await read(second, 30);
      expect(texts(records)).toEqual(Array.from({ length: 30 }, (_, i) => `${100 + i}`).sort());
      await second.commit([{ topic, partition: 1, offset: 12, metadata: 'half' }]);
      const committed = await second.committed(places(topic, 3));
      expect(committed.sort((one, other) => one.partition - other.partition)).toMatchObject([
        { partition: 0, offset: 10 },
        { partition: 1, offset: 12, metadata: 'half' },
        { partition: 2, offset: 10 },
      ]);
      await second.commit();
      expect((await second.committed(places(topic, 3))).map(({ offset }) => offset)).toEqual([20, 20, 20]);
    },
  },
]);

const moreGroups: Scenario[] = [
  ...(['classic', 'consumer'] as const).map((groupProtocol) => ({
    name: `finds topics by regular expression, those made later too (${groupProtocol})`,
    async run(client: Client) {
      const prefix = `match-${randomUUID()}`;
      const admin = client.admin();
      await admin.createTopic({ name: `${prefix}-1`, partitions: 1, replicationFactor: 1 });
      const groupId = `group-${randomUUID()}`;
      const consumer = client.consumer({ ...EARLIEST, groupProtocol, groupId, metadataAgeMsMax: 300 });
      consumer.subscribe(new RegExp(`^${prefix}-\\d$`));
      await pollUntil([consumer], () => consumer.assignment().length === 1);
      await admin.createTopic({ name: `${prefix}-2`, partitions: 2, replicationFactor: 1 });
      await admin.createTopic({ name: `${prefix}-x`, partitions: 1, replicationFactor: 1 });
      await pollUntil([consumer], () => consumer.assignment().length === 3);
      expect(consumer.assignment().map(({ topic }) => topic)).not.toContain(`${prefix}-x`);
    },
  })),
  {
    name: 'gives a static member its partitions back without a rebalance',
    async run(client) {
      const topic = await newTopic(client, 4);
      const groupId = `group-${randomUUID()}`;
      const join = (groupInstanceId: string): RecordConsumer => {
        const consumer = client.consumer({ ...EARLIEST, groupId, groupInstanceId, assignors: ['range'] });
        consumer.subscribe([topic]);
        return consumer;
      };
      const one = join('one');
      const two = join('two');
      await pollUntil([one, two], () => isSplit([one, two], 4));
      const held = one.assignment();
      const { generationId } = two.groupIdentity();
      await one.close();
      const again = join('one');
      await pollUntil([again, two], () => again.assignment().length === 2);
      expect(again.assignment()).toEqual(held);
      expect(two.groupIdentity().generationId).toBe(generationId);
    },
  },
];

// ── transactions ────────────────────────────────────────────────────────────────────────────────────────────────────

export const transactionScenarios: readonly Scenario[] = [
  {
    name: 'shows committed transactions only to readers of committed records',
    async run(client) {
      const topic = await newTopic(client, 2);
      const producer = client.producer({ transactionalId: `tx-${randomUUID()}`, lingerMs: 0 });
      await producer.initTransactions();
      for (const [name, isCommit] of [
        ['a', true],
        ['b', false],
        ['c', true],
        ['d', false],
      ] as const) {
        producer.beginTransaction();
        await Promise.all([0, 1].map((partition) => producer.send({ topic, partition, value: `${name}${partition}` })));
        if (isCommit) await producer.commitTransaction();
        else await producer.abortTransaction();
      }
      await client.producer().send({ topic, partition: 0, value: 'plain' });
      const committed = client.consumer({ isolation: 'read_committed' });
      committed.assign(places(topic, 2).map((one) => ({ ...one, offset: 0 })));
      expect(texts(await read(committed, 5))).toEqual(['a0', 'a1', 'c0', 'c1', 'plain']);
      const everything = client.consumer();
      everything.assign(places(topic, 2).map((one) => ({ ...one, offset: 0 })));
      expect(await read(everything, 9)).toHaveLength(9);
    },
  },
  {
    name: 'holds undecided records back, and lets them go with the commit',
    async run(client) {
      const topic = await newTopic(client, 1);
      const producer = client.producer({ transactionalId: `tx-${randomUUID()}`, lingerMs: 0 });
      await producer.initTransactions();
      producer.beginTransaction();
      await producer.send({ topic, value: 'undecided' });
      const consumer = client.consumer({ isolation: 'read_committed' });
      consumer.assign([{ topic, partition: 0, offset: 0 }]);
      expect(await consumer.poll({ timeoutMs: 700 })).toBeNull();
      await producer.commitTransaction();
      expect(texts(await read(consumer, 1))).toEqual(['undecided']);
    },
  },
  ...(['classic', 'consumer'] as const).map((groupProtocol) => ({
    name: `makes a consumer's progress part of a transaction (${groupProtocol})`,
    async run(client: Client) {
      const [input, output] = [await newTopic(client, 1), await newTopic(client, 1)];
      const groupId = `group-${randomUUID()}`;
      await client.producer().send({ topic: input, value: 'x' });
      const consumer = client.consumer({ ...EARLIEST, groupId, groupProtocol, autoCommit: false });
      consumer.subscribe([input]);
      await read(consumer, 1);
      const producer = client.producer({ transactionalId: `tx-${randomUUID()}` });
      await producer.initTransactions();
      const place = { topic: input, partition: 0 };
      producer.beginTransaction();
      await producer.send({ topic: output, value: 'X' });
      await producer.sendOffsets([{ ...place, offset: 1 }], consumer.groupIdentity());
      await producer.abortTransaction();
      expect(await consumer.committed([place])).toEqual([]);
      await producer.inTransaction(async () => {
        await producer.send({ topic: output, value: 'Y' });
        await producer.sendOffsets([{ ...place, offset: 1, metadata: 'done' }], consumer.groupIdentity());
      });
      expect(await consumer.committed([place])).toMatchObject([{ offset: 1, metadata: 'done' }]);
      const reader = client.consumer({ isolation: 'read_committed' });
      reader.assign([{ topic: output, partition: 0, offset: 0 }]);
      expect(texts(await read(reader, 1))).toEqual(['Y']);
    },
  })),
  {
    name: 'fences a producer whose transactional id another one took',
    async run(client) {
      const topic = await newTopic(client, 1);
      const transactionalId = `tx-${randomUUID()}`;
      const old = client.producer({ transactionalId });
      await old.initTransactions();
      old.beginTransaction();
      await old.send({ topic, value: 'old' });
      const young = client.producer({ transactionalId });
      await young.initTransactions();
      expect(errorCodeOf(await old.commitTransaction().catch((error: unknown) => error))).toBe(
        errorCode.PRODUCER_FENCED,
      );
      expect(() => old.beginTransaction()).toThrow('PRODUCER_FENCED');
      young.beginTransaction();
      await young.send({ topic, value: 'young' });
      await young.commitTransaction();
      const reader = client.consumer({ isolation: 'read_committed' });
      reader.assign([{ topic, partition: 0, offset: 0 }]);
      expect(texts(await read(reader, 1))).toEqual(['young']);
    },
  },
];

// ── admin ───────────────────────────────────────────────────────────────────────────────────────────────────────────

const administering: Scenario[] = [
  {
    name: 'creates, grows, describes and deletes topics, with an outcome for each',
    async run(client) {
      const { topics } = client.admin();
      const name = `admin-${randomUUID()}`;
      const asked = [{ name, partitions: 2, replicationFactor: 1, configs: { 'retention.ms': '3600000' } }];
      expect(await topics.create(asked, { validateOnly: true })).toMatchObject([{ name, error: null }]);
      expect(await topics.create(asked)).toMatchObject([{ name, partitions: 2, replicationFactor: 1, error: null }]);
      expect(await topics.create(asked)).toMatchObject([{ error: { errorName: 'TOPIC_ALREADY_EXISTS' } }]);
      demand(await topics.grow([{ name, total: 5 }]));
      expect(await topics.grow([{ name, total: 3 }])).toMatchObject([{ error: { errorName: 'INVALID_PARTITIONS' } }]);
      const partitionCount = async (): Promise<number> =>
        (await topics.describe([name]))[0]?.topic?.partitions.length ?? 0;
      expect(await eventually(partitionCount, (count) => count === 5)).toBe(5);
      const [missing] = await topics.describe(['nowhere']);
      expect(missing).toMatchObject({ topic: null, error: { errorName: 'UNKNOWN_TOPIC_OR_PARTITION' } });
      expect((await topics.list()).map((topic) => topic.name)).toContain(name);
      demand(await topics.delete([name]));
      const isListed = async (): Promise<boolean> => (await topics.list()).some((topic) => topic.name === name);
      expect(await eventually(isListed, (listed) => !listed)).toBe(false);
    },
  },
  {
    name: 'describes and changes settings',
    async run(client) {
      const topic = await newTopic(client, 1, { 'retention.ms': '3600000' });
      const { configs } = client.admin();
      const resource = { type: 'topic', name: topic } as const;
      const names = ['retention.ms', 'cleanup.policy'];
      const [before] = demand(await configs.describe([resource], { names, includeSynonyms: true }));
      expect(before?.entries.find(({ name }) => name === 'retention.ms')).toMatchObject({
        value: '3600000',
        source: 'topic',
        type: 'long',
      });
      const changes = [
        { name: 'retention.ms', value: '7200000' },
        { name: 'cleanup.policy', operation: 'append', value: 'compact' },
      ] as const;
      demand(await configs.alter([{ ...resource, changes }]));
      const [after] = demand(await configs.describe([resource], { names }));
      const values = new Map(after?.entries.map(({ name, value }) => [name, value]));
      expect(values.get('retention.ms')).toBe('7200000');
      expect(values.get('cleanup.policy')?.split(',').sort()).toEqual(['compact', 'delete']);
      demand(await configs.alter([{ ...resource, changes: [{ name: 'retention.ms', operation: 'delete' }] }]));
      const [reset] = demand(await configs.describe([resource], { names: ['retention.ms'] }));
      expect(reset?.entries).toMatchObject([{ value: '604800000' }]);
      expect(await configs.alter([{ ...resource, changes: [{ name: 'no.such', value: '1' }] }])).toMatchObject([
        { error: { errorName: 'INVALID_CONFIG' } },
      ]);
    },
  },
  {
    name: 'finds offsets by time and deletes records before one',
    async run(client) {
      const topic = await newTopic(client, 1);
      const producer = client.producer({ lingerMs: 0 });
      for (let i = 0; i < 5; i++) await producer.send({ topic, value: `${i}`, timestamp: 1_700_000_000_000 + i });
      const { partitionRecords, logDirs } = client.admin();
      const place = { topic, partition: 0 };
      const wished = (['earliest', 'latest', 'max-timestamp', 1_700_000_000_003] as const).map((time) => ({
        ...place,
        time,
      }));
      expect((await partitionRecords.findOffsets(wished)).map(({ offset }) => offset)).toEqual([0, 5, 4, 3]);
      expect(await partitionRecords.deleteBefore([{ ...place, offset: 2 }])).toEqual([
        { ...place, lowWatermark: 2, error: null },
      ]);
      expect(await partitionRecords.findOffsets([{ ...place, time: 'earliest' }])).toMatchObject([{ offset: 2 }]);
      expect(await partitionRecords.deleteBefore([{ ...place, offset: 50 }])).toMatchObject([
        { error: { errorName: 'OFFSET_OUT_OF_RANGE' } },
      ]);
      const [producers] = await partitionRecords.describeProducers([place]);
      expect(producers?.producers).toMatchObject([{ producerEpoch: 0, lastSequence: 4, transactionStartOffset: -1 }]);
      const [dir] = await logDirs.describe([place]);
      expect(dir?.partitions).toMatchObject([{ topic, partition: 0 }]);
      expect(dir?.partitions[0]?.bytes).toBeGreaterThan(0);
    },
  },
  ...(['classic', 'consumer'] as const).map((groupProtocol) => ({
    name: `lists, describes, rewinds and deletes groups (${groupProtocol})`,
    async run(client: Client) {
      const topic = await newTopic(client, 2);
      const groupId = `group-${randomUUID()}`;
      const producer = client.producer();
      await Promise.all(
        Array.from({ length: 10 }, (_, i) => producer.send({ topic, partition: i % 2, value: `${i}` })),
      );
      const consumer = client.consumer({ ...EARLIEST, groupProtocol, groupId });
      consumer.subscribe([topic]);
      await read(consumer, 10);
      await consumer.commit();
      const { groups, groupPositions } = client.admin();
      expect(await groups.list()).toContainEqual({
        groupId,
        type: groupProtocol,
        state: 'Stable',
        protocolType: 'consumer',
      });
      const [described] = await groups.describe([groupId]);
      expect(described).toMatchObject({ type: groupProtocol, state: 'Stable', error: null });
      expect(described?.members).toMatchObject([{ clientId: 'scenario', subscribedTopics: [topic] }]);
      expect(described?.members[0]?.assignment).toHaveLength(2);
      expect(await groups.delete([groupId])).toMatchObject([{ error: { errorName: 'NON_EMPTY_GROUP' } }]);
      await consumer.close();
      const rewound = [{ topic, partition: 0, offset: 2, metadata: 'rewound' }];
      await groupPositions.alter(groupId, rewound);
      const positions = await groupPositions.listWithLag(groupId);
      expect(positions.find(({ partition }) => partition === 0)).toMatchObject({
        offset: 2,
        endOffset: 5,
        lag: 3,
        metadata: 'rewound',
      });
      expect(await groupPositions.delete(groupId, [{ topic, partition: 1 }])).toMatchObject([{ error: null }]);
      expect(await groupPositions.list(groupId)).toHaveLength(1);
      expect(await groups.delete([groupId, `${groupId}-no`])).toMatchObject([
        { error: null },
        { error: { errorName: 'GROUP_ID_NOT_FOUND' } },
      ]);
      expect((await groups.describe([groupId]))[0]).toMatchObject({
        state: 'Dead',
        error: { errorName: 'GROUP_ID_NOT_FOUND' },
      });
    },
  })),
  {
    name: 'lists, describes and ends transactions',
    async run(client) {
      const topic = await newTopic(client, 1);
      const transactionalId = `tx-${randomUUID()}`;
      const producer = client.producer({ transactionalId });
      await producer.initTransactions();
      producer.beginTransaction();
      await producer.send({ topic, value: 'open' });
      const admin = client.admin();
      const listed = await admin.transactions.list({ states: ['Ongoing'] });
      expect(listed.map((one) => one.transactionalId)).toContain(transactionalId);
      const [open, none] = await admin.transactions.describe([transactionalId, `${transactionalId}-no`]);
      expect(open).toMatchObject({ state: 'Ongoing', partitions: [{ topic, partition: 0 }], error: null });
      expect(none).toMatchObject({ error: { errorName: 'TRANSACTIONAL_ID_NOT_FOUND' } });
      const [producers] = await admin.partitionRecords.describeProducers([{ topic, partition: 0 }]);
      expect(producers?.producers).toMatchObject([{ transactionStartOffset: 0 }]);
      await admin.transactions.takeOver(transactionalId);
      expect(errorCodeOf(await producer.commitTransaction().catch((error: unknown) => error))).toBe(
        errorCode.PRODUCER_FENCED,
      );
    },
  },
  {
    name: 'describes the cluster, its features and its versions',
    async run(client) {
      const { cluster } = client.admin();
      const described = await cluster.describe();
      expect(described.brokers).toHaveLength(1);
      expect(described.controllerId).toBe(described.brokers[0]?.nodeId);
      const [apis] = await cluster.apis();
      expect(apis?.apis.find(({ key }) => key === 0)).toEqual({ key: 0, min: 0, max: 13 });
      expect(apis?.features.map(({ name }) => name)).toContain('transaction.version');
      expect(await cluster.quorum()).toMatchObject({ leaderId: described.controllerId });
      const topic = await newTopic(client, 1);
      expect(await cluster.electLeaders([{ topic, partition: 0 }])).toMatchObject([
        { error: { errorName: 'ELECTION_NOT_NEEDED' } },
      ]);
    },
  },
];

const closing: Scenario[] = [
  {
    name: 'leaves no connection open behind it, and says so to whoever goes on',
    async run(client, address) {
      const topic = await newTopic(client, 1);
      const sockets: Duplex[] = [];
      const dial: Dial = async (place, timeoutMs) => {
        const socket = await dialTcp(place, timeoutMs);
        sockets.push(socket);
        return socket;
      };
      const own = createClient({ brokers: address, dial });
      const producer = own.producer();
      const waiting = producer.send({ topic, value: 'sent by closing' });
      const consumer = own.consumer({ ...EARLIEST, groupId: `group-${randomUUID()}` });
      consumer.subscribe([topic]);
      await consumer.poll({ timeoutMs: POLL_MS });
      await own.admin().cluster.describe();
      await own.close();
      expect(await waiting).toMatchObject({ offset: 0 });
      expect(sockets.length).toBeGreaterThan(3);
      expect(sockets.map((socket) => socket.destroyed)).toEqual(sockets.map(() => true));
      await expect(producer.send({ topic, value: '' })).rejects.toMatchObject({ code: 'PB_CLOSED' });
      await expect(consumer.poll()).rejects.toMatchObject({ code: 'PB_CLOSED' });
    },
  },
];

const limiting: Scenario[] = [
  {
    name: 'sets, describes and removes quotas',
    async run(client) {
      const { quotas } = client.admin();
      const entity = { 'client-id': `client-${randomUUID()}` };
      demand(await quotas.alter([{ entity, values: { producer_byte_rate: 1_000_000 } }]));
      const filter = { entity: { 'client-id': { name: entity['client-id'] } } } as const;
      const seen = await eventually(
        () => quotas.describe(filter),
        (found) => found.length > 0,
      );
      expect(seen).toEqual([{ entity, values: { producer_byte_rate: 1_000_000 } }]);
      demand(await quotas.alter([{ entity, values: { producer_byte_rate: null } }]));
    },
  },
];

export const scenarios: readonly Scenario[] = [
  ...producing,
  ...breaking,
  ...reading,
  ...inGroups,
  ...moreGroups,
  ...transactionScenarios,
  ...administering,
  ...limiting,
  ...closing,
];
