/** What a program does with a producer: codecs, acks, partitions, order, refusals. */
import { expect } from 'vitest';
import { AnswerError, type Client, errorCodeOf } from '../../../src/client/client.ts';
import { partitionOfKey } from '../../../src/client/producing/murmur2.ts';
import { CODEC_NAMES } from '../../../src/protocol/compression.ts';
import { errorCode } from '../../../src/protocol/errors.ts';
import { newTopic, read, type Scenario, texts } from './scenario.ts';

export const producing: Scenario[] = [
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
