/**
 * A disk that really fills up, under the real process: a small file system in memory, mounted for the test. Mounting takes
 * root; elsewhere the test is skipped, and `test/behaviours/21-full-disk` shows the same on the fake disk.
 * PERFBROKER_FULL_TIMES: how often it fills up at a random moment (`npm run nightly:full-disk`: 50).
 */
import { execFileSync } from 'node:child_process';
import { readdirSync, statfsSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { Admin } from '../../src/client/admin.ts';
import { AnswerError } from '../../src/client/answer-error.ts';
import { Consumer, EARLIEST, LATEST } from '../../src/client/consumer.ts';
import { ClusterView } from '../../src/client/metadata.ts';
import { Producer } from '../../src/client/producer.ts';
import { Prng } from '../support/prng.ts';
import { startBroker, temporaryFolder } from './spawned.ts';

const MEBIBYTE = 1_048_576;
const KAFKA_STORAGE_ERROR = 56;
const VALUE = Buffer.alloc(100_000, 'x');
const FULL_TIMES = Number(process.env['PERFBROKER_FULL_TIMES'] ?? 3);
const FULL_SEED = Number(process.env['PERFBROKER_FULL_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
const CODECS = 5;
const mounts: string[] = [];

/** Null where this user may not mount. */
function mountSmall(bytes: number): string | null {
  const folder = temporaryFolder();
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', folder], { stdio: 'ignore' });
  } catch {
    return null;
  }
  mounts.push(folder);
  return folder;
}

const probe = mountSmall(MEBIBYTE);
unmountAll();

function unmountAll(): void {
  for (const folder of mounts.splice(0)) execFileSync('umount', ['-l', folder]);
}

afterEach(unmountAll);

function freeBytes(folder: string): number {
  const { bavail, bsize } = statfsSync(folder);
  return bavail * bsize;
}

/** The error code, 0 when it was stored. */
async function produceOne(producer: Producer): Promise<number> {
  try {
    await producer.send('topic', 0, [{ key: null, value: VALUE, timestamp: Date.now() }]);
    return 0;
  } catch (error) {
    if (error instanceof AnswerError) return error.errorCode;
    throw error;
  }
}

/** Tries until the answer is the wished one; the deadline is that of the test. */
async function produceUntil(producer: Producer, wished: number): Promise<number> {
  for (let sent = 0; ; sent++) if ((await produceOne(producer)) === wished) return sent;
}

describe.skipIf(probe === null)('a disk that fills up (needs root to mount one)', () => {
  it('is named by a start that finds it full, which leaves nothing behind', async () => {
    const folder = mountSmall(64 * 1024) ?? '';
    try {
      writeFileSync(join(folder, 'thief'), Buffer.alloc(MEBIBYTE));
    } catch {
      // It filled what there was.
    }
    for (const data of [join(folder, 'a', 'b'), folder]) {
      const ended = await startBroker(data).ended;
      expect(ended.stderr).toBe(
        `perfbroker: data folder ${data} cannot be written: its disk is full; make room there or choose another with --data\n`,
      );
      expect(readdirSync(folder)).toEqual(['thief']);
    }
    execFileSync('mount', ['-o', 'remount,ro', folder]);
    expect((await startBroker(folder).ended).stderr).toContain('its file system is read-only; mount it for writing');
  });

  it('refuses producers at the reserve, goes on reading and deleting, and serves again by itself', async () => {
    const folder = mountSmall(48 * MEBIBYTE) ?? '';
    const broker = startBroker(join(folder, 'data'), ['--disk-reserve', String(8 * MEBIBYTE)]);
    const cluster = new ClusterView({ brokers: [{ host: '127.0.0.1', port: await broker.port() }] });
    const admin = new Admin(cluster);
    await admin.createTopic({ name: 'topic', partitions: 1, replicationFactor: 1 });
    await admin.createTopic({ name: 'ballast', partitions: 1, replicationFactor: 1 });
    const producer = new Producer(cluster);
    const consumer = new Consumer(cluster);

    const stored = await produceUntil(producer, KAFKA_STORAGE_ERROR);
    expect(stored).toBeGreaterThan(300);
    expect(freeBytes(folder)).toBeGreaterThan(7 * MEBIBYTE);
    expect(freeBytes(folder)).toBeLessThan(10 * MEBIBYTE);
    expect(await consumer.findOffset('topic', 0, LATEST)).toBe(stored);

    // Somebody else takes the reserve as well, to the last byte.
    const thief = join(folder, 'thief');
    try {
      writeFileSync(thief, Buffer.alloc(10 * MEBIBYTE));
    } catch {
      // It filled what there was.
    }
    expect(freeBytes(folder)).toBeLessThan(MEBIBYTE);
    expect(await produceOne(producer)).toBe(KAFKA_STORAGE_ERROR);
    expect(await consumer.findOffset('topic', 0, LATEST)).toBe(stored);
    await admin.deleteTopic('ballast').catch(() => undefined);

    truncateSync(thief, 0);
    await admin.createTopic({ name: 'other', partitions: 1, replicationFactor: 1 });
    expect(await produceOne(producer)).toBe(KAFKA_STORAGE_ERROR);
    execFileSync('mount', ['-o', `remount,size=${96 * MEBIBYTE}`, folder]);
    await produceUntil(producer, 0);
    expect(await consumer.findOffset('topic', 0, LATEST)).toBe(stored + 1);
    await cluster.close();
    const ended = await broker.stop('SIGTERM');
    expect([ended.code, ended.signal]).toEqual([0, null]);

    const again = startBroker(join(folder, 'data'));
    const view = new ClusterView({ brokers: [{ host: '127.0.0.1', port: await again.port() }] });
    expect(await new Consumer(view).findOffset('topic', 0, LATEST)).toBe(stored + 1);
    await view.close();
    await again.stop('SIGTERM');
  }, 60_000);

  it(
    `keeps what it acknowledged when the disk fills up ${FULL_TIMES} times at random moments`,
    async () => {
      const random = new Prng(FULL_SEED);
      const folder = mountSmall(64 * MEBIBYTE) ?? '';
      const thief = join(folder, 'thief');
      // Without a reserve, so that writes themselves meet the full disk.
      const broker = startBroker(join(folder, 'data'), ['--disk-reserve', '0']);
      const cluster = new ClusterView({ brokers: [{ host: '127.0.0.1', port: await broker.port() }] });
      await new Admin(cluster).createTopic({
        name: 'topic',
        partitions: CODECS,
        replicationFactor: 1,
        configs: { 'segment.bytes': '1048576', 'retention.bytes': '4194304' },
      });
      const producer = new Producer(cluster);
      const consumer = new Consumer(cluster);
      const stored = new Map<string, number>();
      let refused = 0;
      let name = 0;
      const sendOne = async (): Promise<boolean> => {
        const partition = name % CODECS;
        const text = `${name++} ${'x'.repeat(random.nextInt(60_000))}`;
        try {
          const batch = await producer.prepare(
            'topic',
            partition,
            [{ key: null, value: Buffer.from(text), timestamp: Date.now() }],
            partition,
          );
          stored.set(`${partition} ${(await producer.sendBatch(batch)).baseOffset}`, name - 1);
          return true;
        } catch (error) {
          if (!(error instanceof AnswerError)) throw error;
          refused += 1;
          return false;
        }
      };
      for (let time = 0; time < FULL_TIMES; time++) {
        for (let count = random.nextInt(20); count > 0; count--) await sendOne();
        fill(thief, random.nextInt(300_000));
        while (await sendOne());
        truncateSync(thief, 0);
        // Each log goes on by itself once there is room again.
        for (let partition = 0; partition < CODECS; partition++) while (!(await sendOne()));
      }
      const wrong: string[] = [];
      for (let partition = 0; partition < CODECS; partition++) {
        const end = await consumer.findOffset('topic', partition, LATEST);
        const start = await consumer.findOffset('topic', partition, EARLIEST);
        for await (const { offset, value } of consumer.read('topic', partition, start, end)) {
          const expected = stored.get(`${partition} ${offset}`);
          const found = Number(
            Buffer.from(value ?? [])
              .toString()
              .split(' ')[0],
          );
          // One that was refused may have been stored after all; one that was not may not have changed.
          if (expected !== undefined && expected !== found)
            wrong.push(`${partition} ${offset}: ${found}, not ${expected}`);
          stored.delete(`${partition} ${offset}`);
        }
        for (const left of stored.keys()) {
          const [of, offset] = left.split(' ').map(Number);
          if (of === partition && (offset ?? 0) >= start) wrong.push(`${left} is gone`);
        }
      }
      process.stdout.write(
        `full disk: ${FULL_TIMES} times, seed ${FULL_SEED}: ${name} sent, ${refused} refused, ${wrong.length} wrong\n`,
      );
      expect(wrong.slice(0, 10)).toEqual([]);
      expect(refused).toBeGreaterThanOrEqual(FULL_TIMES);
      await cluster.close();
      await broker.stop('SIGTERM');
    },
    60_000 + FULL_TIMES * 10_000,
  );
});

/** Takes all the room there is, but so much. */
function fill(path: string, leftBytes: number): void {
  const bytes = freeBytes(dirname(path)) - leftBytes;
  if (bytes <= 0) return;
  try {
    writeFileSync(path, Buffer.alloc(bytes));
  } catch {
    // The broker was faster: it is full.
  }
}
