/** Behaviours 9 to 20: what a produce may contain, what becomes of it, and what idempotent producers can rely on. */
import { describe, expect, test } from 'vitest';
import { produce } from '../../src/protocol/schemas/00-produce.ts';
import { initProducerId } from '../../src/protocol/schemas/22-init-producer-id.ts';
import { partitionFolder } from '../support/broker-in-one-thread.ts';
import { FAKE_START_MS } from '../support/fake-clock.ts';
import type { SimulatedClient } from '../support/simulated-client.ts';
import {
  type BatchWish,
  batchesIn,
  batchOf,
  createTopic,
  fetchFrom,
  type ProducedPartition,
  produceRequest,
  produceTo,
  recordsIn,
  reseal,
  type Topic,
} from '../support/simulated-deeds.ts';
import { TransactionalProducer } from '../support/transactional-producer.ts';
import { restart, startRig } from './behaviour-rig.ts';

const CORRUPT_MESSAGE = 2;
const MESSAGE_TOO_LARGE = 10;
const RECORD_LIST_TOO_LARGE = 18;
const INVALID_TIMESTAMP = 32;
const OUT_OF_ORDER_SEQUENCE_NUMBER = 45;
const INVALID_PRODUCER_EPOCH = 47;
const INVALID_TXN_STATE = 48;
const TRANSACTION_ABORTABLE = 120;
const TRANSACTIONAL_ID_AUTHORIZATION_FAILED = 53;
const NOT_ENOUGH_REPLICAS = 19;
const UNSUPPORTED_COMPRESSION_TYPE = 76;
const INVALID_RECORD = 87;

const CODECS = { none: 0, gzip: 1, snappy: 2, lz4: 3, zstd: 4 } as const;

function changed(batch: Uint8Array<ArrayBuffer>, change: (view: DataView) => void): Uint8Array<ArrayBuffer> {
  change(new DataView(batch.buffer));
  return batch;
}

function codecOf(batch: Uint8Array | undefined): number {
  return (batch?.[22] ?? -1) & 7;
}

describe('behaviour 9: a partition takes exactly one batch of format 2', () => {
  test('older formats, several batches, none, and a cut one are refused, and other partitions are not harmed', async () => {
    const { client } = await startRig();
    const topic = await createTopic(client, 'orders', { partitions: 6 });
    const old = changed(batchOf(), (view) => view.setInt8(16, 1));
    const parts = [
      { partition: 0, records: old },
      { partition: 1, records: Uint8Array.from([...batchOf(), ...batchOf()]) },
      { partition: 2, records: new Uint8Array(0) },
      { partition: 3, records: null },
      { partition: 4, records: batchOf().slice(0, 70) },
      { partition: 5, records: batchOf() },
    ];
    const answer = await client.ask(produce, 9, produceRequest(topic, parts));
    const codes = answer.topics[0]?.partitions.map(({ errorCode }) => errorCode);
    expect(codes?.slice(0, 4)).toEqual([INVALID_RECORD, INVALID_RECORD, INVALID_RECORD, INVALID_RECORD]);
    expect([CORRUPT_MESSAGE, INVALID_RECORD]).toContain(codes?.[4]);
    expect(codes?.[5]).toBe(0);
    expect(answer.topics[0]?.partitions[0]?.errorMessage).toMatch(/format/);
  });

  test('zstd is UNSUPPORTED_COMPRESSION_TYPE for a produce below version 7', async () => {
    const { client } = await startRig();
    const topic = await createTopic(client, 'orders');
    const batch = batchOf({ codec: CODECS.zstd, count: 5 });
    expect((await produceTo(client, topic, batch, { version: 6 })).errorCode).toBe(UNSUPPORTED_COMPRESSION_TYPE);
    expect((await produceTo(client, topic, batch, { version: 7 })).errorCode).toBe(0);
  });
});

test('behaviour 10: a wrong checksum or payload that does not decompress is CORRUPT_MESSAGE for that partition alone', async () => {
  const { client } = await startRig();
  const topic = await createTopic(client, 'orders', { partitions: 7 });
  const garbled = (codec: number) =>
    reseal(changed(batchOf({ codec, count: 9 }), (view) => view.setInt32(61, 0x12345)));
  const parts = [
    { partition: 0, records: changed(batchOf(), (view) => view.setInt8(70, 1)) },
    ...[CODECS.gzip, CODECS.snappy, CODECS.lz4, CODECS.zstd].map((codec, index) => ({
      partition: index + 1,
      records: garbled(codec),
    })),
    { partition: 5, records: batchOf() },
    { partition: 6, records: reseal(changed(batchOf(), (view) => view.setInt16(21, 5))) },
  ];
  const answer = await client.ask(produce, 9, produceRequest(topic, parts));
  const codes = answer.topics[0]?.partitions.map(({ errorCode }) => errorCode);
  expect(codes?.[0]).toBe(CORRUPT_MESSAGE);
  expect(codes?.[5]).toBe(0);
  expect(codes?.[6]).not.toBe(0);
  // Whether compressed bytes are looked into is the topic's choice of work: where they are not, they are stored as they came.
  for (const code of codes?.slice(1, 5) ?? []) expect([0, CORRUPT_MESSAGE]).toContain(code);
});

test('behaviour 10: where the broker has to look into the payload, one that does not decompress is CORRUPT_MESSAGE', async () => {
  const { client } = await startRig();
  const topic = await createTopic(client, 'orders', { partitions: 2, configs: { 'compression.type': 'zstd' } });
  for (const codec of [CODECS.gzip, CODECS.snappy, CODECS.lz4]) {
    const records = reseal(changed(batchOf({ codec, count: 9 }), (view) => view.setInt32(61, 0x12345)));
    const parts = [
      { partition: 0, records },
      { partition: 1, records: batchOf() },
    ];
    const answer = await client.ask(produce, 9, produceRequest(topic, parts));
    expect(answer.topics[0]?.partitions.map(({ errorCode }) => errorCode)).toEqual([CORRUPT_MESSAGE, 0]);
  }
});

test('behaviour 11: a count that does not fit the offsets, a base offset, and control batches of clients are INVALID_RECORD', async () => {
  const { client } = await startRig();
  const topic = await createTopic(client, 'orders');
  const wrong = [
    reseal(changed(batchOf({ count: 3 }), (view) => view.setInt32(23, 5))),
    reseal(changed(batchOf({ count: 3 }), (view) => view.setInt32(57, 2))),
    reseal(changed(batchOf({ count: 3 }), (view) => view.setInt32(57, 0))),
    reseal(changed(batchOf({ count: 3 }), (view) => view.setInt32(57, -1))),
    batchOf({ isControl: true, producerId: 5, producerEpoch: 0, baseSequence: 0 }),
  ];
  for (const batch of wrong) expect((await produceTo(client, topic, batch)).errorCode).toBe(INVALID_RECORD);
  expect((await fetchFrom(client, topic, 0)).highWatermark).toBe(0);
});

describe('behaviour 12: timestamps outside of message.timestamp.before/after.max.ms', () => {
  const configs = { 'message.timestamp.before.max.ms': '10000', 'message.timestamp.after.max.ms': '5000' };

  test('are INVALID_TIMESTAMP, with the index of the record and a sentence from version 8 on', async () => {
    const { client } = await startRig();
    const topic = await createTopic(client, 'orders', { configs });
    const early = batchOf({ timestamps: [FAKE_START_MS, FAKE_START_MS - 10_001] });
    const answer = await produceTo(client, topic, early, { version: 8 });
    expect(answer.errorCode).toBe(INVALID_TIMESTAMP);
    expect(answer.recordErrors.map(({ batchIndex }) => batchIndex)).toEqual([1]);
    expect(answer.recordErrors[0]?.message).toMatch(/message\.timestamp\.before\.max\.ms/);
    expect(answer.errorMessage).toMatch(/timestamp/);
    const late = batchOf({ timestamps: [FAKE_START_MS + 5001] });
    expect((await produceTo(client, topic, late, { version: 7 })).errorCode).toBe(INVALID_TIMESTAMP);
  });

  test('their bounds belong to what is taken', async () => {
    const { client } = await startRig();
    const topic = await createTopic(client, 'orders', { configs });
    const batch = batchOf({ timestamps: [FAKE_START_MS - 10_000, FAKE_START_MS + 5000] });
    expect((await produceTo(client, topic, batch)).errorCode).toBe(0);
  });

  test('do not matter where the broker stamps its own time', async () => {
    const { client } = await startRig();
    const more = { ...configs, 'message.timestamp.type': 'LogAppendTime' };
    const topic = await createTopic(client, 'orders', { configs: more });
    expect((await produceTo(client, topic, batchOf({ timestamps: [7] }))).errorCode).toBe(0);
  });
});

test('behaviour 13: a record without a key on a compacted topic is INVALID_RECORD with its index', async () => {
  const { client } = await startRig();
  const topic = await createTopic(client, 'orders', { configs: { 'cleanup.policy': 'compact' } });
  for (const codec of [CODECS.none, CODECS.lz4]) {
    const batch = batchOf({ count: 3, keys: ['a', null, 'c'], codec });
    const answer = await produceTo(client, topic, batch, { version: 8 });
    expect(answer.errorCode).toBe(INVALID_RECORD);
    expect(answer.recordErrors.map(({ batchIndex }) => batchIndex)).toEqual([1]);
  }
  expect((await produceTo(client, topic, batchOf({ count: 2, keys: ['a', 'b'] }))).errorCode).toBe(0);
});

describe('behaviour 14: the size of a batch', () => {
  test('above max.message.bytes is MESSAGE_TOO_LARGE, and the topic’s limit goes before the broker’s', async () => {
    const { client } = await startRig({ sets: ['message.max.bytes=2000'] });
    const small = await createTopic(client, 'small', { configs: { 'max.message.bytes': '1000' } });
    const plain = await createTopic(client, 'plain');
    const large = await createTopic(client, 'large', { configs: { 'max.message.bytes': '3000' } });
    const codes = async (topic: Topic) => [
      (await produceTo(client, topic, batchOf({ valueBytes: 800 }))).errorCode,
      (await produceTo(client, topic, batchOf({ valueBytes: 1500 }))).errorCode,
      (await produceTo(client, topic, batchOf({ valueBytes: 2500 }))).errorCode,
    ];
    expect(await codes(small)).toEqual([0, MESSAGE_TOO_LARGE, MESSAGE_TOO_LARGE]);
    expect(await codes(plain)).toEqual([0, 0, MESSAGE_TOO_LARGE]);
    expect(await codes(large)).toEqual([0, 0, 0]);
    const exact = batchOf({ valueBytes: 1000 - batchOf({ valueBytes: 1000 }).length + 1000 });
    expect(exact.length).toBe(1000);
    expect((await produceTo(client, small, exact)).errorCode).toBe(0);
  });

  test('above segment.bytes is RECORD_LIST_TOO_LARGE', async () => {
    const { client } = await startRig();
    const configs = { 'segment.bytes': '1048576', 'max.message.bytes': '4000000' };
    const topic = await createTopic(client, 'orders', { configs });
    const answer = await produceTo(client, topic, batchOf({ valueBytes: 1_500_000 }));
    expect(answer.errorCode).toBe(RECORD_LIST_TOO_LARGE);
    expect((await produceTo(client, topic, batchOf({ valueBytes: 1_000_000 }))).errorCode).toBe(0);
  });
});

describe('behaviour 15: who sets the time', () => {
  test.each([0, CODECS.lz4])(
    'LogAppendTime changes type, largest time and checksum, and tells the time (codec %i)',
    async (codec) => {
      const { broker, client } = await startRig();
      const topic = await createTopic(client, 'orders', { configs: { 'message.timestamp.type': 'LogAppendTime' } });
      const answer = await produceTo(client, topic, batchOf({ timestamps: [5, 6, 7], codec }));
      expect(answer).toMatchObject({ errorCode: 0, logAppendTimeMs: broker.nowMs });
      const { records } = await fetchFrom(client, topic, 0);
      const batch = batchesIn(records)[0]!;
      expect(batch[22]! & 8).toBe(8);
      const stored = new DataView(batch.buffer).getUint32(17);
      expect(new DataView(reseal(Uint8Array.from(batch)).buffer).getUint32(17)).toBe(stored);
      expect(recordsIn(records).map((record) => record.timestamp)).toEqual(Array(3).fill(broker.nowMs));
    },
  );

  test('CreateTime keeps the producer’s times and answers -1', async () => {
    const { client } = await startRig();
    const topic = await createTopic(client, 'orders');
    expect((await produceTo(client, topic, batchOf({ timestamps: [5, 9, 7] }))).logAppendTimeMs).toBe(-1);
    const { records } = await fetchFrom(client, topic, 0);
    expect(recordsIn(records).map((record) => record.timestamp)).toEqual([5, 9, 7]);
  });
});

describe('behaviour 16: compression.type', () => {
  test('producer stores the bytes as they came, but for offset and epoch', async () => {
    const { client, world } = await startRig();
    const topic = await createTopic(client, 'orders');
    const batches = Object.values(CODECS).map((codec) => batchOf({ codec, count: 4 }));
    for (const batch of batches) expect((await produceTo(client, topic, batch)).errorCode).toBe(0);
    const stored = batchesIn(world.disk.contentOf(`${partitionFolder('orders', 0)}/00000000000000000000.log`));
    expect(stored.map((batch) => Buffer.from(batch.slice(16)).toString('hex'))).toEqual(
      batches.map((batch) => Buffer.from(batch.slice(16)).toString('hex')),
    );
  });

  test.each([
    ['gzip', CODECS.gzip],
    ['snappy', CODECS.snappy],
    ['lz4', CODECS.lz4],
    ['zstd', CODECS.zstd],
    ['uncompressed', CODECS.none],
  ])('%s makes all batches so, those that came without compression too', async (name, wanted) => {
    const { client } = await startRig();
    const topic = await createTopic(client, 'orders', { configs: { 'compression.type': name } });
    for (const codec of Object.values(CODECS)) {
      const batch = batchOf({ codec, count: 10, fill: codec, valueBytes: 300 });
      expect((await produceTo(client, topic, batch)).errorCode).toBe(0);
    }
    const { records } = await fetchFrom(client, topic, 0);
    expect(batchesIn(records).map(codecOf)).toEqual(Array(5).fill(wanted));
    expect(recordsIn(records).map((record) => [record.offset, record.value?.[0], record.value?.length])).toEqual(
      Array.from({ length: 50 }, (_, index) => [index, Math.floor(index / 10), 300]),
    );
  });

  test('keeps the order of a partition while large batches are in the background and small ones follow', async () => {
    const { broker, client } = await startRig();
    const topic = await createTopic(client, 'orders', { configs: { 'compression.type': 'gzip' } });
    broker.isBackgroundWorking = false;
    for (let round = 0; round < 8; round++) {
      const valueBytes = round % 2 === 0 ? 60_000 : 50;
      const records = batchOf({ fill: round, valueBytes });
      client.send(produce, 9, produceRequest(topic, [{ partition: 0, records }]));
    }
    await broker.settle();
    expect(client.hasAnswer).toBe(false);
    broker.isBackgroundWorking = true;
    await broker.settle();
    for (let round = 0; round < 8; round++) {
      expect(client.receive(produce, 9).topics[0]?.partitions[0]?.baseOffset).toBe(round);
    }
    const { records } = await fetchFrom(client, topic, 0);
    expect(recordsIn(records).map((record) => record.value?.[0])).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  });

  test('goes together with LogAppendTime, and with idempotent producers', async () => {
    const { broker, client } = await startRig();
    const configs = { 'compression.type': 'lz4', 'message.timestamp.type': 'LogAppendTime' };
    const topic = await createTopic(client, 'orders', { configs });
    const producer = { producerId: 77, producerEpoch: 0, baseSequence: 0 };
    const batch = batchOf({ ...producer, count: 3, timestamps: [1, 2, 3] });
    const first = await produceTo(client, topic, batch);
    expect(first).toMatchObject({ errorCode: 0, baseOffset: 0, logAppendTimeMs: broker.nowMs });
    const firstMs = broker.nowMs;
    await broker.pass(100);
    const again = await produceTo(client, topic, batch);
    expect(again).toMatchObject({ errorCode: 0, baseOffset: 0, logAppendTimeMs: firstMs });
    const { records } = await fetchFrom(client, topic, 0);
    expect(recordsIn(records).map((record) => record.timestamp)).toEqual([firstMs, firstMs, firstMs]);
    expect(batchesIn(records).map(codecOf)).toEqual([CODECS.lz4]);
  });
});

/** An idempotent producer over one partition. */
class Producer {
  epoch = 0;
  readonly id: number;
  private readonly client: SimulatedClient;
  private readonly topic: Topic;

  constructor(client: SimulatedClient, topic: Topic, id: number) {
    this.client = client;
    this.topic = topic;
    this.id = id;
  }

  static async create(client: SimulatedClient, topic: Topic): Promise<Producer> {
    const given = await client.ask(initProducerId, 4, { transactionalId: null, transactionTimeoutMs: 0 });
    expect(given.errorCode).toBe(0);
    return new Producer(client, topic, given.producerId);
  }

  send(baseSequence: number, count = 1, more: BatchWish = {}): Promise<ProducedPartition> {
    const identity = { producerId: this.id, producerEpoch: this.epoch, baseSequence, count };
    return produceTo(this.client, this.topic, batchOf({ ...identity, ...more }));
  }
}

describe('behaviour 17: a batch that is sent again', () => {
  test('is answered with its first offset as long as it is among the last five, and not stored again', async () => {
    const { client } = await startRig();
    const topic = await createTopic(client, 'orders');
    const producer = await Producer.create(client, topic);
    for (let batch = 0; batch < 7; batch++) expect((await producer.send(batch * 2, 2)).baseOffset).toBe(batch * 2);
    for (let batch = 2; batch < 7; batch++) {
      expect(await producer.send(batch * 2, 2)).toMatchObject({ errorCode: 0, baseOffset: batch * 2 });
    }
    expect((await producer.send(2, 2)).errorCode).toBe(OUT_OF_ORDER_SEQUENCE_NUMBER);
    expect((await producer.send(12, 1)).errorCode).toBe(OUT_OF_ORDER_SEQUENCE_NUMBER);
    expect((await producer.send(99)).errorCode).toBe(OUT_OF_ORDER_SEQUENCE_NUMBER);
    expect(await producer.send(14)).toMatchObject({ errorCode: 0, baseOffset: 14 });
    expect((await fetchFrom(client, topic, 0)).highWatermark).toBe(15);
  });

  test.each(['stop', 'kill'] as const)('is known after a %s of the broker', async (how) => {
    const rig = await startRig();
    const topic = await createTopic(rig.client, 'orders');
    const producer = await Producer.create(rig.client, topic);
    for (let sequence = 0; sequence < 3; sequence++) await producer.send(sequence);
    const { client } = await restart(rig, how);
    const later = new Producer(client, topic, producer.id);
    expect(await later.send(2)).toMatchObject({ errorCode: 0, baseOffset: 2 });
    expect((await later.send(9)).errorCode).toBe(OUT_OF_ORDER_SEQUENCE_NUMBER);
    expect(await later.send(3)).toMatchObject({ errorCode: 0, baseOffset: 3 });
    expect((await fetchFrom(client, topic, 0)).highWatermark).toBe(4);
  });

  test('is known within the turn, too, when both come together', async () => {
    const { broker, client } = await startRig();
    const topic = await createTopic(client, 'orders');
    const records = batchOf({ producerId: 5, producerEpoch: 0, baseSequence: 0, count: 2 });
    for (let copy = 0; copy < 3; copy++) client.send(produce, 9, produceRequest(topic, [{ partition: 0, records }]));
    await broker.settle();
    for (let copy = 0; copy < 3; copy++) {
      expect(client.receive(produce, 9).topics[0]?.partitions[0]).toMatchObject({ errorCode: 0, baseOffset: 0 });
    }
    expect((await fetchFrom(client, topic, 0)).highWatermark).toBe(2);
  });

  test('no producer id is ever given twice, not after a kill either', async () => {
    const rig = await startRig();
    const topic = await createTopic(rig.client, 'orders');
    const first = await Producer.create(rig.client, topic);
    const { client } = await restart(rig, 'kill');
    const second = await Producer.create(client, topic);
    expect(second.id).toBeGreaterThan(first.id);
  });
});

describe('behaviour 18: sequences', () => {
  test('go on at 0 after 2147483647, within a batch or between two', async () => {
    const { client } = await startRig();
    const topic = await createTopic(client, 'orders', { partitions: 1 });
    const one = new Producer(client, topic, 100);
    expect((await one.send(2147483647)).errorCode).toBe(0);
    expect((await one.send(0)).errorCode).toBe(0);
    expect((await one.send(1)).errorCode).toBe(0);
    const other = new Producer(client, topic, 101);
    expect((await other.send(2147483646, 3)).errorCode).toBe(0);
    expect((await other.send(0)).errorCode).toBe(OUT_OF_ORDER_SEQUENCE_NUMBER);
    expect((await other.send(1)).errorCode).toBe(0);
  });

  test('begin at 0 in a new epoch', async () => {
    const { client } = await startRig();
    const topic = await createTopic(client, 'orders');
    const producer = new Producer(client, topic, 100);
    await producer.send(0);
    producer.epoch = 1;
    expect((await producer.send(1)).errorCode).toBe(OUT_OF_ORDER_SEQUENCE_NUMBER);
    expect((await producer.send(0)).errorCode).toBe(0);
  });

  test('begin anywhere for a producer that is not known, or not any more', async () => {
    const { broker, client } = await startRig({ sets: ['producer.id.expiration.ms=120000'] });
    const topic = await createTopic(client, 'orders');
    const producer = new Producer(client, topic, 100);
    expect((await producer.send(4711)).errorCode).toBe(0);
    expect((await producer.send(17)).errorCode).toBe(OUT_OF_ORDER_SEQUENCE_NUMBER);
    await broker.pass(300_000, 20_000);
    expect((await producer.send(17)).errorCode).toBe(0);
  });
});

test('behaviour 19: an old epoch is INVALID_PRODUCER_EPOCH', async () => {
  const { client } = await startRig();
  const topic = await createTopic(client, 'orders');
  const producer = new Producer(client, topic, 100);
  producer.epoch = 3;
  await producer.send(0);
  producer.epoch = 2;
  expect((await producer.send(1)).errorCode).toBe(INVALID_PRODUCER_EPOCH);
  expect((await producer.send(0)).errorCode).toBe(INVALID_PRODUCER_EPOCH);
});

describe('behaviour 20: batches of transactions', () => {
  test('are INVALID_TXN_STATE on a partition that was never added, TRANSACTION_ABORTABLE where that is known', async () => {
    const { client } = await startRig();
    const topic = await createTopic(client, 'orders', { partitions: 2 });
    const producer = await TransactionalProducer.begin(client, 'transfer', 1);
    await producer.enter(topic, 1);
    const { producerId, producerEpoch } = producer;
    const records = batchOf({ producerId, producerEpoch, baseSequence: 0, isTransactional: true });
    for (const [version, expected] of [
      [9, INVALID_TXN_STATE],
      [11, TRANSACTION_ABORTABLE],
    ] as const) {
      const parts = [
        { partition: 0, records },
        { partition: 1, records },
      ];
      const request = { ...produceRequest(topic, parts, { version }), transactionalId: 'transfer' };
      const { topics } = await client.ask(produce, version, request);
      expect(topics[0]?.partitions.map(({ errorCode }) => errorCode)).toEqual([expected, 0]);
    }
    expect(await fetchFrom(client, topic, 0)).toMatchObject({ highWatermark: 0, lastStableOffset: 0 });
  });

  test('are not allowed when their request names no transaction, and wait when nobody coordinates it', async () => {
    const { client } = await startRig();
    const topic = await createTopic(client, 'orders');
    const records = batchOf({ producerId: 9, producerEpoch: 0, baseSequence: 0, isTransactional: true });
    expect((await produceTo(client, topic, records)).errorCode).toBe(TRANSACTIONAL_ID_AUTHORIZATION_FAILED);
    const request = { ...produceRequest(topic, [{ partition: 0, records }]), transactionalId: 'transfer' };
    const answer = await client.ask(produce, 9, request);
    expect(answer.topics[0]?.partitions[0]?.errorCode).toBe(NOT_ENOUGH_REPLICAS);
    expect(await fetchFrom(client, topic, 0)).toMatchObject({ highWatermark: 0, lastStableOffset: 0 });
  });

  test('keep their producer from sending others while the transaction is open', async () => {
    const { broker, client } = await startRig();
    const topic = await createTopic(client, 'orders');
    const identity = { producerId: 9, producerEpoch: 0 };
    await broker.appendAsBroker('orders', 0, batchOf({ ...identity, baseSequence: 0, isTransactional: true }));
    const plain = batchOf({ ...identity, baseSequence: 1 });
    expect((await produceTo(client, topic, plain)).errorCode).toBe(INVALID_TXN_STATE);
  });
});
