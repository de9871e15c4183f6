/** Topics: list, describe, create, grow, delete. Part of the admin; names in, one outcome for each out. */
import { errorCode } from '../../protocol/errors.ts';
import { createTopics } from '../../protocol/schemas/19-create-topics.ts';
import { deleteTopics } from '../../protocol/schemas/20-delete-topics.ts';
import { createPartitions } from '../../protocol/schemas/37-create-partitions.ts';
import type { TopicView } from '../metadata.ts';
import { type AdminRequests, errorOf, type Outcome } from './admin-requests.ts';

export interface NewTopic {
  readonly name: string;
  /** -1 takes the broker's default. */
  readonly partitions?: number;
  readonly replicationFactor?: number;
  /** Brokers by partition, instead of the two numbers. */
  readonly replicas?: readonly (readonly number[])[];
  readonly configs?: Readonly<Record<string, string>>;
}

export interface CreatedTopic extends Outcome {
  readonly name: string;
  readonly topicId: string;
  /** -1 where an old broker does not say. */
  readonly partitions: number;
  readonly replicationFactor: number;
  readonly configs: readonly { readonly name: string; readonly value: string | null }[];
}

export interface TopicOutcome extends Outcome {
  readonly name: string;
}

export interface DescribedTopic extends Outcome {
  readonly name: string;
  readonly topic: TopicView | null;
}

export interface ChangeOptions {
  /** Only looks whether it could be done. */
  readonly validateOnly?: boolean;
}

const BY_NAME_OR_ID_SINCE = 6;

export class TopicAdmin {
  readonly #requests: AdminRequests;

  constructor(requests: AdminRequests) {
    this.#requests = requests;
  }

  async list(options: { readonly includeInternal?: boolean } = {}): Promise<TopicView[]> {
    const { cluster } = this.#requests;
    const all = await this.#requests.toAny('listing topics', () => cluster.allTopics());
    return options.includeInternal === true ? all : all.filter(({ isInternal }) => !isInternal);
  }

  /** Never makes a topic. */
  async describe(names: readonly string[]): Promise<DescribedTopic[]> {
    const { cluster } = this.#requests;
    const outcomes: DescribedTopic[] = [];
    for (const name of names) {
      const code = await this.#requests.toAny(`describing topic ${name}`, () => cluster.refresh([name]));
      const topic = cluster.peek(name);
      const missing = topic === null && code === 0 ? errorCode.UNKNOWN_TOPIC_OR_PARTITION : code;
      outcomes.push({ name, topic, error: errorOf(missing, `topic ${name}`, null) });
    }
    return outcomes;
  }

  async create(topics: readonly NewTopic[], options: ChangeOptions = {}): Promise<CreatedTopic[]> {
    const answer = await this.#requests.toController('creating topics', (connection) =>
      connection.request(createTopics, {
        topics: topics.map(({ name, partitions, replicationFactor, replicas, configs }) => ({
          name,
          numPartitions: replicas === undefined ? (partitions ?? -1) : -1,
          replicationFactor: replicas === undefined ? (replicationFactor ?? -1) : -1,
          assignments: (replicas ?? []).map((brokerIds, partitionIndex) => ({ partitionIndex, brokerIds })),
          configs: Object.entries(configs ?? {}).map(([key, value]) => ({ name: key, value })),
        })),
        timeoutMs: this.#requests.timeoutMs,
        validateOnly: options.validateOnly === true,
      }),
    );
    return answer.topics.map((made) => {
      this.#requests.cluster.forget(made.name);
      return {
        name: made.name,
        topicId: made.topicId,
        partitions: made.numPartitions,
        replicationFactor: made.replicationFactor,
        configs: (made.configs ?? []).map(({ name, value }) => ({ name, value })),
        error: errorOf(made.errorCode, `creating topic ${made.name}`, made.errorMessage),
      };
    });
  }

  /** `total` is how many partitions there will be, not how many more. */
  async grow(
    topics: readonly {
      readonly name: string;
      readonly total: number;
      readonly replicas?: readonly (readonly number[])[];
    }[],
    options: ChangeOptions = {},
  ): Promise<TopicOutcome[]> {
    const answer = await this.#requests.toController('creating partitions', (connection) =>
      connection.request(createPartitions, {
        topics: topics.map(({ name, total, replicas }) => ({
          name,
          count: total,
          assignments: replicas?.map((brokerIds) => ({ brokerIds })) ?? null,
        })),
        timeoutMs: this.#requests.timeoutMs,
        validateOnly: options.validateOnly === true,
      }),
    );
    return answer.results.map(({ name, errorCode: code, errorMessage }) => {
      this.#requests.cluster.forget(name);
      return { name, error: errorOf(code, `creating partitions of ${name}`, errorMessage) };
    });
  }

  async delete(names: readonly string[]): Promise<TopicOutcome[]> {
    const answer = await this.#requests.toController('deleting topics', (connection) => {
      const version = connection.versionOf(deleteTopics);
      const wanted =
        version >= BY_NAME_OR_ID_SINCE ? { topics: names.map((name) => ({ name })) } : { topicNames: names };
      return connection.request(deleteTopics, { ...wanted, timeoutMs: this.#requests.timeoutMs }, version);
    });
    return answer.responses.map(({ name, errorCode: code, errorMessage }) => {
      this.#requests.cluster.forget(name ?? '');
      return { name: name ?? '', error: errorOf(code, `deleting topic ${name ?? ''}`, errorMessage) };
    });
  }
}
