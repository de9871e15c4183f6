/**
 * A disk that fails under the real process: errors of writes and of flushes, a data folder that turns read-only. What is
 * acknowledged stays, what failed is never acknowledged by a second try, reads go on, and the broker says why.
 */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Admin } from '../../src/client/admin.ts';
import { AnswerError } from '../../src/client/answer-error.ts';
import { Consumer, LATEST } from '../../src/client/consumer.ts';
import { ClusterView } from '../../src/client/metadata.ts';
import { Producer } from '../../src/client/producer.ts';
import { FailingDisk, whyNoFailingDisk } from './failing-disk.ts';
import { type Spawned, startBroker, temporaryFolder } from './spawned.ts';

const KAFKA_STORAGE_ERROR = 56;
const reason = whyNoFailingDisk();

interface Rig {
  readonly broker: Spawned;
  readonly disk: FailingDisk;
  readonly dataFolder: string;
  readonly cluster: ClusterView;
  readonly producer: Producer;
  readonly consumer: Consumer;
}

async function makeRig(args: readonly string[] = []): Promise<Rig> {
  const folder = temporaryFolder();
  const dataFolder = join(folder, 'data');
  const disk = new FailingDisk(folder, dataFolder);
  // The kernel's ring would write past the library.
  const broker = startBroker(dataFolder, ['--io', 'epoll', ...args], { environment: disk.environment });
  const cluster = await clusterOf(broker);
  await new Admin(cluster).createTopic({ name: 'topic', partitions: 1, replicationFactor: 1 });
  return { broker, disk, dataFolder, cluster, producer: new Producer(cluster), consumer: new Consumer(cluster) };
}

async function clusterOf(broker: Spawned): Promise<ClusterView> {
  return new ClusterView({ brokers: [{ host: '127.0.0.1', port: await broker.port() }] });
}

/** The error code, 0 when it was stored. */
async function produceOne(producer: Producer, value: string): Promise<number> {
  try {
    await producer.send('topic', 0, [{ key: null, value: Buffer.from(value), timestamp: Date.now() }]);
    return 0;
  } catch (error) {
    if (error instanceof AnswerError) return error.errorCode;
    throw error;
  }
}

async function valuesIn(consumer: Consumer): Promise<string[]> {
  const end = await consumer.findOffset('topic', 0, LATEST);
  const values: string[] = [];
  for await (const { value } of consumer.read('topic', 0, 0, end)) values.push(Buffer.from(value ?? []).toString());
  return values;
}

/** Ends it as a crash would, and reads what a start on a sound disk finds. */
async function afterRestart({ broker, cluster, dataFolder }: Rig): Promise<string[]> {
  await cluster.close();
  await broker.stop('SIGKILL');
  const again = startBroker(dataFolder);
  const view = await clusterOf(again);
  const found = await valuesIn(new Consumer(view));
  expect(await produceOne(new Producer(view), 'after')).toBe(0);
  await view.close();
  await again.stop('SIGTERM');
  return found;
}

/** Asked until it is so; the deadline is that of the test. */
async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise((resolve) => setTimeout(resolve, 20));
}

describe.skipIf(reason !== null)(`a disk that fails (${reason ?? 'a library before the C library'})`, () => {
  it('answers a failed write with a storage error, stays closed to appends, and goes on reading', async () => {
    const rig = await makeRig();
    expect(await produceOne(rig.producer, 'one')).toBe(0);
    rig.disk.fail({ write: 'EIO' });
    expect(await produceOne(rig.producer, 'two')).toBe(KAFKA_STORAGE_ERROR);
    expect(await valuesIn(rig.consumer)).toEqual(['one']);
    rig.disk.fail();
    // What became of the bytes of a write that failed only a start can tell.
    expect(await produceOne(rig.producer, 'three')).toBe(KAFKA_STORAGE_ERROR);
    expect(await valuesIn(rig.consumer)).toEqual(['one']);
    expect(rig.broker.output).toContain('topic-0 takes no more appends: its disk answered with EIO');
    expect(await afterRestart(rig)).toEqual(['one']);
  });

  it('acknowledges nothing whose flush failed, and no later flush makes up for it', async () => {
    const rig = await makeRig(['--durability', 'fsync']);
    expect(await produceOne(rig.producer, 'one')).toBe(0);
    rig.disk.fail({ flush: 'EIO' });
    expect(await produceOne(rig.producer, 'two')).toBe(KAFKA_STORAGE_ERROR);
    rig.disk.fail();
    expect(await produceOne(rig.producer, 'three')).toBe(KAFKA_STORAGE_ERROR);
    expect(await valuesIn(rig.consumer)).toEqual(['one']);
    expect(rig.broker.output).toContain('takes no more appends');
    // The bytes of the second were written, and nobody was told they were not: a start may find them.
    const found = await afterRestart(rig);
    expect(found.slice(0, 1)).toEqual(['one']);
    expect(found).not.toContain('three');
  });

  it('closes a log whose flush in the background failed', async () => {
    const rig = await makeRig();
    expect(await produceOne(rig.producer, 'one')).toBe(0);
    rig.disk.fail({ flush: 'EIO' });
    await until(() => rig.broker.output.includes('takes no more appends'));
    rig.disk.fail();
    expect(await produceOne(rig.producer, 'two')).toBe(KAFKA_STORAGE_ERROR);
    expect(await valuesIn(rig.consumer)).toEqual(['one']);
    expect(await afterRestart(rig)).toEqual(['one']);
  });

  it('serves what it has from a data folder that turns read-only, and says why it takes no more', async () => {
    const rig = await makeRig();
    expect(await produceOne(rig.producer, 'one')).toBe(0);
    rig.disk.fail({ write: 'EROFS', flush: 'EROFS', change: 'EROFS' });
    expect(await produceOne(rig.producer, 'two')).toBe(KAFKA_STORAGE_ERROR);
    const topic = { name: 'other', partitions: 1, replicationFactor: 1 };
    await expect(new Admin(rig.cluster).createTopic(topic)).rejects.toThrow();
    expect(await valuesIn(rig.consumer)).toEqual(['one']);
    expect(rig.broker.output).toContain('its disk answered with EROFS');
    rig.disk.fail();
    expect(await afterRestart(rig)).toEqual(['one']);
  });
});
