/**
 * What many people do to a broker all day, at once: steady producers and readers, topics that come and go, groups of both
 * protocols whose members come and go, transactions, a compacted topic with few keys, metrics that are scraped. Called by
 * `nightly:soak`. Nothing in here is kept: what grows is the broker.
 */
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type Client, createClient } from '../../src/client/client.ts';
import { writeProduceFrames } from '../load/frames.ts';
import { runLoad } from '../load/generator.ts';

export interface SoakPlan {
  readonly host: string;
  readonly port: number;
  readonly httpPort: number;
  readonly folder: string;
  /** Of the steady producers together. */
  readonly requestsPerSecond: number;
  readonly seconds: number;
  readonly parts: readonly SoakPart[];
}

export const SOAK_PARTS = [
  'producers',
  'readers',
  'topics',
  'classic-groups',
  'consumer-groups',
  'transactions',
  'keys',
  'metrics',
] as const;
export type SoakPart = (typeof SOAK_PARTS)[number];

export interface SoakCounts {
  produced: number;
  read: number;
  topics: number;
  groups: number;
  transactions: number;
  keyed: number;
  scrapes: number;
  /** What went wrong, the first ones in words. */
  errors: number;
  readonly problems: string[];
}

const STEADY_TOPIC = 'steady';
const KEYED_TOPIC = 'keyed';
const PARTITIONS = 8;
export const BATCH_BYTES = 4096;
const RECORD_BYTES = 256;
const CONNECTIONS = 8;
const KEYS = 1000;
const KEYED_PER_ROUND = 500;
const GROUP_MEMBERS = 3;
const GROUP_MS = 3000;
const PROBLEMS_MAX = 10;
const PAUSE_MS = 200;
const SCRAPE_MS = 5000;

export async function makeSoakTopics(brokers: string): Promise<void> {
  const client = createClient({ brokers });
  const admin = client.admin();
  const short = { 'retention.bytes': '33554432', 'segment.bytes': '16777216', 'file.delete.delay.ms': '1000' };
  await admin.ensureTopic({ name: STEADY_TOPIC, partitions: PARTITIONS, replicationFactor: 1, configs: short });
  const compacted = { 'cleanup.policy': 'compact', 'segment.ms': '10000', 'min.cleanable.dirty.ratio': '0.1' };
  await admin.ensureTopic({ name: KEYED_TOPIC, partitions: 2, replicationFactor: 1, configs: compacted });
  await client.close();
}

/** As fast as it goes, for a moment. */
export async function capacityOf(host: string, port: number, folder: string, seconds: number): Promise<number> {
  const result = await runLoad({
    ...{ host, port, framesFile: framesIn(folder), mode: 'produce', connections: CONNECTIONS, inFlight: 8 },
    ...{ requestsPerSecond: 0, warmSeconds: 2, seconds },
  });
  return result.requests / result.seconds;
}

function framesIn(folder: string): string {
  const file = join(folder, 'soak-frames');
  const shape = { topic: STEADY_TOPIC, partitions: PARTITIONS, codec: 0, acks: -1 };
  writeProduceFrames(file, { ...shape, batchBytes: BATCH_BYTES, recordBytes: RECORD_BYTES });
  return file;
}

export class Soak {
  readonly counts: SoakCounts = {
    produced: 0,
    read: 0,
    topics: 0,
    groups: 0,
    transactions: 0,
    keyed: 0,
    scrapes: 0,
    errors: 0,
    problems: [],
  };
  private readonly plan: SoakPlan;
  private readonly brokers: string;
  private readonly endMs: number;

  constructor(plan: SoakPlan) {
    this.plan = plan;
    this.brokers = `${plan.host}:${plan.port}`;
    this.endMs = Date.now() + plan.seconds * 1000;
  }

  async run(): Promise<void> {
    const parts: Record<SoakPart, () => Promise<void>> = {
      producers: () => this.produceSteadily(),
      readers: () => this.untilTheEnd('readers', (client) => this.readForAWhile(client)),
      topics: () => this.untilTheEnd('topics', (client) => this.churnTopic(client)),
      'classic-groups': () => this.untilTheEnd('classic-groups', () => this.churnGroup('classic')),
      'consumer-groups': () => this.untilTheEnd('consumer-groups', () => this.churnGroup('consumer')),
      transactions: () => this.untilTheEnd('transactions', (client) => this.transact(client)),
      keys: () => this.untilTheEnd('keys', (client) => this.overwriteKeys(client)),
      metrics: () => this.untilTheEnd('metrics', () => this.scrape()),
    };
    await Promise.all(this.plan.parts.map((part) => parts[part]()));
  }

  private get isOver(): boolean {
    return Date.now() >= this.endMs;
  }

  private async untilTheEnd(what: SoakPart, round: (client: Client) => Promise<void>): Promise<void> {
    while (!this.isOver) {
      const client = createClient({ brokers: this.brokers, clientId: `soak-${what}` });
      try {
        await round(client);
      } catch (error) {
        this.counts.errors += 1;
        const words = `${what}: ${error instanceof Error ? error.message : String(error)}`;
        if (this.counts.problems.length < PROBLEMS_MAX) this.counts.problems.push(words);
      }
      await client.close().catch(() => {});
      await delay(PAUSE_MS);
    }
  }

  private async produceSteadily(): Promise<void> {
    const { host, port, folder, seconds, requestsPerSecond } = this.plan;
    const result = await runLoad({
      ...{ host, port, framesFile: framesIn(folder), mode: 'produce', connections: CONNECTIONS, inFlight: 64 },
      ...{ requestsPerSecond, warmSeconds: 0, seconds },
    });
    this.counts.produced = result.requests;
    this.counts.errors += result.errors + result.unanswered;
    if (result.errors > 0)
      this.counts.problems.push(`steady producers: ${result.errors} errors, ${result.firstError} first`);
  }

  private async readForAWhile(client: Client): Promise<void> {
    const consumer = client.consumer({ autoOffsetReset: 'latest' });
    const partitions = Array.from({ length: PARTITIONS }, (_, partition) => ({ topic: STEADY_TOPIC, partition }));
    consumer.assign(partitions);
    const untilMs = Math.min(this.endMs, Date.now() + 10_000);
    while (Date.now() < untilMs) {
      const batch = await consumer.poll({ timeoutMs: 500 });
      if (batch !== null) this.counts.read += batch.records.length;
    }
    await consumer.close();
  }

  private async churnTopic(client: Client): Promise<void> {
    const name = `short-lived-${this.counts.topics}`;
    const admin = client.admin();
    await admin.createTopic({ name, partitions: 3, replicationFactor: 1 });
    const producer = client.producer({ compression: 'lz4' });
    for (let index = 0; index < 100; index++)
      void producer.send({ topic: name, key: `${index}`, value: 'short-lived' });
    await producer.flush();
    await producer.close();
    await admin.deleteTopic(name);
    this.counts.topics += 1;
  }

  /** Members come one after the other, read, and go; then the group is deleted. */
  private async churnGroup(groupProtocol: 'classic' | 'consumer'): Promise<void> {
    const groupId = `${groupProtocol}-${this.counts.groups}`;
    const client = createClient({ brokers: this.brokers, clientId: groupId });
    try {
      const members = Array.from({ length: GROUP_MEMBERS }, async (_, index) => {
        await delay(index * PAUSE_MS);
        const consumer = client.consumer({
          groupId,
          groupProtocol,
          autoOffsetReset: 'latest',
          autoCommitIntervalMs: 500,
        });
        consumer.subscribe([STEADY_TOPIC]);
        const untilMs = Date.now() + GROUP_MS;
        while (Date.now() < untilMs) {
          const batch = await consumer.poll({ timeoutMs: 300 });
          if (batch !== null) this.counts.read += batch.records.length;
        }
        await consumer.close();
      });
      await Promise.all(members);
      await client.admin().groups.delete([groupId]);
      this.counts.groups += 1;
    } finally {
      await client.close().catch(() => {});
    }
  }

  private async transact(client: Client): Promise<void> {
    const producer = client.producer({ transactionalId: `soak-${this.counts.transactions % 50}` });
    await producer.initTransactions();
    for (let count = 0; count < 5; count++) {
      await producer.inTransaction(async (within) => {
        for (let index = 0; index < 10; index++)
          await within.send({ topic: KEYED_TOPIC, key: `t${index}`, value: 'x' });
      });
      this.counts.transactions += 1;
    }
    await producer.close();
  }

  private async overwriteKeys(client: Client): Promise<void> {
    const producer = client.producer();
    for (let index = 0; index < KEYED_PER_ROUND; index++) {
      const key = `key-${(this.counts.keyed + index) % KEYS}`;
      void producer.send({ topic: KEYED_TOPIC, key, value: 'v'.repeat(500) });
    }
    await producer.flush();
    this.counts.keyed += KEYED_PER_ROUND;
  }

  private async scrape(): Promise<void> {
    const answer = await fetch(`http://127.0.0.1:${this.plan.httpPort}/metrics`);
    await answer.text();
    if (answer.ok) this.counts.scrapes += 1;
    await delay(SCRAPE_MS);
  }
}
