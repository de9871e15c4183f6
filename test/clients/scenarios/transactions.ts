/** Transactions: what readers of committed records see, progress of consumers in them, fencing. */
import { randomUUID } from 'node:crypto';
import { expect } from 'vitest';
import { type Client, errorCodeOf } from '../../../src/client/client.ts';
import { errorCode } from '../../../src/protocol/errors.ts';
import { EARLIEST, newTopic, places, read, type Scenario, texts } from './scenario.ts';

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
    name: 'aborts a transaction that lost a record, and goes on with the next one',
    async run(client) {
      const topic = await newTopic(client, 2, { 'max.message.bytes': '2000' });
      const producer = client.producer({ transactionalId: `tx-${randomUUID()}`, lingerMs: 0 });
      await producer.initTransactions();
      producer.beginTransaction();
      await producer.send({ topic, partition: 0, value: 'lost with it' });
      const refused = await producer
        .send({ topic, partition: 0, value: 'x'.repeat(9000) })
        .catch((error: unknown) => error);
      expect(errorCodeOf(refused)).toBe(errorCode.MESSAGE_TOO_LARGE);
      expect(errorCodeOf(await producer.commitTransaction().catch((error: unknown) => error))).toBe(
        errorCode.TRANSACTION_ABORTABLE,
      );
      await producer.abortTransaction();
      for (const value of ['one', 'two']) {
        await producer.inTransaction(async () => {
          await Promise.all([0, 1].map((partition) => producer.send({ topic, partition, value })));
        });
      }
      const reader = client.consumer({ isolation: 'read_committed' });
      reader.assign(places(topic, 2).map((one) => ({ ...one, offset: 0 })));
      expect(texts(await read(reader, 4))).toEqual(['one', 'one', 'two', 'two']);
    },
  },
  {
    name: 'takes a transaction back when the work in it fails, and tells the error of the work',
    async run(client) {
      const topic = await newTopic(client, 1);
      const producer = client.producer({ transactionalId: `tx-${randomUUID()}` });
      await producer.initTransactions();
      const work = producer.inTransaction(async () => {
        await producer.send({ topic, value: 'not this' });
        throw new Error('the work failed');
      });
      await expect(work).rejects.toThrow('the work failed');
      expect(() => producer.offer({ topic, value: 'outside' })).toThrow('no transaction is open');
      await producer.inTransaction(() => producer.send({ topic, value: 'this' }));
      const reader = client.consumer({ isolation: 'read_committed' });
      reader.assign([{ topic, partition: 0, offset: 0 }]);
      expect(texts(await read(reader, 1))).toEqual(['this']);
    },
  },
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
