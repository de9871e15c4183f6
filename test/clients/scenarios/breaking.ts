/** A producer whose connections break at any moment: every record is stored once and in order all the same. */
import { expect } from 'vitest';
import { type Client, createClient, type Dial, type RecordReceipt } from '../../../src/client/client.ts';
import { dialTcp } from '../../../src/client/dial.ts';
import { Prng } from '../../support/prng.ts';
import { newTopic, places, read, type Scenario } from './scenario.ts';

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

export const breaking: Scenario[] = ([1, 2, 3] as const).map((seed) => ({
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
