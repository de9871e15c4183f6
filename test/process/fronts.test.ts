/**
 * The built broker with several front threads, as a person starts it: foreign clients and the load generator on every way
 * to the kernel, even connections, rest when idle, and no half a broker when a front dies.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Kafka, logLevel } from 'kafkajs';
import { describe, expect, it } from 'vitest';
import { writeProduceFrames } from '../../bench/load/frames.ts';
import { runLoad } from '../../bench/load/generator.ts';
import { root, Spawned, startBroker, temporaryFolder } from './spawned.ts';

const paths = process.platform === 'linux' ? ['uring', 'epoll', 'node'] : ['node'];
const FRONTS = ['--fronts', '3', '--workers', '2'];
const REST_MS = 2000;
const REST_LOOKS_MAX = 4;
/** Of one core; three fronts that looked again and again would take more than one. */
const REST_SHARE_MAX = 0.05;

/** Processor time of a process so far, in milliseconds. */
function busyMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

async function sleep(waitMs: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, waitMs));
}

describe.each(paths)('--fronts 3 --io %s', (io) => {
  it('serves kafkajs over many connections, and rests when nobody asks', { timeout: 60_000 }, async () => {
    const broker = startBroker(temporaryFolder(), [...FRONTS, '--io', io, '--partitions', '4']);
    const port = await broker.port();
    expect(broker.output).toMatch(/threads +3 fronts, 2 workers\n/);
    const clients = [0, 1, 2, 3].map((number) => {
      return new Kafka({ clientId: `client-${number}`, brokers: [`127.0.0.1:${port}`], logLevel: logLevel.NOTHING });
    });
    const values: string[] = [];
    const consumers = clients.slice(0, 2).map((kafka) => kafka.consumer({ groupId: 'readers', maxWaitTimeInMs: 500 }));
    const producers = clients.map((kafka) => kafka.producer());
    await Promise.all(producers.map((producer) => producer.connect()));
    await producers[0]?.send({ topic: 'orders', messages: [{ value: 'first' }] });
    await Promise.all(
      consumers.map(async (consumer) => {
        await consumer.connect();
        await consumer.subscribe({ topic: 'orders', fromBeginning: true });
        await consumer.run({ eachMessage: async ({ message }) => void values.push(String(message.value)) });
      }),
    );
    const wanted = ['first'];
    for (const [number, producer] of producers.entries()) {
      const messages = Array.from({ length: 50 }, (_, index) => ({ key: `${index}`, value: `${number}-${index}` }));
      wanted.push(...messages.map(({ value }) => value));
      await producer.send({ topic: 'orders', messages });
    }
    const untilMs = Date.now() + 30_000;
    while (values.length < wanted.length && Date.now() < untilMs) await sleep(50);
    expect(values.sort()).toEqual(wanted.sort());
    // Consumers go on polling; the others are connected and idle.
    await Promise.all(consumers.map((consumer) => consumer.disconnect()));
    await sleep(300);
    // A thread that spins does so in every look at it; what the machine does besides is over some time.
    let share = 1;
    for (let look = 0; look < REST_LOOKS_MAX && share >= REST_SHARE_MAX; look++) {
      const beforeMs = busyMs(broker.pid);
      await sleep(REST_MS);
      share = (busyMs(broker.pid) - beforeMs) / REST_MS;
    }
    expect(share).toBeLessThan(REST_SHARE_MAX);
    await Promise.all(producers.map((producer) => producer.disconnect()));
    const ended = await broker.stop('SIGTERM');
    expect([ended.code, ended.stderr]).toEqual([0, '']);
  });

  it('takes what the load generator sends over 16 connections, every batch', { timeout: 60_000 }, async () => {
    const broker = startBroker(temporaryFolder(), [...FRONTS, '--io', io, '--partitions', '8']);
    const port = await broker.port();
    const kafka = new Kafka({ brokers: [`127.0.0.1:${port}`], logLevel: logLevel.NOTHING });
    const admin = kafka.admin();
    await admin.connect();
    await admin.createTopics({ topics: [{ topic: 'load', numPartitions: 8 }], waitForLeaders: true });
    const plan = { topic: 'load', partitions: 8, batchBytes: 16_384, recordBytes: 1024, acks: -1, codec: 0 };
    const frames = writeProduceFrames(join(temporaryFolder(), 'frames'), plan);
    const result = await runLoad({
      host: '127.0.0.1',
      port,
      framesFile: frames.file,
      mode: 'produce',
      connections: 16,
      inFlight: 5,
      requestsPerSecond: 0,
      warmSeconds: 0,
      seconds: 1,
      acks: -1,
      pid: 0,
    });
    expect([result.errors, result.unanswered]).toEqual([0, 0]);
    expect(result.requests).toBeGreaterThan(100);
    const offsets = await admin.fetchTopicOffsets('load');
    const records = offsets.reduce((sum, { high }) => sum + Number(high), 0);
    // At least: what is on its way when the clock stops is written as well.
    expect(records).toBeGreaterThanOrEqual(result.requests * frames.recordsPerBatch);
    await admin.disconnect();
    expect((await broker.stop('SIGTERM')).code).toBe(0);
  });
});

it('says what is wrong with a number of fronts that cannot be', async () => {
  for (const count of ['0', '65', 'many']) {
    const ended = await startBroker(temporaryFolder(), ['--fronts', count]).ended;
    expect(ended.code).toBe(1);
    expect(ended.stderr).toMatch(/^perfbroker: perfbroker.fronts is .* between 1 and 64 .*from --fronts.*\n$/);
  }
});

it.each(paths)('a front that dies takes the broker with it, and the reason is told (--io %s)', async (io) => {
  const program = [process.execPath, join(root, 'dist', 'test', 'threads', 'dying-front.main.js')];
  const ended = await new Spawned([temporaryFolder(), io], { program }).ended;
  expect(ended.stdout + ended.stderr).toMatch(/the broker stops: the thread front-1 died while it served: .*\n/);
  expect([ended.code, ended.signal]).toEqual([1, null]);
});
