/**
 * Any thread of the real broker may die: of an error that nobody caught, of memory that is used up, of an end that nobody
 * asked for; and the whole process of a signal that a broken native part would bring. No half of a broker goes on: the
 * process ends, not with 0, and says why; the next start finds everything that was acknowledged. The test kills threads by a
 * module that it loads into them (`dying-thread.mjs`).
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Admin } from '../../src/client/admin.ts';
import { Consumer, LATEST } from '../../src/client/consumer.ts';
import { ClusterView } from '../../src/client/metadata.ts';
import { Producer } from '../../src/client/producer.ts';
import { Authority, hasOpenssl } from '../support/certificates.ts';
import { root, Spawned, startBroker, temporaryFolder } from './spawned.ts';

const PRELOAD = join(root, 'test', 'process', 'dying-thread.mjs');
const PARTITIONS = 4;
const VALUE = Buffer.alloc(500, 'x');
/** So that memory is used up soon. */
const HEAP = '--max-old-space-size=96';

type Way = 'error' | 'memory' | 'exit';

interface Death {
  /** As `dying-thread.mjs` calls it. */
  readonly thread: string;
  /** As the broker does. */
  readonly name: string;
  readonly ways: readonly Way[];
  readonly args: readonly string[];
}

const apart = ['--workers', '2'];
const deaths: readonly Death[] = [
  { thread: 'front', name: 'front-0', ways: ['error', 'memory', 'exit'], args: apart },
  { thread: 'front', name: 'front-0', ways: ['error'], args: ['--workers', '1'] },
  { thread: 'front', name: 'front-0', ways: ['error'], args: [...apart, '--io', 'epoll'] },
  { thread: 'front', name: 'front-0', ways: ['error', 'memory'], args: [...apart, '--io', 'node'] },
  { thread: 'partition', name: 'worker-', ways: ['error', 'memory', 'exit'], args: apart },
  { thread: 'disk-aide-0', name: 'disk-aide', ways: ['error', 'memory'], args: [...apart, '--durability', 'fsync'] },
  { thread: 'disk-aide-1', name: 'flusher', ways: ['error'], args: apart },
];

function clientOf(port: number): ClusterView {
  return new ClusterView({ brokers: [{ host: '127.0.0.1', port }], requestTimeoutMs: 20_000 });
}

/** Writes until the broker is gone. By partition, behind the last record that was acknowledged. */
async function writeUntilDead(broker: Spawned, port: number, whenServed: () => void): Promise<number[]> {
  const cluster = clientOf(port);
  await new Admin(cluster).createTopic({ name: 'topic', partitions: PARTITIONS, replicationFactor: 1 });
  const ends = new Array<number>(PARTITIONS).fill(0);
  const write = async (partition: number): Promise<void> => {
    const producer = new Producer(cluster);
    for (let count = 0; ; count++) {
      const { baseOffset } = await producer.send('topic', partition, [
        { key: null, value: VALUE, timestamp: Date.now() },
      ]);
      ends[partition] = baseOffset + 1;
      if (partition === 0 && count === 20) whenServed();
    }
  };
  await Promise.all([broker.ended, ...ends.map((_, partition) => write(partition).catch(() => null))]);
  await cluster.close();
  return ends;
}

async function expectAllThere(folder: string, ends: readonly number[]): Promise<void> {
  const broker = startBroker(folder);
  const cluster = clientOf(await broker.port());
  const consumer = new Consumer(cluster);
  for (const [partition, end] of ends.entries()) {
    expect(await consumer.findOffset('topic', partition, LATEST)).toBeGreaterThanOrEqual(end);
    let count = 0;
    for await (const { value } of consumer.read('topic', partition, 0, end)) {
      count += 1;
      expect(VALUE.equals(value ?? Buffer.alloc(0))).toBe(true);
    }
    expect(count).toBe(end);
  }
  await cluster.close();
  const ended = await broker.stop('SIGTERM');
  expect({ code: ended.code, stderr: ended.stderr }).toEqual({ code: 0, stderr: '' });
}

function startDying(
  folder: string,
  thread: string,
  way: Way,
  args: readonly string[],
  more: { readonly [name: string]: string } = {},
): { broker: Spawned; kill: () => void } {
  const when = join(temporaryFolder(), 'now');
  if (thread === 'background') writeFileSync(when, '');
  const options = [`--import=${PRELOAD}`, ...(way === 'memory' ? [HEAP] : [])].join(' ');
  const environment = { NODE_OPTIONS: options, DYING_THREAD: thread, DYING_WAY: way, DYING_WHEN: when, ...more };
  const port = args.includes('--set') ? [] : ['--port', '0'];
  const broker = new Spawned(['--data', folder, ...port, ...args], { environment });
  return { broker, kill: () => writeFileSync(when, '') };
}

describe('a thread that dies ends the process, which says why and starts again', () => {
  for (const { thread, name, ways, args } of deaths) {
    for (const way of ways) {
      it(`${name} (${args.join(' ')}), ${way}`, async () => {
        const folder = temporaryFolder();
        const { broker, kill } = startDying(folder, thread, way, args);
        const ends = await writeUntilDead(broker, await broker.port(), kill);
        const ended = await broker.ended;
        expect(ended.stdout + ended.stderr).toContain(`the broker stops: the thread ${name}`);
        expect({ code: ended.code, signal: ended.signal }).toEqual({ code: 1, signal: null });
        expect(Math.min(...ends)).toBeGreaterThan(0);
        await expectAllThere(folder, ends);
      });
    }
  }

  it.each(['error', 'memory'] as const)('main, %s', async (way) => {
    const folder = temporaryFolder();
    const { broker, kill } = startDying(folder, 'main', way, apart);
    const ends = await writeUntilDead(broker, await broker.port(), kill);
    const ended = await broker.ended;
    expect(ended.code).not.toBe(0);
    expect(ended.signal).not.toBe('SIGKILL');
    // Once the process waited for its threads first, ten seconds long, and they went on serving.
    if (way === 'error') expect(ended.stderr).toMatch(/the broker stops: Error: as the test wants it +at /);
    else expect(ended.stdout + ended.stderr).toMatch(/heap/);
    await expectAllThere(folder, ends);
  });

  it.runIf(hasOpenssl)('the front of a TLS listener (openssl), error', async () => {
    const folder = temporaryFolder();
    const keystore = new Authority(temporaryFolder()).issue('server', '/CN=localhost').file;
    const listeners = 'listeners=PLAINTEXT://127.0.0.1:0,SSL://127.0.0.1:0';
    const args = ['--set', listeners, '--set', `ssl.keystore.location=${keystore}`];
    const { broker, kill } = startDying(folder, 'tls-front', 'error', args);
    const ends = await writeUntilDead(broker, await broker.port(), kill);
    const ended = await broker.ended;
    expect(ended.stdout + ended.stderr).toContain('the broker stops: the thread front-1');
    expect(ended.code).toBe(1);
    await expectAllThere(folder, ends);
  });
});

describe('a thread of the background pool that dies', () => {
  /** A folder that has to be put in order. */
  async function killed(): Promise<{ folder: string; ends: number[] }> {
    const folder = temporaryFolder();
    const broker = startBroker(folder, apart);
    const ends = await writeUntilDead(broker, await broker.port(), () => broker.kill('SIGKILL'));
    return { folder, ends };
  }

  it('while it recovers a log is replaced by another', async () => {
    const { folder, ends } = await killed();
    const { broker } = startDying(folder, 'background', 'memory', apart);
    const cluster = clientOf(await broker.port());
    for (const [partition, end] of ends.entries())
      expect(await new Consumer(cluster).findOffset('topic', partition, LATEST)).toBeGreaterThanOrEqual(end);
    await cluster.close();
    const ended = await broker.stop('SIGTERM');
    expect(ended.stderr).toContain('a background thread died');
    expect(ended.code).toBe(0);
    await expectAllThere(folder, ends);
  });

  it('again and again makes the start fail, and the next one is whole', async () => {
    const { folder, ends } = await killed();
    const { broker } = startDying(folder, 'background', 'memory', apart, { DYING_OFTEN: '1' });
    const ended = await broker.ended;
    expect(ended.stderr).toMatch(/the thread that put topic-\d in order died twice/);
    expect(ended.code).toBe(1);
    await expectAllThere(folder, ends);
  });
});

describe('a signal that a broken native part would bring', () => {
  it.each(['SIGSEGV', 'SIGABRT', 'SIGBUS', 'SIGILL'] as const)(
    '%s ends the process, and the next start is whole',
    async (signal) => {
      const folder = temporaryFolder();
      const broker = startBroker(folder, apart);
      const ends = await writeUntilDead(broker, await broker.port(), () => broker.kill(signal));
      expect((await broker.ended).signal).toBe(signal);
      await expectAllThere(folder, ends);
    },
  );
});
