/** The topics of a simulation with what is known of each of their partitions. */
import { metadata } from '../../src/protocol/schemas/03-metadata.ts';
import { createTopics } from '../../src/protocol/schemas/19-create-topics.ts';
import type { Prng } from '../support/prng.ts';
import { anyOf } from './client-manners.ts';
import { KEEPS_ALL, LogStart, type Retention } from './log-start.ts';
import { PartitionModel, type TopicName } from './partition-model.ts';
import type { PassingTopic } from './passing-topics.ts';
import { LinkBroken, type SimulatedLink } from './simulated-link.ts';
import type { Simulation } from './simulation.ts';
import { demand, Violation } from './violation.ts';

export interface TopicModel extends TopicName {
  readonly partitions: readonly PartitionModel[];
}

interface TopicWish {
  readonly name: string;
  readonly partitions: number;
  readonly configs: Readonly<Record<string, string>>;
}

const TOPIC_ALREADY_EXISTS = 36;
const TRIES_MAX = 40;
export const CODECS = ['producer', 'uncompressed', 'gzip', 'lz4'];

export class TopicModels {
  /** Made at the beginning, and there to the end. */
  readonly topics: TopicModel[] = [];
  /** That come and go; none where nobody makes them. */
  readonly passing: PassingTopic[] = [];
  private readonly simulation: Simulation;
  private nextNumber = 1;

  constructor(simulation: Simulation) {
    this.simulation = simulation;
  }

  get partitions(): PartitionModel[] {
    return this.topics.flatMap(({ partitions }) => partitions);
  }

  /** With those of topics that come and go, as far as they are there. */
  get allPartitions(): PartitionModel[] {
    return [...this.partitions, ...this.passing.flatMap(({ current }) => current?.partitions ?? [])];
  }

  get areAllVerified(): boolean {
    const { life } = this.simulation.history;
    return this.allPartitions.every(({ verifiedLife }) => verifiedLife === life);
  }

  /** As many record numbers, none of which was used before. */
  takeNumbers(count: number): number {
    const first = this.nextNumber;
    this.nextNumber += count;
    return first;
  }

  named(name: string): TopicModel {
    const topic = this.topics.find((each) => each.name === name);
    demand(topic !== undefined, `there is a topic ${name}`);
    return topic;
  }

  async create(): Promise<void> {
    for (const wish of wishes(this.simulation.random)) {
      const id = await this.createOne(wish);
      this.add(wish, id);
    }
  }

  /** Its id. */
  private async createOne({ name, partitions, configs }: TopicWish): Promise<string> {
    const topic = {
      name,
      numPartitions: partitions,
      replicationFactor: 1,
      assignments: [],
      configs: Object.entries(configs).map(([key, value]) => ({ name: key, value })),
    };
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      const link = await this.simulation.connect();
      try {
        const answer = await link.ask(createTopics, 7, { topics: [topic] });
        const { errorCode = -1, topicId = '' } = answer.topics[0] ?? {};
        if (errorCode === 0) return topicId;
        if (errorCode === TOPIC_ALREADY_EXISTS) return await idOf(link, name);
        await this.simulation.pause(50);
      } catch (error) {
        if (!(error instanceof LinkBroken)) throw error;
      }
    }
    throw new Violation(`topic ${name} cannot be created`);
  }

  private add({ name, partitions, configs }: TopicWish, id: string): void {
    const topic = { name, id };
    const models = Array.from({ length: partitions }, (_, partition) => this.modelOf(topic, partition, configs));
    this.topics.push({ ...topic, partitions: models });
  }

  /** Of a partition that is made now. */
  modelOf({ name, id }: TopicName, partition: number, configs: TopicWish['configs']): PartitionModel {
    const { history, profile } = this.simulation;
    const policy = configs['cleanup.policy'] ?? 'delete';
    return new PartitionModel({
      topic: { name, id },
      partition,
      promised: configs['flush.messages'] === '1' ? 'device' : profile.promised,
      isCompacted: policy.includes('compact'),
      isDeletable: policy.includes('delete'),
      history,
      start: new LogStart(`${name}-${partition}`, retentionOf(configs), () => this.simulation.latestMs),
      nowMs: () => this.simulation.trueMs,
    });
  }
}

async function idOf(link: SimulatedLink, name: string): Promise<string> {
  const { topics } = await link.ask(metadata, 12, { topics: [{ name }], allowAutoTopicCreation: false });
  return topics[0]?.topicId ?? '';
}

function retentionOf(configs: TopicWish['configs']): Retention {
  const bytesMax = Number(configs['retention.bytes'] ?? Number.POSITIVE_INFINITY);
  const msMax = Number(configs['retention.ms'] ?? Number.POSITIVE_INFINITY);
  return bytesMax === msMax ? KEEPS_ALL : { bytesMax, msMax };
}

function wishes(random: Prng): TopicWish[] {
  const segments = (): Readonly<Record<string, string>> => ({
    'internal.segment.bytes': String([1500, 3000, 8000, 1 << 20][random.nextInt(4)]),
    'index.interval.bytes': String([0, 200, 4096][random.nextInt(3)]),
    'file.delete.delay.ms': String([0, 500, 60_000][random.nextInt(3)]),
    ...(random.nextInt(6) === 0 ? { 'compression.type': anyOf(random, CODECS) } : {}),
  });
  const retentions = [{}, { 'retention.bytes': '4000' }, { 'retention.bytes': '20000' }, { 'retention.ms': '800' }];
  return [
    { name: 'orders', partitions: 1 + random.nextInt(3), configs: segments() },
    {
      name: 'events',
      partitions: 1 + random.nextInt(2),
      configs: {
        ...segments(),
        ...(random.nextBoolean() ? { 'flush.messages': '1' } : {}),
        ...retentions[random.nextInt(retentions.length)],
      },
    },
    { name: 'ledger', partitions: 1 + random.nextInt(2), configs: segments() },
    {
      name: 'table',
      partitions: 1,
      configs: {
        ...segments(),
        'cleanup.policy': random.nextBoolean() ? 'compact' : 'compact,delete',
        'min.cleanable.dirty.ratio': '0.01',
        'delete.retention.ms': '0',
      },
    },
  ];
}
