/**
 * The scrubber of the real broker: bits that rot in segments nobody reads or writes any more are found within its budget, told by
 * a line that names file and place, and counted where people watch.
 */
import { closeSync, openSync, readdirSync, readFileSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { Admin } from '../../src/client/admin.ts';
import { createClient } from '../../src/client/client.ts';
import { ClusterView } from '../../src/client/metadata.ts';
import { type Spawned, startBroker, temporaryFolder } from './spawned.ts';

const TOPIC = 'cold';
const TRANSACTIONS = 40;
const RECORDS_EACH = 12;
const VALUE = 'x'.repeat(700);
const BYTES_PER_SECOND = 150_000;
const WAIT_MS = 90_000;
const SETTINGS = [
  'perfbroker.scrub.interval.ms=300',
  `perfbroker.scrub.bytes.per.second=${BYTES_PER_SECOND}`,
  'perfbroker.flush.window.ms=100',
].flatMap((setting) => ['--set', setting]);

async function httpPortOf(broker: Spawned): Promise<number> {
  await broker.port();
  return Number(/ {2}http +http:\/\/127\.0\.0\.1:(\d+) /.exec(broker.output)?.[1]);
}

class Metrics {
  private readonly port: number;

  constructor(port: number) {
    this.port = port;
  }

  async of(name: string): Promise<number> {
    const page = await (await fetch(`http://127.0.0.1:${this.port}/metrics`)).text();
    return Number(new RegExp(`^perfbroker_${name} (\\d+)$`, 'm').exec(page)?.[1]);
  }

  async until(name: string, least: number): Promise<void> {
    const deadlineMs = Date.now() + WAIT_MS;
    for (let value = await this.of(name); value < least; value = await this.of(name)) {
      if (Date.now() > deadlineMs) throw new Error(`${name} is ${value} and does not come to ${least}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

/** Half of the transactions are aborted, so that there are files of aborted ones. */
async function fill(port: number): Promise<void> {
  const cluster = new ClusterView({ brokers: [{ host: '127.0.0.1', port }] });
  const configs = { 'internal.segment.bytes': '40000' };
  await new Admin(cluster).createTopic({ name: TOPIC, partitions: 1, replicationFactor: 1, configs });
  await cluster.close();
  const client = createClient({ brokers: `127.0.0.1:${port}` });
  const producer = client.producer({ transactionalId: 'filler' });
  await producer.initTransactions();
  for (let count = 0; count < TRANSACTIONS; count++) {
    producer.beginTransaction();
    for (let record = 0; record < RECORDS_EACH; record++) producer.offer({ topic: TOPIC, key: null, value: VALUE });
    await producer.flush();
    if (count % 2 === 0) await producer.commitTransaction();
    else await producer.abortTransaction();
  }
  await client.close();
}

function flipBit(path: string, at: number): void {
  const byte = readFileSync(path)[at] ?? 0;
  const fd = openSync(path, 'r+');
  writeSync(fd, Uint8Array.of(byte ^ 4), 0, 1, at);
  closeSync(fd);
}

it('finds a rotten bit in a cold segment and in what was aborted there, and keeps to its budget', {
  timeout: 200_000,
}, async () => {
  const data = join(temporaryFolder(), 'data');
  const broker = startBroker(data, ['--http-port', '0', ...SETTINGS]);
  const metrics = new Metrics(await httpPortOf(broker));
  await fill(await broker.port());
  const folder = join(data, `${TOPIC}-0`);
  const named = (ending: string): string[] =>
    readdirSync(folder)
      .filter((name) => name.endsWith(ending))
      .sort()
      .map((name) => join(folder, name));
  const [first = '', second = ''] = named('.log');
  expect(named('.log').length).toBeGreaterThan(4);

  // A whole round over everything as it is, within the bytes a second that it may read.
  const rounds = await metrics.of('scrub_rounds_total');
  await metrics.until('scrub_rounds_total', rounds + 2);
  const [beginMs, beginBytes] = [performance.now(), await metrics.of('scrub_bytes_total')];
  await metrics.until('scrub_rounds_total', rounds + 4);
  const bytes = (await metrics.of('scrub_bytes_total')) - beginBytes;
  const seconds = (performance.now() - beginMs) / 1000;
  expect(bytes).toBeGreaterThan(statSync(first).size);
  expect(bytes / seconds).toBeLessThan(BYTES_PER_SECOND * 2);
  expect(await metrics.of('scrub_findings_total')).toBe(0);

  flipBit(second, Math.floor(statSync(second).size / 2));
  const [aborted = ''] = named('.txnindex');
  flipBit(aborted, 9);
  await metrics.until('scrub_findings_total', 2);
  expect(broker.output).toMatch(new RegExp(`error +main +damage found: ${second} at byte \\d+: .* \\(offsets? \\d+`));
  expect(broker.output).toMatch(new RegExp(`error +main +damage found: ${aborted}: the entry at byte 0 says`));
  const ended = await broker.stop('SIGTERM');
  expect(ended.code).toBe(0);
});
