import { describe, expect, test } from 'vitest';
import { must } from '../../src/base/assert.ts';
import { Fault } from '../../src/base/fault.ts';
import { silentLogger } from '../../src/base/logger.ts';
import { loadBrokerConfig } from '../../src/config/load.ts';
import { topicValues } from '../../src/config/topic-config.ts';
import { LogDirectory } from '../../src/storage/log-directory.ts';
import type { RecoveryArgs } from '../../src/storage/recovery.ts';
import type { WorkerCommand } from '../../src/workers/commands.ts';
import { type PartitionToStart, WorkerHost } from '../../src/workers/worker-host.ts';
import { WorkerPost } from '../../src/workers/worker-post.ts';
import { FakeDisk } from '../support/fake-disk.ts';

function makeHost(options: { readonly isClean?: boolean; readonly workers?: number } = {}) {
  const disk = new FakeDisk();
  const directory = new LogDirectory(disk, 'data');
  directory.open('boot');
  const commands: { readonly worker: number; readonly command: WorkerCommand }[] = [];
  const recovered: RecoveryArgs[] = [];
  const problems = new Map<number, string>();
  /** What the next flushes of everything come to. */
  const flushes: boolean[] = [];
  let flushCount = 0;
  const posts = Array.from({ length: options.workers ?? 2 }, (_, worker): WorkerPost => {
    const post: WorkerPost = new WorkerPost(worker, {
      post(message) {
        const command = message as WorkerCommand;
        commands.push({ worker, command });
        if (!('id' in command)) return;
        const slots = command.kind === 'open' ? command.partitions.map(({ slot }) => slot) : [];
        const outcomes = slots.map((slot) => ({ slot, problem: problems.get(slot) ?? null }));
        post.receive({ kind: 'outcome', id: command.id, outcomes });
      },
    });
    return post;
  });
  const host = new WorkerHost({
    logger: silentLogger,
    forgetTallies: () => {},
    posts,
    directory,
    isClean: options.isClean ?? true,
    settings: { isSyncedBeforeAck: false, producerExpiryMs: 1000 },
    flushAll: () => {
      flushCount += 1;
      return Promise.resolve(must(flushes.shift(), 'a flush was expected'));
    },
    recover: (args) => {
      recovered.push(args);
      if (args.partitionName === 'broken-0') return Promise.reject(new Error('it is beyond repair'));
      if (args.partitionName === 'deadly-0') return Promise.reject(new Fault('PB_THREAD', 'it killed its thread'));
      const { partitionName } = args;
      const nothing = { bytesScanned: 100, bytesCut: 0, segmentsRemoved: 0 };
      return Promise.resolve({ ...nothing, partitionName, endOffset: 9, recoveryPoint: 5 });
    },
    uniqueHex: () => 'ab'.repeat(16),
  });
  for (const name of ['orders-0', 'orders-1', 'broken-0', 'deadly-0']) disk.makeFolder(`data/${name}`);
  return { disk, directory, host, commands, recovered, problems, flushes, flushCount: () => flushCount };
}

function toStart(slot: number, more: Partial<PartitionToStart> = {}): PartitionToStart {
  return {
    slot,
    worker: slot % 2,
    topic: 'orders',
    topicId: 'AAAAAAAAAAAAAAAAAAAAAQ',
    partition: slot,
    leaderEpoch: 0,
    values: topicValues({}, loadBrokerConfig({})),
    isNew: true,
    ...more,
  };
}

describe('the host of partitions', () => {
  test('opens them with one command for each worker, and makes the names of their folders durable', async () => {
    const { disk, host, commands } = makeHost();
    const before = disk.counts.syncFolder;
    const outcomes = await host.openPartitions([0, 1, 2, 3, 4].map((slot) => toStart(slot)));
    expect(outcomes.map(({ slot }) => slot).sort()).toEqual([0, 1, 2, 3, 4]);
    expect(commands.map(({ worker, command }) => [worker, command.kind])).toEqual([
      [0, 'open'],
      [1, 'open'],
    ]);
    expect([...host.open.keys()].sort()).toEqual([0, 1, 2, 3, 4]);
    expect(disk.counts.syncFolder - before).toBe(1);
  });

  test('hands thousands over in pieces, and closes them in pieces', async () => {
    const { host, commands } = makeHost();
    const many = Array.from({ length: 600 }, (_, slot) => toStart(slot, { topic: 'many', worker: 0 }));
    expect(await host.openPartitions(many)).toHaveLength(600);
    await host.closePartitions(many, { remove: true });
    const sizes = commands.map(({ command }) => {
      if (command.kind === 'open') return [command.kind, command.partitions.length];
      return [command.kind, command.kind === 'close' && command.slots.length];
    });
    const pieces = [256, 256, 88];
    expect(sizes).toEqual([...pieces.map((size) => ['open', size]), ...pieces.map((size) => ['close', size])]);
  });

  test('does not count as open what did not open', async () => {
    const { host, problems } = makeHost();
    problems.set(1, 'its folder is a file');
    const outcomes = await host.openPartitions([toStart(0), toStart(1)]);
    expect(outcomes.find(({ slot }) => slot === 1)?.problem).toBe('its folder is a file');
    expect([...host.open.keys()]).toEqual([0]);
  });

  test('has folders of before recovered after an unclean stop, and only those', async () => {
    const { host, recovered, commands } = makeHost({ isClean: false });
    await host.openPartitions([
      toStart(0, { isNew: false }),
      toStart(2, { isNew: true }),
      toStart(4, { isNew: false, topic: 'broken', partition: 0 }),
    ]);
    expect(recovered.map(({ partitionName }) => partitionName)).toEqual(['orders-0', 'broken-0']);
    const { command } = must(commands[0], 'a worker was commanded');
    expect(
      command.kind === 'open' && command.partitions.map(({ slot, recoveryPoint }) => [slot, recoveryPoint]),
    ).toEqual([
      [0, 5],
      [2, 0],
    ]);
    expect(host.bytesScanned).toBe(100);
    expect([...host.open.keys()]).toEqual([0, 2]);
  });

  test.each([
    ['few logs are flushed one by one', 64, [], [false]],
    ['many are flushed together', 65, [true, true], [true]],
    ['where that cannot be told from a failure, one by one', 65, [false], [false]],
    ['when it fails, one by one after all', 65, [true, false], [true, false]],
  ])('after a power cut %s', async (_how, count, outcomes, shared) => {
    const { disk, host, recovered, flushes, flushCount } = makeHost({ isClean: false });
    flushes.push(...outcomes);
    for (let index = 0; index < count; index++) disk.makeFolder(`data/many-${index}`);
    const many = Array.from({ length: count }, (_, partition) =>
      toStart(partition, { topic: 'many', partition, isNew: false }),
    );
    await host.openPartitions(many);
    expect(recovered.map(({ isFlushShared }) => isFlushShared)).toEqual(
      shared.flatMap((isShared) => Array.from({ length: count }, () => isShared)),
    );
    expect(flushCount()).toBe(outcomes.length);
    expect(host.open.size).toBe(count);
  });

  test('believes nothing of an earlier topic of a name whose folder was not made before the stop', async () => {
    const { disk, directory, host, commands } = makeHost({ isClean: false });
    const row = { topic: 'anew', partition: 0, recoveryPoint: 9, logStart: 5, high: 9, end: 9, cleanedOffset: 3 };
    directory.saveCheckpoints([row]);
    directory.open('boot');
    await host.openPartitions([toStart(0, { topic: 'anew', isNew: false })]);
    const opened = commands.flatMap(({ command }) => (command.kind === 'open' ? command.partitions : []));
    expect(opened).toMatchObject([{ logStartOffset: 0, recoveryPoint: 0, cleanedOffset: 0 }]);
    const next = new LogDirectory(disk, 'data');
    next.open('boot');
    expect(next.vouchersOf('anew', 0)).toMatchObject({ logStartOffset: 0, recoveryPoint: 0, cleanedOffset: 0 });
  });

  test('tells which partition could not be recovered, and why', async () => {
    const { host } = makeHost({ isClean: false });
    const outcomes = await host.openPartitions([toStart(0, { isNew: false, topic: 'broken', partition: 0 })]);
    expect(outcomes).toEqual([{ slot: 0, problem: 'broken-0 could not be recovered: it is beyond repair' }]);
  });

  test('does not open the others when a recovery killed its threads: half a broker is none', async () => {
    const { host, commands } = makeHost({ isClean: false });
    const deadly = toStart(0, { isNew: false, topic: 'deadly', partition: 0 });
    await expect(host.openPartitions([deadly, toStart(1)])).rejects.toThrow('it killed its thread');
    expect(commands).toEqual([]);
  });

  test('removes the folders of deleted topics after their logs are closed', async () => {
    const { disk, host, commands } = makeHost();
    await host.openPartitions([toStart(0), toStart(1)]);
    for (const name of ['orders-0', 'orders-1']) disk.makeFolder(`data/${name}`);
    await host.closePartitions([toStart(0)], { remove: true });
    await host.closePartitions([toStart(1)], { remove: false });
    expect(disk.list('data')).toEqual(['broken-0', 'deadly-0', 'orders-1', 'perfbroker.format']);
    expect(commands.slice(2).map(({ command }) => command.kind === 'close' && command.remove)).toEqual([true, false]);
    expect(host.open.size).toBe(0);
  });
});
