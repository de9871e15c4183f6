/**
 * Damage under the real process: a broker is stopped (cleanly, or killed), a bit of one of its files is flipped, it is started
 * again and read to the end by a client that checks checksums, and `log verify` looks as well. PERFBROKER_DAMAGE_STARTS: how often
 * (6; `npm run nightly:damage`: 300); PERFBROKER_DAMAGE_SEED reproduces a run.
 */
import { cpSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { expect, it } from 'vitest';
import { Admin } from '../../src/client/admin.ts';
import { AnswerError } from '../../src/client/answer-error.ts';
import { crc32c } from '../../src/client/checksum.ts';
import { batchesOf, Consumer, LATEST } from '../../src/client/consumer.ts';
import { ClusterView } from '../../src/client/metadata.ts';
import { Producer } from '../../src/client/producer.ts';
import { batchBytes, batchCrcHolds } from '../../src/protocol/batch.ts';
import { memoryOver } from '../../src/protocol/records.ts';
import { Spawned, startBroker, temporaryFolder } from '../process/spawned.ts';
import { Prng } from '../support/prng.ts';

const STARTS = Number(process.env['PERFBROKER_DAMAGE_STARTS'] ?? 6);
const SEED = Number(process.env['PERFBROKER_DAMAGE_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
const RECORDS = 300;
const TOPIC = 'orders';

const valueAt = (offset: number): string => `value ${offset} ${'y'.repeat(7000 + (offset % 50))}`;

async function clusterOf(broker: Spawned): Promise<ClusterView> {
  return new ClusterView({ brokers: [{ host: '127.0.0.1', port: await broker.port() }] });
}

/** A folder with a log of a few segments, stopped in one way or the other. */
async function makeFolder(data: string, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  const broker = startBroker(data);
  const cluster = await clusterOf(broker);
  const configs = { 'segment.bytes': '1048576', 'index.interval.bytes': '4096' };
  await new Admin(cluster).createTopic({ name: TOPIC, partitions: 1, replicationFactor: 1, configs });
  const producer = new Producer(cluster);
  for (let offset = 0; offset < RECORDS; offset += 3) {
    const records = [0, 1, 2].map((step) => ({
      key: null,
      value: Buffer.from(valueAt(offset + step)),
      timestamp: 1_700_000_000_000 + offset,
    }));
    await producer.send(TOPIC, 0, records);
  }
  await cluster.close();
  await broker.stop(signal);
}

function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name !== 'perfbroker.lock')
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => statSync(path).size > 0)
    .sort();
}

interface Read {
  readonly wrong: string[];
  readonly missing: number[];
  readonly end: number;
}

async function readAll(cluster: ClusterView): Promise<Read> {
  const consumer = new Consumer(cluster, { maxWaitMs: 0, partitionBytesMax: 100_000 });
  const end = await consumer.findOffset(TOPIC, 0, LATEST);
  const got = new Map<number, string>();
  let next = 0;
  while (next < end) {
    const before = next;
    next = await readSome(consumer, next, got);
    // Nothing came that holds: a person goes on behind it.
    if (next === before) next += 1;
  }
  const wrong = [...got].filter(([offset, value]) => value !== valueAt(offset)).map(([offset]) => `offset ${offset}`);
  const missing = Array.from({ length: Math.min(end, RECORDS) }, (_, offset) => offset).filter(
    (offset) => !got.has(offset),
  );
  return { wrong, missing, end };
}

async function readSome(consumer: Consumer, from: number, got: Map<number, string>): Promise<number> {
  let next = from;
  try {
    const { bytes } = await consumer.fetch(TOPIC, 0, from);
    const memory = memoryOver(bytes);
    for (let at = 0; at + 61 <= bytes.length; ) {
      const length = batchBytes(memory.view, at);
      if (length < 61 || at + length > bytes.length || !batchCrcHolds(memory, at, length, crc32c)) break;
      for (const { records, nextOffset } of batchesOf(bytes.subarray(at, at + length))) {
        for (const { offset, value } of records)
          if (offset >= next) got.set(offset, Buffer.from(value ?? []).toString());
        next = Math.max(next, nextOffset);
      }
      at += length;
    }
  } catch (error) {
    if (!(error instanceof AnswerError)) throw error;
  }
  return next;
}

it(
  `${STARTS} flipped bits under a real broker: detected or harmless`,
  async () => {
    const random = new Prng(SEED);
    const failed: string[] = [];
    let affected = 0;
    let refused = 0;
    const sources = new Map<string, string>();
    for (let count = 0; count < STARTS; count++) {
      const signal = count % 2 === 0 ? 'SIGTERM' : 'SIGKILL';
      const source = sources.get(signal) ?? join(temporaryFolder(), 'source');
      if (!sources.has(signal)) await makeFolder(source, signal);
      sources.set(signal, source);
      const data = join(temporaryFolder(), 'data');
      cpSync(source, data, { recursive: true });
      rmSync(join(data, 'perfbroker.lock'), { force: true });
      const files = filesIn(data);
      const path = files[random.nextInt(files.length)] ?? '';
      const bytes = readFileSync(path);
      const bit = random.nextInt(bytes.length * 8);
      bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      writeFileSync(path, bytes);
      const what = `${relative(data, path)} bit ${bit} after ${signal}, PERFBROKER_DAMAGE_SEED=${SEED}`;
      const broker = startBroker(data);
      const port = await broker.port().catch(() => null);
      if (port === null) {
        refused += 1;
        const { stderr } = await broker.ended;
        if (!/restore it|write 1 into it|start that version/.test(stderr))
          failed.push(`${what}: refused with ${stderr}`);
        continue;
      }
      const cluster = await clusterOf(broker);
      try {
        const { wrong, missing, end } = await readAll(cluster);
        if (missing.length > 0 || end < RECORDS) affected += 1;
        if (wrong.length > 0) failed.push(`${what}: wrong ${wrong.join()}`);
        if (missing.length > 3) failed.push(`${what}: ${missing.length} records are missing`);
        if (end < RECORDS && signal === 'SIGTERM') failed.push(`${what}: the log ends at ${end}`);
        if (end < RECORDS && !broker.output.includes('.log')) failed.push(`${what}: nobody was told of the cut`);
      } catch (error) {
        failed.push(`${what}: ${String(error)}\n${broker.output}`);
      } finally {
        await cluster.close();
        const ended = await broker.stop('SIGTERM');
        if (ended.code !== 0) failed.push(`${what}: the broker ended with ${ended.code}: ${ended.stderr}`);
      }
    }
    process.stdout.write(
      `damage: ${STARTS} starts, seed ${SEED}: ${affected} affected, ${refused} refused, ${failed.length} failed\n`,
    );
    expect(failed).toEqual([]);
  },
  60_000 + STARTS * 10_000,
);

it('log verify finds nothing wrong beside a broker that is written to, rolls, compacts and deletes', async () => {
  const data = join(temporaryFolder(), 'data');
  const broker = startBroker(data, [
    '--set',
    'log.cleaner.backoff.ms=100',
    '--set',
    'log.retention.check.interval.ms=200',
  ]);
  const cluster = await clusterOf(broker);
  const admin = new Admin(cluster);
  const common = { 'segment.bytes': '1048576', 'index.interval.bytes': '4096', 'file.delete.delay.ms': '0' };
  const compacted = { ...common, 'cleanup.policy': 'compact', 'min.cleanable.dirty.ratio': '0.01' };
  const short = { ...common, 'retention.bytes': '2097152' };
  await admin.createTopic({ name: 'compacted', partitions: 1, replicationFactor: 1, configs: compacted });
  await admin.createTopic({ name: 'short', partitions: 1, replicationFactor: 1, configs: short });
  const producer = new Producer(cluster);
  let isStopped = false;
  const write = async (topic: string): Promise<void> => {
    for (let count = 0; !isStopped; count++) {
      const key = Buffer.from(String(count % 20));
      await producer.send(topic, 0, [{ key, value: Buffer.from(valueAt(count).repeat(5)), timestamp: Date.now() }]);
    }
  };
  const writing = Promise.all([write('compacted'), write('short')]);
  try {
    for (let look = 0; look < 4; look++) {
      const verify = new Spawned(['log', 'verify', '--data', data]);
      const { code, stdout, stderr } = await verify.ended;
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      expect(stdout).toContain('beside a running broker');
    }
  } finally {
    isStopped = true;
    await writing;
    await cluster.close();
  }
  await broker.stop('SIGTERM');
  const { code, stderr } = await new Spawned(['log', 'verify', '--data', data]).ended;
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
});
