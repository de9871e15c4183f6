/** Behaviours 31 and 32: the offsets that timestamps, and places with a name, lead to. */
import { describe, expect, test } from 'vitest';
import { listOffsets } from '../../src/protocol/schemas/02-list-offsets.ts';
import { FAKE_START_MS } from '../support/fake-clock.ts';
import { Prng } from '../support/prng.ts';
import { batchOf, createTopic, offsetOf, produceTo } from '../support/simulated-deeds.ts';
import { startRig } from './behaviour-rig.ts';

const NOTHING = { errorCode: 0, offset: -1, timestamp: -1 };
const LATEST = -1;
const EARLIEST = -2;
const LARGEST = -3;

describe('behaviour 31: latest, earliest, and by time', () => {
  test('-1 is the high watermark, or the stable offset for read_committed; -2 the log start; both with timestamp -1', async () => {
    const { broker, client } = await startRig();
    const topic = await createTopic(client, 'orders');
    await produceTo(client, topic, batchOf({ count: 3 }));
    await broker.appendAsBroker(
      'orders',
      0,
      batchOf({ producerId: 9, producerEpoch: 0, baseSequence: 0, isTransactional: true, count: 2 }),
    );
    for (const version of [1, 5, 7, 11]) {
      expect(await offsetOf(client, topic, LATEST, { version })).toMatchObject({ offset: 5, timestamp: -1 });
      expect(await offsetOf(client, topic, EARLIEST, { version })).toMatchObject({ offset: 0, timestamp: -1 });
    }
    expect(await offsetOf(client, topic, LATEST, { isolationLevel: 1 })).toMatchObject({ offset: 3, timestamp: -1 });
  });

  test.each([0, 3, 4])(
    'a time leads to the first record at or after it, inside its batch; behind the last there is none (codec %i)',
    async (codec) => {
      const { client } = await startRig();
      const topic = await createTopic(client, 'orders');
      await produceTo(client, topic, batchOf({ timestamps: [100, 200, 300], codec }));
      await produceTo(client, topic, batchOf({ timestamps: [400, 500, 450], codec }));
      expect(await offsetOf(client, topic, 0)).toMatchObject({ offset: 0, timestamp: 100 });
      expect(await offsetOf(client, topic, 150)).toMatchObject({ offset: 1, timestamp: 200 });
      expect(await offsetOf(client, topic, 200)).toMatchObject({ offset: 1, timestamp: 200 });
      expect(await offsetOf(client, topic, 301)).toMatchObject({ offset: 3, timestamp: 400 });
      expect(await offsetOf(client, topic, 460)).toMatchObject({ offset: 4, timestamp: 500 });
      expect(await offsetOf(client, topic, 501)).toMatchObject(NOTHING);
    },
  );

  test('of a topic that is not there is UNKNOWN_TOPIC_OR_PARTITION', async () => {
    const { client } = await startRig();
    expect(await offsetOf(client, { name: 'nothing', id: '' }, LATEST)).toMatchObject({ errorCode: 3, offset: -1 });
  });
});

test('a partition that is asked for twice has no one answer; a topic without partitions is not named', async () => {
  const { client } = await startRig();
  await createTopic(client, 'orders', { partitions: 2 });
  const at = (partitionIndex: number, timestamp: number) => ({ partitionIndex, timestamp });
  const topics = [
    { name: 'orders', partitions: [at(0, LATEST), at(1, LATEST), at(0, EARLIEST)] },
    { name: 'others', partitions: [] },
  ];
  const answer = await client.ask(listOffsets, 5, { replicaId: -1, topics });
  expect(answer.topics.map(({ name }) => name)).toEqual(['orders']);
  const codes = answer.topics[0]?.partitions.map((one) => [one.partitionIndex, one.errorCode]);
  expect(codes).toEqual([
    [0, 42],
    [1, 0],
  ]);
});

describe('behaviour 32: -3 is the record with the largest timestamp', () => {
  test.each([0, 1, 2, 3, 4])(
    'inside its batch, the first of several, also when smaller ones follow (codec %i)',
    async (codec) => {
      const { client } = await startRig();
      const topic = await createTopic(client, 'orders');
      expect(await offsetOf(client, topic, LARGEST)).toMatchObject(NOTHING);
      await produceTo(client, topic, batchOf({ timestamps: [100, 900, 300], codec }));
      expect(await offsetOf(client, topic, LARGEST)).toMatchObject({ errorCode: 0, offset: 1, timestamp: 900 });
      await produceTo(client, topic, batchOf({ timestamps: [400, 500], codec }));
      expect(await offsetOf(client, topic, LARGEST)).toMatchObject({ offset: 1, timestamp: 900 });
      await produceTo(client, topic, batchOf({ timestamps: [900, 1000, 1000], codec }));
      expect(await offsetOf(client, topic, LARGEST)).toMatchObject({ offset: 6, timestamp: 1000 });
    },
  );

  test('among many batches and segments it is what a look at all records finds', async () => {
    const { client } = await startRig();
    const configs = { 'internal.segment.bytes': '700', 'index.interval.bytes': '100' };
    const topic = await createTopic(client, 'orders', { configs });
    const random = new Prng(3);
    const all: number[] = [];
    for (let round = 0; round < 40; round++) {
      const timestamps = Array.from({ length: 1 + random.nextInt(4) }, () => FAKE_START_MS - random.nextInt(10_000));
      await produceTo(client, topic, batchOf({ timestamps, codec: random.nextInt(5) }));
      all.push(...timestamps);
      const largest = Math.max(...all);
      const found = await offsetOf(client, topic, LARGEST);
      expect([found.timestamp, all[found.offset]], `round ${round}`).toEqual([largest, largest]);
      const asked = FAKE_START_MS - random.nextInt(10_000);
      const first = all.findIndex((timestamp) => timestamp >= asked);
      expect((await offsetOf(client, topic, asked)).offset).toBe(first);
    }
  });

  test('-5 without remote storage finds nothing, and what a version does not know is refused', async () => {
    const { client } = await startRig();
    const topic = await createTopic(client, 'orders');
    await produceTo(client, topic, batchOf());
    expect(await offsetOf(client, topic, -5, { version: 9 })).toMatchObject(NOTHING);
    expect((await offsetOf(client, topic, LARGEST, { version: 6 })).errorCode).toBe(35);
    expect(await offsetOf(client, topic, -4, { version: 8 })).toMatchObject({ errorCode: 0, offset: 0 });
  });
});
