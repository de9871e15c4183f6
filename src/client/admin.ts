/**
 * Creates and deletes topics, and says what a cluster has. Used by benches, tests and the command line; it holds no state
 * but the view of the cluster it is given.
 */
import { errorCode } from '../protocol/errors.ts';
import { createTopics } from '../protocol/schemas/19-create-topics.ts';
import { deleteTopics } from '../protocol/schemas/20-delete-topics.ts';
import { AnswerError, checkAnswer } from './answer-error.ts';
import type { ClusterView, TopicView } from './metadata.ts';

export interface NewTopic {
  readonly name: string;
  /** -1 takes the broker's default. */
  readonly partitions?: number;
  readonly replicationFactor?: number;
  readonly configs?: Readonly<Record<string, string>>;
}

const TIMEOUT_MS = 15_000;

export class Admin {
  readonly #cluster: ClusterView;

  constructor(cluster: ClusterView) {
    this.#cluster = cluster;
  }

  /** Makes a topic and waits until every partition of it has a leader. A topic that is there already is an error. */
  async createTopic(topic: NewTopic): Promise<TopicView> {
    const connection = await this.#cluster.controllerConnection();
    const configs = Object.entries(topic.configs ?? {}).map(([name, value]) => ({ name, value }));
    const answer = await connection.request(createTopics, {
      topics: [
        {
          name: topic.name,
          numPartitions: topic.partitions ?? -1,
          replicationFactor: topic.replicationFactor ?? -1,
          assignments: [],
          configs,
        },
      ],
      timeoutMs: TIMEOUT_MS,
    });
    for (const made of answer.topics) {
      if (made.errorCode !== 0) throw new AnswerError(made.errorCode, `creating topic ${made.name}`, made.errorMessage);
    }
    this.#cluster.forget(topic.name);
    return this.#cluster.topic(topic.name);
  }

  /** Like `createTopic`, but content with a topic that is there. */
  async ensureTopic(topic: NewTopic): Promise<TopicView> {
    try {
      return await this.createTopic(topic);
    } catch (error) {
      if (error instanceof AnswerError && error.errorCode === errorCode.TOPIC_ALREADY_EXISTS)
        return this.#cluster.topic(topic.name);
      throw error;
    }
  }

  async deleteTopic(name: string): Promise<void> {
    const connection = await this.#cluster.controllerConnection();
    const version = connection.versionOf(deleteTopics);
    const wanted = version >= 6 ? { topics: [{ name }] } : { topicNames: [name] };
    const answer = await connection.request(deleteTopics, { ...wanted, timeoutMs: TIMEOUT_MS }, version);
    this.#cluster.forget(name);
    for (const { errorCode: code, errorMessage } of answer.responses)
      checkAnswer(code, `deleting topic ${name}`, errorMessage);
  }
}
