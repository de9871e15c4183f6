/**
 * Our client while the broker is killed and started again under it: a producer loses and doubles nothing, a consumer goes on
 * where its group stood, and whoever finds nobody is told so in time.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createClient, type RecordReceipt } from '../../src/client/client.ts';
import { BrokerProcess, freePort } from './broker-process.ts';

const KILLS = 3;
const PER_LIFE = 400;
const PARTITIONS = 2;

describe('our client and a broker that dies', () => {
  let folder = '';
  let port = 0;
  let broker: BrokerProcess | null = null;

  const start = async (): Promise<void> => {
    broker = await BrokerProcess.start({ port, dataFolder: folder, arguments: ['--workers', '2'] });
  };
  const stop = async (): Promise<void> => {
    await broker?.kill();
    await broker?.dispose().catch(() => {});
  };

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'perfbroker-restart-'));
    port = await freePort();
    await start();
  });
  afterAll(async () => {
    await stop();
    rmSync(folder, { recursive: true, force: true });
  });

  for (const groupProtocol of ['classic', 'consumer'] as const) {
    it(`loses and doubles nothing over ${KILLS} kills (${groupProtocol})`, async () => {
      const topic = `killed-${groupProtocol}`;
      const client = createClient({ brokers: `127.0.0.1:${port}` });
      await client.admin().createTopic({ name: topic, partitions: PARTITIONS });
      const producer = client.producer({ lingerMs: 1, batchBytes: 512, retryBackoffMs: 20, retryBackoffMaxMs: 100 });
      const consumer = client.consumer({
        groupId: `group-${groupProtocol}`,
        groupProtocol,
        autoOffsetReset: 'earliest',
        autoCommitIntervalMs: 50,
        heartbeatIntervalMs: 200,
        sessionTimeoutMs: 6000,
        retryBackoffMs: 20,
        retryBackoffMaxMs: 100,
      });
      consumer.subscribe([topic]);
      const seen = new Map<string, string>();
      const stopping = new AbortController();
      const reading = (async (): Promise<void> => {
        for await (const record of consumer.records({ signal: stopping.signal })) {
          seen.set(`${record.partition} ${record.offset}`, record.value?.toString() ?? '');
          if (seen.size === KILLS * PER_LIFE) stopping.abort();
        }
      })();
      const receipts: RecordReceipt[] = [];
      for (let life = 0; life < KILLS; life++) {
        const sending = Array.from({ length: PER_LIFE }, (_, i) =>
          producer.send({ topic, partition: i % PARTITIONS, value: `${life * PER_LIFE + i}` }),
        );
        await sending[10];
        await stop();
        await start();
        receipts.push(...(await Promise.all(sending)));
      }
      await reading;
      for (let partition = 0; partition < PARTITIONS; partition++) {
        const sent = receipts.map((_, i) => `${i}`).filter((_, i) => i % PARTITIONS === partition);
        expect(sent.map((_, offset) => seen.get(`${partition} ${offset}`))).toEqual(sent);
      }
      expect(seen.size).toBe(receipts.length);
      await client.close();
    });
  }

  it('tells in time that nobody is there', async () => {
    const client = createClient({ brokers: `127.0.0.1:${await freePort()}` });
    const quick = { retryBackoffMs: 5, retryBackoffMaxMs: 10 };
    const producer = client.producer({ ...quick, blockMsMax: 200 });
    await expect(producer.send({ topic: 't', value: '' })).rejects.toMatchObject({ code: 'PB_TIMEOUT' });
    const consumer = client.consumer({ ...quick, apiTimeoutMs: 200 });
    consumer.assign([{ topic: 't', partition: 0 }]);
    await expect(consumer.position({ topic: 't', partition: 0 })).rejects.toMatchObject({ code: 'PB_TIMEOUT' });
    await expect(client.admin({ timeoutMs: 200 }).topics.list()).rejects.toMatchObject({ code: 'PB_TIMEOUT' });
    await client.close();
  });
});
