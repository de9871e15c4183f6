/**
 * Groups of kafkajs and of kcat (librdkafka) against the built broker: members come and go, the broker is killed while they
 * read, and nothing is lost; what was committed before a kill is not read again after it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Consumer, Kafka, logLevel } from 'kafkajs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BrokerProcess } from './broker-process.ts';
import { describeInstalled } from './foreign-client.ts';
import { writeNumbers } from './numbered-records.ts';
import { makeTopic } from './server-under-test.ts';

const PARTITIONS = 6;
const COUNT = 1200;
const TIMEOUT_MS = 120_000;
const WAIT_MS = 60_000;
const LOOK_MS = 20;

const kcat =
  ['/usr/bin/kcat', '/usr/local/bin/kcat', '/opt/homebrew/bin/kcat'].find((path) => existsSync(path)) ??
  '/usr/bin/kcat';

let server: BrokerProcess | null = null;
let dataFolder = '';

async function startWithNumbers(): Promise<BrokerProcess> {
  const broker = await BrokerProcess.start({ dataFolder });
  server = broker;
  await makeTopic(broker, 'numbers', PARTITIONS);
  await writeNumbers(broker.port, 'numbers', PARTITIONS, COUNT);
  return broker;
}

/** The same data on the same port. */
async function killAndStart(broker: BrokerProcess): Promise<BrokerProcess> {
  await broker.kill();
  return await BrokerProcess.start({ dataFolder, port: broker.port });
}

/** Counts how often each number was read, and by whom. */
class Readings {
  readonly times = new Map<number, number>();

  add(number: number): void {
    this.times.set(number, (this.times.get(number) ?? 0) + 1);
  }

  get missing(): number {
    return COUNT - this.times.size;
  }

  get again(): number {
    return [...this.times.values()].filter((times) => times > 1).length;
  }
}

async function until(isSo: () => boolean, what: string): Promise<void> {
  const deadlineMs = performance.now() + WAIT_MS;
  while (!isSo()) {
    if (performance.now() > deadlineMs) throw new Error(`waited in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

function kafkaOf(broker: BrokerProcess): Kafka {
  return new Kafka({
    brokers: [broker.address],
    logLevel: logLevel.NOTHING,
    retry: { initialRetryTime: 50, maxRetryTime: 500, retries: 100 },
  });
}

async function member(
  kafka: Kafka,
  groupId: string,
  readings: Readings,
  options: { readonly pauseMs?: number } = {},
): Promise<Consumer> {
  const consumer = kafka.consumer({ groupId, heartbeatInterval: 200, sessionTimeout: 10_000 });
  const isIn = new Promise<void>((resolve) => {
    consumer.on(consumer.events.GROUP_JOIN, () => resolve());
  });
  await consumer.connect();
  await consumer.subscribe({ topics: ['numbers'], fromBeginning: true });
  await consumer.run({
    autoCommitThreshold: 20,
    eachMessage: async ({ message }) => {
      readings.add(Number(message.value?.toString()));
      if (options.pauseMs !== undefined) await new Promise((resolve) => setTimeout(resolve, options.pauseMs));
    },
  });
  await isIn;
  return consumer;
}

beforeEach(() => {
  server = null;
  dataFolder = mkdtempSync(join(tmpdir(), 'perfbroker-groups-'));
});

afterEach(async () => {
  await server?.dispose();
  rmSync(dataFolder, { recursive: true, force: true });
});

describe('groups of kafkajs', () => {
  it(
    'read every record once while two members join and one leaves',
    async () => {
      const broker = await startWithNumbers();
      const kafka = kafkaOf(broker);
      const readings = new Readings();
      const first = await member(kafka, 'g', readings, { pauseMs: 2 });
      const second = await member(kafka, 'g', readings, { pauseMs: 2 });
      const third = await member(kafka, 'g', readings, { pauseMs: 2 });
      const described = await kafka.admin().describeGroups(['g']);
      expect(described.groups[0]).toMatchObject({ protocolType: 'consumer', errorCode: 0 });
      await first.disconnect();
      await until(() => readings.missing === 0, 'all numbers are read');
      await Promise.all([second.disconnect(), third.disconnect()]);
      const offsets = await kafka.admin().fetchOffsets({ groupId: 'g', topics: ['numbers'] });
      const sum = offsets[0]?.partitions.reduce((total, { offset }) => total + Number(offset), 0);
      expect(sum).toBe(COUNT);
    },
    TIMEOUT_MS,
  );

  it(
    'go on after kill -9 where they had committed, and lose nothing',
    async () => {
      const broker = await startWithNumbers();
      const kafka = kafkaOf(broker);
      const readings = new Readings();
      const members = await Promise.all([0, 1, 2].map(() => member(kafka, 'g', readings, { pauseMs: 4 })));
      await until(() => readings.times.size > COUNT / 4, 'a part is read');
      server = await killAndStart(broker);
      await until(() => readings.missing === 0, 'all numbers are read');
      await Promise.all(members.map((one) => one.disconnect()));
      // Read again is only what was not committed: at most what every partition has read since its last commit.
      expect(readings.again).toBeLessThan(COUNT / 2);
      const after = new Readings();
      const late = await member(kafka, 'g', after);
      await new Promise((resolve) => setTimeout(resolve, 500));
      expect(after.times.size).toBe(0);
      await late.disconnect();
    },
    TIMEOUT_MS,
  );
});

describeInstalled('groups of kcat', [kcat], () => {
  it(
    'share the partitions, commit when they end, and go on there after kill -9',
    async () => {
      const broker = await startWithNumbers();
      const readings = new Readings();
      const members = [0, 1, 2].map(() => startKcat(broker, readings));
      await until(() => readings.missing === 0, 'all numbers are read');
      await Promise.all(members.map((one) => interrupt(one)));
      server = await killAndStart(broker);
      await writeNumbers(server.port, 'numbers', PARTITIONS, COUNT);
      const after = new Readings();
      const late = startKcat(server, after);
      await until(() => after.missing === 0, 'what came later is read');
      await interrupt(late);
      expect(after.again).toBe(0);
    },
    TIMEOUT_MS,
  );
});

function startKcat(broker: BrokerProcess, readings: Readings): ChildProcess {
  const settings = ['-X', 'auto.offset.reset=earliest', '-X', 'heartbeat.interval.ms=200'];
  const child = spawn(kcat, ['-G', 'k', '-b', broker.address, '-u', '-q', ...settings, 'numbers'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  let rest = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    const lines = (rest + chunk.toString()).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) readings.add(Number(line));
  });
  return child;
}

async function interrupt(child: ChildProcess): Promise<void> {
  const ended = once(child, 'exit');
  child.kill('SIGINT');
  await ended;
}
