/**
 * Kafka's own DumpLogSegments over a log that the broker compacted: batches with gaps, emptied batches, delete horizons and
 * all codecs, in segments that were put together, with their indexes.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Admin } from '../../src/client/admin.ts';
import { ClusterView } from '../../src/client/metadata.ts';
import { Producer } from '../../src/client/producer.ts';
import { codecByName } from '../../src/protocol/compression.ts';
import { BrokerProcess } from './broker-process.ts';
import { codecNames } from './expected-records.ts';
import { clientsCache, describeInstalled } from './foreign-client.ts';
import { javaArguments } from './kafka-process.ts';

const TOPIC = 'users';
const KEYS = 97;
const BATCHES = 400;
const RECORDS = 20;
const TIMEOUT_MS = 180_000;
const CONFIGS = { 'cleanup.policy': 'compact', 'segment.bytes': '1048576', 'min.cleanable.dirty.ratio': '0.01' };

async function writeKeyed(port: number): Promise<void> {
  const cluster = new ClusterView({ brokers: [{ host: '127.0.0.1', port }] });
  await new Admin(cluster).createTopic({ name: TOPIC, partitions: 1, replicationFactor: 1, configs: CONFIGS });
  const plain = new Producer(cluster);
  const idempotent = new Producer(cluster, { isIdempotent: true });
  for (let batch = 0; batch < BATCHES; batch++) {
    const records = Array.from({ length: RECORDS }, (_, at) => {
      const number = batch * RECORDS + at;
      const value = number % 11 === 0 ? null : Buffer.from(`${number}-`.padEnd(1000, String(number)));
      return { key: Buffer.from(`key-${(number * 31) % KEYS}`), value, timestamp: Date.now() };
    });
    const producer = batch === 150 ? idempotent : plain;
    const codec = codecByName(codecNames[batch % codecNames.length] ?? 'none');
    await producer.sendBatch(await producer.prepare(TOPIC, 0, records, codec));
  }
  await cluster.close();
}

function dump(files: readonly string[], ...options: readonly string[]): string {
  const tool = [...javaArguments, 'org.apache.kafka.tools.DumpLogSegments'];
  const { status, stdout } = spawnSync('java', [...tool, '--files', files.join(','), ...options], {
    maxBuffer: 1 << 28,
    encoding: 'utf8',
  });
  expect(status).toBe(0);
  return stdout;
}

describeInstalled("Kafka's DumpLogSegments over a compacted log", [join(clientsCache, 'java', 'lib')], () => {
  let folder = '';

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'perfbroker-compacted-'));
    const settings = ['--set', 'log.cleaner.backoff.ms=200'];
    const broker = await BrokerProcess.start({ dataFolder: folder, arguments: settings });
    await writeKeyed(broker.port);
    const checkpoint = join(folder, 'cleaner-offset-checkpoint');
    const isCompacted = () => /^users 0 [1-9]\d{3,}\s*$/m.test(readFileSync(checkpoint, 'utf8'));
    // The time limit of the test is the deadline.
    while (!readdirSync(folder).includes('cleaner-offset-checkpoint') || !isCompacted())
      await new Promise((resolve) => setTimeout(resolve, 100));
    expect(await broker.stop(), broker.output).toBe(0);
  }, TIMEOUT_MS);

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const filesOf = (suffix: string): string[] => {
    const partitionFolder = join(folder, `${TOPIC}-0`);
    const names = readdirSync(partitionFolder).filter((name) => name.endsWith(suffix));
    return names.sort().map((name) => join(partitionFolder, name));
  };

  it(
    'finds every batch valid, among them emptied ones and such with a delete horizon',
    () => {
      const printed = dump(filesOf('.log'), '--deep-iteration', '--max-message-size', '10485760');
      const batches = [...printed.matchAll(/^baseOffset: (\d+) lastOffset: (\d+) count: (\d+) .*isvalid: (\w+)/gm)];
      expect(batches.every(([, , , , isValid]) => isValid === 'true')).toBe(true);
      const count = batches.reduce((sum, batch) => sum + Number(batch[3]), 0);
      expect(count).toBeGreaterThan(KEYS);
      expect(count).toBeLessThan((BATCHES * RECORDS) / 2);
      expect(Number(batches.at(-1)?.[2])).toBe(BATCHES * RECORDS - 1);
      expect(batches.some(([, , , records]) => records === '0')).toBe(true);
      expect(printed).toMatch(/deleteHorizonMs: OptionalLong\[\d+\]/);
      expect([...printed.matchAll(/^\| offset: \d+/gm)].length).toBe(count);
    },
    TIMEOUT_MS,
  );

  it(
    'finds the indexes sane',
    () => {
      const indexes = [...filesOf('.index'), ...filesOf('.timeindex')];
      const printed = dump(indexes, '--index-sanity-check');
      for (const index of indexes)
        expect(printed).toMatch(new RegExp(`${index.replaceAll('.', '\\.')} (passed sanity check|is empty)`));
      expect(dump(indexes, '--verify-index-only', '--max-message-size', '10485760')).not.toMatch(/mismatch/i);
    },
    TIMEOUT_MS,
  );
});
