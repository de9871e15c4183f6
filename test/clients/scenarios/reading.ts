/** Reading without a group: seeking, pausing, iterating, and what happens at an offset that is not there. */
import { expect } from 'vitest';
import { errorCodeOf } from '../../../src/client/client.ts';
import { errorCode } from '../../../src/protocol/errors.ts';
import { newTopic, POLL_MS, places, read, type Scenario, texts } from './scenario.ts';

export const reading: Scenario[] = [
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
