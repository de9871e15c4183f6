/** Compaction by a real process: its background threads, its priority and its swaps, seen through a client. */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { Admin } from '../../src/client/admin.ts';
import { Consumer, LATEST } from '../../src/client/consumer.ts';
import { ClusterView } from '../../src/client/metadata.ts';
import { Producer } from '../../src/client/producer.ts';
import type { BatchRecord } from '../../src/protocol/records.ts';
import { startBroker, temporaryFolder } from './spawned.ts';

const KEYS = 50;
const ROUNDS = 60;
const VALUE_BYTES = 2000;
const CONFIGS = {
  'cleanup.policy': 'compact',
  'segment.bytes': '1048576',
  'min.cleanable.dirty.ratio': '0.01',
  'file.delete.delay.ms': '0',
};

function bytesIn(folder: string): number {
  return readdirSync(folder).reduce(
    (sum, name) => sum + (statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0),
    0,
  );
}

async function readAll(consumer: Consumer, end: number): Promise<BatchRecord[]> {
  const found: BatchRecord[] = [];
  for await (const record of consumer.read('users', 0, 0, end)) found.push(record);
  return found;
}

it('compacts in the background, survives a kill -9, and loses no last value', async () => {
  const data = temporaryFolder();
  const settings = ['--set', 'log.cleaner.backoff.ms=200', '--set', 'log.retention.check.interval.ms=500'];
  let broker = startBroker(data, settings);
  let cluster = new ClusterView({ brokers: [{ host: '127.0.0.1', port: await broker.port() }] });
  await new Admin(cluster).createTopic({ name: 'users', partitions: 1, replicationFactor: 1, configs: CONFIGS });
  const producer = new Producer(cluster);
  const wanted = new Map<string, string>();
  for (let round = 0; round < ROUNDS; round++) {
    const records = Array.from({ length: KEYS }, (_, key) => {
      const value = `${round}-${key}-`.padEnd(VALUE_BYTES, 'x');
      wanted.set(`key-${key}`, value);
      return { key: Buffer.from(`key-${key}`), value: Buffer.from(value), timestamp: Date.now() };
    });
    await producer.send('users', 0, records);
  }
  const end = await new Consumer(cluster).findOffset('users', 0, LATEST);
  expect(end).toBe(KEYS * ROUNDS);
  const folder = join(data, 'users-0');
  const written = KEYS * ROUNDS * VALUE_BYTES;
  expect(bytesIn(folder)).toBeGreaterThan(0);
  // The time limit of the test is the deadline.
  while (bytesIn(folder) > written / 2) await new Promise((resolve) => setTimeout(resolve, 50));
  await cluster.close();
  await broker.stop('SIGKILL');

  broker = startBroker(data, settings);
  cluster = new ClusterView({ brokers: [{ host: '127.0.0.1', port: await broker.port() }] });
  const records = await readAll(new Consumer(cluster), end);
  const text = (bytes: Uint8Array | null) => Buffer.from(bytes ?? new Uint8Array(0)).toString();
  expect(new Map(records.map(({ key, value }) => [text(key), text(value)]))).toEqual(wanted);
  expect(records.length).toBeLessThan(end);
  expect(records.every((record, index) => index === 0 || record.offset > (records[index - 1]?.offset ?? -1))).toBe(
    true,
  );
  await cluster.close();
  const ended = await broker.stop('SIGTERM');
  expect([ended.code, ended.stderr]).toEqual([0, '']);
}, 60_000);
