/**
 * What lies in a data folder is for the broker's user alone, whatever the umask is, and nothing in it leads out of it: real
 * processes over real folders, with links where an intruder, or somebody who moved a partition to another disk, would put them.
 */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { Kafka, logLevel } from 'kafkajs';
import { afterEach, describe, expect, it } from 'vitest';
import { Admin } from '../../src/client/admin.ts';
import { ClusterView } from '../../src/client/metadata.ts';
import { Producer } from '../../src/client/producer.ts';
import { writeMixedLoad } from '../clients/data-folder.ts';
import { type Spawned, startBroker, temporaryFolder } from './spawned.ts';

const mask = process.umask();

afterEach(() => {
  process.umask(mask);
});

/** "folder 700", "file 600": every kind of mode there is below the folder, itself included, with one example each. */
function modesIn(folder: string): Map<string, string> {
  const modes = new Map<string, string>();
  const walk = (path: string): void => {
    const found = lstatSync(path, { throwIfNoEntry: false });
    // A file that the broker renames meanwhile is seen under its next name, now or by the next look.
    if (found === undefined) return;
    const kind = found.isDirectory() ? 'folder' : found.isFile() ? 'file' : 'other';
    modes.set(`${kind} ${(found.mode & 0o7777).toString(8)}`, path);
    if (found.isDirectory()) for (const name of readdirSync(path)) walk(join(path, name));
  };
  walk(folder);
  return modes;
}

/** Segments, indexes, snapshots, groups, transactions, compaction, deletion, checkpoints: whatever makes files. */
async function useEverything(port: number): Promise<void> {
  await writeMixedLoad(port, 'mixed');
  const kafka = new Kafka({ brokers: [`127.0.0.1:${port}`], logLevel: logLevel.NOTHING });
  const admin = kafka.admin();
  await admin.connect();
  const configEntries = [
    { name: 'cleanup.policy', value: 'compact' },
    { name: 'min.cleanable.dirty.ratio', value: '0.01' },
    { name: 'segment.bytes', value: '1048576' },
  ];
  await admin.createTopics({ topics: [{ topic: 'compacted', configEntries }, { topic: 'gone' }] });
  const producer = kafka.producer({ transactionalId: 'writer', maxInFlightRequests: 1, idempotent: true });
  await producer.connect();
  const transaction = await producer.transaction();
  await transaction.send({ topic: 'gone', messages: [{ value: 'a' }] });
  await transaction.sendOffsets({
    consumerGroupId: 'readers',
    topics: [{ topic: 'gone', partitions: [{ partition: 0, offset: '1' }] }],
  });
  await transaction.commit();
  await producer.disconnect();
  const plain = kafka.producer();
  await plain.connect();
  for (let count = 0; count < 30; count++)
    await plain.send({ topic: 'compacted', messages: [{ key: 'k', value: 'x'.repeat(100_000) }] });
  await plain.disconnect();
  await admin.deleteTopics({ topics: ['gone'] });
  await admin.disconnect();
}

async function until(what: string, isSo: () => boolean): Promise<void> {
  for (const endMs = Date.now() + 40_000; !isSo(); ) {
    if (Date.now() > endMs) throw new Error(`never came: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

describe('files and folders are for the broker’s user alone', () => {
  const cases = [
    { io: 'node', umask: 0o000 },
    { io: 'epoll', umask: 0o000 },
    { io: 'epoll', umask: 0o377 },
  ];
  for (const { io, umask } of cases) {
    it(`with --io ${io} and umask ${umask.toString(8)}`, async () => {
      const folder = join(temporaryFolder(), 'above', 'data');
      process.umask(umask);
      const flags = [
        '--io',
        io,
        '--set',
        'log.cleaner.backoff.ms=50',
        '--set',
        'log.flush.offset.checkpoint.interval.ms=200',
      ];
      const broker = startBroker(folder, flags);
      const port = await broker.port();
      await useEverything(port);
      await until('a checkpoint of what is compacted', () => existsSync(join(folder, 'cleaner-offset-checkpoint')));
      expect([...modesIn(join(folder, '..')).keys()].sort()).toEqual(['file 600', 'folder 700']);
      expect((await broker.stop('SIGTERM')).code).toBe(0);
      expect([...modesIn(folder).keys()].sort()).toEqual(['file 600', 'folder 700']);
      const again = startBroker(folder, flags);
      await again.port();
      expect((await again.stop('SIGTERM')).code).toBe(0);
      process.umask(mask);
    });
  }

  it('partition folders and a catalog that came with wider rights are narrowed, the folder itself is left and told', async () => {
    const folder = temporaryFolder();
    const first = startBroker(folder);
    await makeTopic(first, 'orders');
    await first.stop('SIGTERM');
    spawnSync('chmod', ['-R', 'u+rwX,go+rX', folder]);
    const broker = startBroker(folder);
    await broker.port();
    const { stdout } = await broker.stop('SIGTERM');
    expect(stdout).toContain('1 partition folders were open to other users and are no longer (mode 0700)');
    expect(stdout).toContain(
      `other users may list the data folder (mode 0755) and so see topic names; chmod 700 ${folder}`,
    );
    expect(modeOf(folder)).toBe(0o755);
    expect(modeOf(join(folder, 'orders-0'))).toBe(0o700);
    expect(modeOf(join(folder, 'perfbroker.metadata'))).toBe(0o600);
    chmodSync(folder, 0o777);
    const open = startBroker(folder);
    await open.port();
    expect((await open.stop('SIGTERM')).stdout).toContain(`other users may write to the data folder (mode 0777)`);
    chmodSync(folder, 0o700);
    const closed = startBroker(folder);
    await closed.port();
    expect((await closed.stop('SIGTERM')).stdout).not.toContain('other users');
  });
});

describe('no link in a data folder is followed', () => {
  it('but the folder itself may be reached by one', async () => {
    const parent = temporaryFolder();
    mkdirSync(join(parent, 'real'), { mode: 0o700 });
    symlinkSync(join(parent, 'real'), join(parent, 'link'));
    const broker = startBroker(join(parent, 'link'));
    await makeTopic(broker, 'orders');
    expect((await broker.stop('SIGTERM')).code).toBe(0);
    expect(existsSync(join(parent, 'real', 'orders-0', '00000000000000000000.log'))).toBe(true);
  });

  const places: readonly (readonly [what: string, name: string])[] = [
    ['a partition’s folder', 'orders-0'],
    ['the folder of a deleted partition', `orders-1.${'0'.repeat(32)}-delete`],
    ['the catalog', 'perfbroker.metadata'],
    ['the lock', 'perfbroker.lock'],
    ['a checkpoint', 'recovery-point-offset-checkpoint'],
    ['the mark of a clean stop', '.kafka_cleanshutdown'],
  ];
  for (const [what, name] of places) {
    it(`${what} that is one is refused by name, and what it leads to is left alone`, async () => {
      const { folder, outside } = await folderWithTopic();
      const target = join(outside, 'target');
      const path = join(folder, name);
      if (existsSync(path)) renameSync(path, target);
      else mkdirSync(target);
      if (statSync(target).isDirectory()) writeFileSync(join(target, 'file'), 'precious');
      const before = contentOf(target);
      symlinkSync(target, path);
      const ended = await startBroker(folder).ended;
      expect(ended.code).toBe(1);
      expect(ended.stderr).toContain(`${path} is a symbolic link, which the broker does not follow`);
      expect(contentOf(target)).toEqual(before);
    });
  }

  const planted: readonly (readonly [what: string, name: string, plant: (path: string, outside: string) => void])[] = [
    ['a log', '00000000000000000000.log', plantLink],
    ['an index', '00000000000000000000.index', plantLink],
    ['a log that is a pipe', '00000000000000000000.log', plantPipe],
    ['epochs', 'leader-epoch-checkpoint', plantLink],
    ['partition metadata', 'partition.metadata', plantLink],
  ];
  for (const [what, name, plant] of planted) {
    it(`within a partition: ${what}; its target is not touched, and the file is named`, async () => {
      const { folder, outside } = await folderWithTopic();
      const path = join(folder, 'orders-0', name);
      rmSync(path, { force: true });
      plant(path, outside);
      const broker = startBroker(folder);
      const said = await Promise.race([
        broker.ended.then(() => true),
        until('its name', () => broker.output.includes(name)),
      ]);
      expect(broker.output).toContain(path);
      if (said !== true) await broker.stop('SIGTERM');
      expect(readFileSync(join(outside, 'precious'), 'utf8')).toBe('precious');
    });
  }

  it('a topic whose folder was planted before it is made is not made there', async () => {
    const folder = temporaryFolder();
    const outside = temporaryFolder();
    const broker = startBroker(folder);
    const port = await broker.port();
    symlinkSync(outside, join(folder, 'orders-0'));
    symlinkSync(join(outside, 'not-there'), join(folder, 'bills-0'));
    const cluster = new ClusterView({ brokers: [{ host: '127.0.0.1', port }] });
    const told: string[] = [];
    for (const name of ['orders', 'bills']) {
      const made = new Admin(cluster).createTopic({ name, partitions: 1, replicationFactor: 1 });
      await made.catch((error: unknown) => told.push(String(error)));
      const send = new Producer(cluster).send(name, 0, [{ key: null, value: Buffer.from('x'), timestamp: 1 }]);
      await Promise.race([send.catch(() => null), new Promise((resolve) => setTimeout(resolve, 1000))]);
    }
    expect(readdirSync(outside)).toEqual([]);
    await cluster.close();
    await broker.stop('SIGTERM');
    // Whoever made it is told; the log, when a start finds it.
    expect(told.join('\n') + broker.output).toContain('orders-0 is a symbolic link');
  });
});

function modeOf(path: string): number {
  return statSync(path).mode & 0o7777;
}

async function makeTopic(broker: Spawned, name: string): Promise<void> {
  const cluster = new ClusterView({ brokers: [{ host: '127.0.0.1', port: await broker.port() }] });
  await new Admin(cluster).createTopic({ name, partitions: 1, replicationFactor: 1 });
  await new Producer(cluster).send(name, 0, [{ key: null, value: Buffer.from('x'), timestamp: 1 }]);
  await cluster.close();
}

/** A stopped broker's folder, and another folder with a file that must stay as it is. */
async function folderWithTopic(): Promise<{ readonly folder: string; readonly outside: string }> {
  const folder = temporaryFolder();
  const broker = startBroker(folder);
  await makeTopic(broker, 'orders');
  await broker.stop('SIGTERM');
  const outside = temporaryFolder();
  writeFileSync(join(outside, 'precious'), 'precious');
  return { folder, outside };
}

function plantLink(path: string, outside: string): void {
  symlinkSync(join(outside, 'precious'), path);
}

function plantPipe(path: string): void {
  expect(spawnSync('mkfifo', [path]).status).toBe(0);
}

function contentOf(path: string): unknown {
  if (!statSync(path).isDirectory()) return readFileSync(path, 'latin1');
  return readdirSync(path).map((name) => [name, contentOf(join(path, name))]);
}
