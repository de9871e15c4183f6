/** Signals, crashes and starts after them, on a real process. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Admin } from '../../src/client/admin.ts';
import { Connection } from '../../src/client/connection.ts';
import { Consumer, LATEST } from '../../src/client/consumer.ts';
import { ClusterView } from '../../src/client/metadata.ts';
import { Producer } from '../../src/client/producer.ts';
import { findCoordinator } from '../../src/protocol/schemas/10-find-coordinator.ts';
import { joinGroup } from '../../src/protocol/schemas/11-join-group.ts';
import { describeGroups } from '../../src/protocol/schemas/15-describe-groups.ts';
import { startBroker, temporaryFolder } from './spawned.ts';

/** What is promised is 2 s; this only tells a stop from one that hangs, because tests share their processors. */
const STOP_MS_MAX = 12_000;
const VALUE = Buffer.alloc(1000, 'x');
const WRITERS = 4;

function clientOf(port: number): ClusterView {
  return new ClusterView({ brokers: [{ host: '127.0.0.1', port }] });
}

async function makeTopic(cluster: ClusterView, partitions: number): Promise<void> {
  await new Admin(cluster).createTopic({ name: 'topic', partitions, replicationFactor: 1 });
}

interface Writing {
  /** Records that were acknowledged, by partition. */
  readonly counts: readonly number[];
  /** No answer comes any more. */
  readonly ended: Promise<unknown>;
}

/** Sends until an answer fails to come. Returns when every partition has something. */
async function beginWriting(port: number): Promise<Writing> {
  const counts = new Array<number>(WRITERS).fill(0);
  const write = async (partition: number): Promise<void> => {
    const cluster = clientOf(port);
    const producer = new Producer(cluster, { timeoutMs: 1000 });
    try {
      for (;;) {
        const records = Array.from({ length: 50 }, () => ({ key: null, value: VALUE, timestamp: Date.now() }));
        const batch = await producer.prepare('topic', partition, records);
        const receipt = await producer.sendBatch(batch);
        counts[partition] = receipt.baseOffset + batch.count;
      }
    } catch {
      await cluster.close().catch(() => undefined);
    }
  };
  const ended = Promise.all(counts.map((_, partition) => write(partition)));
  while (counts.includes(0)) await new Promise((resolve) => setImmediate(resolve));
  return { counts, ended };
}

async function endsOf(port: number): Promise<number[]> {
  const cluster = clientOf(port);
  const consumer = new Consumer(cluster);
  const ends: number[] = [];
  for (let partition = 0; partition < WRITERS; partition++) {
    ends.push(await consumer.findOffset('topic', partition, LATEST));
  }
  await cluster.close();
  return ends;
}

describe('a stop', () => {
  for (const [io, signal] of [
    ['default', 'SIGTERM'],
    ['epoll', 'SIGINT'],
    ['node', 'SIGTERM'],
  ] as const) {
    it(`by ${signal} under load, with the ${io} transport, is quick, clean and loses nothing`, async () => {
      const folder = temporaryFolder();
      const flags = io === 'default' ? [] : ['--io', io];
      const broker = startBroker(folder, flags);
      const port = await broker.port();
      const cluster = clientOf(port);
      await makeTopic(cluster, WRITERS);
      await cluster.close();
      const writing = await beginWriting(port);
      const ended = await broker.stop(signal);
      expect(ended.stderr).toBe('');
      expect(ended.code).toBe(0);
      expect(ended.tookMs).toBeLessThan(STOP_MS_MAX);
      expect(existsSync(join(folder, 'perfbroker.lock'))).toBe(false);
      expect(existsSync(join(folder, '.kafka_cleanshutdown'))).toBe(true);
      await writing.ended;
      const again = startBroker(folder, flags);
      const ends = await endsOf(await again.port());
      expect(again.output).not.toContain('not clean');
      for (const [partition, end] of ends.entries()) expect(end).toBeGreaterThanOrEqual(writing.counts[partition] ?? 0);
      expect((await again.stop('SIGTERM')).code).toBe(0);
    });
  }

  it('sends members of a group away that wait for each other', async () => {
    const broker = startBroker(temporaryFolder());
    const port = await broker.port();
    const [first, second] = await Promise.all([0, 1].map(() => Connection.open({ host: '127.0.0.1', port })));
    if (first === undefined || second === undefined) throw new Error('two connections are open');
    const join = (connection: Connection, groupInstanceId: string) =>
      connection.request(joinGroup, {
        groupId: 'g',
        sessionTimeoutMs: 60_000,
        rebalanceTimeoutMs: 60_000,
        memberId: '',
        groupInstanceId,
        protocolType: 'x',
        protocols: [{ name: 'y', metadata: new Uint8Array(1) }],
      });
    await first.request(findCoordinator, { keyType: 0, coordinatorKeys: ['g'] });
    expect((await join(first, 'one')).errorCode).toBe(0);
    const waiting = join(second, 'two').catch(() => null);
    const state = async (): Promise<string | undefined> =>
      (await first.request(describeGroups, { groups: ['g'], includeAuthorizedOperations: false })).groups[0]
        ?.groupState;
    while ((await state()) !== 'PreparingRebalance');
    const ended = await broker.stop('SIGTERM');
    expect(ended.code, ended.stderr).toBe(0);
    expect(ended.tookMs).toBeLessThan(STOP_MS_MAX);
    expect((await waiting)?.errorCode).toBe(16);
    first.close();
    second.close();
  });

  it('does not wait for clients that wait', async () => {
    const broker = startBroker(temporaryFolder());
    const port = await broker.port();
    const cluster = clientOf(port);
    await makeTopic(cluster, 1);
    const consumer = new Consumer(cluster, { maxWaitMs: 60_000 });
    const fetching = consumer.fetch('topic', 0, 0).catch(() => null);
    // A second connection's round trip: meanwhile the fetch has arrived and parked.
    const other = clientOf(port);
    await new Consumer(other).findOffset('topic', 0, LATEST);
    await other.close();
    const ended = await broker.stop('SIGTERM');
    expect(ended.code, ended.stderr).toBe(0);
    expect(ended.tookMs).toBeLessThan(STOP_MS_MAX);
    await cluster.close();
    await fetching;
  });

  it('while the broker starts leaves no trace', async () => {
    const parent = temporaryFolder();
    const broker = startBroker(join(parent, 'data'));
    // Its lock is the first that is seen of it; signals before that meet a process that is no broker yet.
    while (!existsSync(join(parent, 'data'))) await new Promise((resolve) => setImmediate(resolve));
    const ended = await broker.stop('SIGTERM');
    expect([0, null]).toContain(ended.code);
    expect(ended.tookMs).toBeLessThan(STOP_MS_MAX);
    if (existsSync(join(parent, 'data'))) expect(readdirSync(join(parent, 'data'))).not.toContain('perfbroker.lock');
  });

  it('by a second signal happens at once', async () => {
    const broker = startBroker(temporaryFolder());
    await broker.port();
    broker.kill('SIGTERM');
    const ended = await broker.stop('SIGINT');
    // Node may hand both signals over together, or the first stop may be done already.
    expect([0, 1]).toContain(ended.code);
    expect(ended.tookMs).toBeLessThan(STOP_MS_MAX);
  });
});

describe('a crash', () => {
  it('leaves a lock that the next start takes over, and nothing acknowledged is lost', async () => {
    const folder = temporaryFolder();
    const broker = startBroker(folder);
    const port = await broker.port();
    const cluster = clientOf(port);
    await makeTopic(cluster, WRITERS);
    await cluster.close();
    const writing = await beginWriting(port);
    expect((await broker.stop('SIGKILL')).signal).toBe('SIGKILL');
    expect(existsSync(join(folder, 'perfbroker.lock'))).toBe(true);
    await writing.ended;
    const again = startBroker(folder);
    const ends = await endsOf(await again.port());
    for (const [partition, end] of ends.entries()) expect(end).toBeGreaterThanOrEqual(writing.counts[partition] ?? 0);
    expect(readFileSync(join(folder, 'perfbroker.lock'), 'utf8')).toContain(`"pid":${again.pid}`);
    const ended = await again.stop('SIGTERM');
    expect(ended.stdout).toContain('the last stop was not clean');
    expect(ended.code).toBe(0);
  });
});

describe('the data folder', () => {
  it('is for the eyes of its owner only', async () => {
    const folder = join(temporaryFolder(), 'data');
    const broker = startBroker(folder);
    const cluster = clientOf(await broker.port());
    await makeTopic(cluster, 2);
    await cluster.close();
    const modes = new Set([modeOf(folder)]);
    for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' }))
      modes.add(modeOf(join(folder, name)));
    expect([...modes].sort()).toEqual(['file 600', 'folder 700']);
    expect((await broker.stop('SIGTERM')).code).toBe(0);
  });
});

function modeOf(path: string): string {
  const found = statSync(path);
  return `${found.isDirectory() ? 'folder' : 'file'} ${(found.mode & 0o777).toString(8)}`;
}
