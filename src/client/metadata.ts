/**
 * What this client knows of a cluster: brokers, topics, who leads which partition; and one connection to each broker, made
 * when first needed. Producer, consumer and admin share one `ClusterView`. It does not produce, fetch or create anything.
 */
import { Fault } from '../base/fault.ts';
import { errorCode, isRetriable } from '../protocol/errors.ts';
import { ZERO_UUID } from '../protocol/fields.ts';
import { metadata } from '../protocol/schemas/03-metadata.ts';
import { AnswerError, checkAnswer } from './answer-error.ts';
import { type Address, Connection } from './connection.ts';

export interface ClusterViewOptions {
  readonly brokers: readonly Address[];
  readonly clientId?: string;
  readonly requestTimeoutMs?: number;
  /** How long a leader or a new topic may take to appear. */
  readonly waitMs?: number;
}

export interface PartitionView {
  readonly partition: number;
  readonly leaderId: number;
  readonly leaderEpoch: number;
}

export interface TopicView {
  readonly name: string;
  readonly topicId: string;
  readonly partitions: readonly PartitionView[];
}

/** Produce and Fetch go by topic id from version 13 on; without an id they must stay below. */
export function versionMaxFor(topicId: string): number {
  return topicId === ZERO_UUID ? NAMED_VERSION_MAX : Number.POSITIVE_INFINITY;
}

const NAMED_VERSION_MAX = 12;
const WAIT_MS = 15_000;
const RETRY_MS = 25;

export class ClusterView {
  readonly #options: ClusterViewOptions;
  readonly #brokers = new Map<number, Address>();
  readonly #topics = new Map<string, TopicView>();
  readonly #connections = new Map<string, Promise<Connection>>();
  #controllerId = -1;

  constructor(options: ClusterViewOptions) {
    this.#options = options;
  }

  /** Parses `host:port,host:port`. */
  static addressesOf(text: string): Address[] {
    return text.split(',').map((part) => {
      const colon = part.lastIndexOf(':');
      const port = Number(part.slice(colon + 1));
      if (colon < 1 || !Number.isInteger(port) || port < 1 || port > 65_535) {
        throw new Fault('PB_BAD_ADDRESS', `'${part}' is not host:port`);
      }
      return { host: part.slice(0, colon), port };
    });
  }

  /** A connection to any broker: one that is open, else the first of those given that answers. */
  async anyConnection(): Promise<Connection> {
    let failure: unknown = null;
    for (const address of [...this.#options.brokers, ...this.#brokers.values()]) {
      try {
        return await this.#connectionTo(address);
      } catch (error) {
        failure = error;
      }
    }
    throw failure;
  }

  async controllerConnection(): Promise<Connection> {
    if (this.#controllerId < 0) await this.refresh([]);
    const address = this.#brokers.get(this.#controllerId);
    return address === undefined ? this.anyConnection() : this.#connectionTo(address);
  }

  async leaderConnection(topic: string, partition: number): Promise<Connection> {
    const { leaderId } = await this.partition(topic, partition);
    const address = this.#brokers.get(leaderId);
    if (address === undefined) throw new Fault('PB_PROTOCOL', `no address is known for broker ${leaderId}`);
    return this.#connectionTo(address);
  }

  /** What is known of a topic, asked for when it is not; waits while the topic or a leader is still being made. */
  async topic(name: string): Promise<TopicView> {
    const deadlineMs = Date.now() + (this.#options.waitMs ?? WAIT_MS);
    for (;;) {
      const known = this.#topics.get(name);
      if (known?.partitions.every((partition) => partition.leaderId >= 0)) return known;
      const code = await this.refresh([name]);
      if (code === 0 && this.#topics.get(name)?.partitions.every((partition) => partition.leaderId >= 0)) continue;
      if (code !== 0 && !isRetriable(code)) throw new AnswerError(code, `topic ${name}`);
      if (Date.now() > deadlineMs)
        throw new AnswerError(code === 0 ? errorCode.LEADER_NOT_AVAILABLE : code, `topic ${name}`);
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }

  async partition(topic: string, partition: number): Promise<PartitionView> {
    const view = (await this.topic(topic)).partitions[partition];
    if (view === undefined)
      throw new AnswerError(errorCode.UNKNOWN_TOPIC_OR_PARTITION, `partition ${topic}-${partition}`);
    return view;
  }

  /** Forgets a topic, so that it is asked for again: its leader moved, or it was deleted. */
  forget(topic: string): void {
    this.#topics.delete(topic);
  }

  /** Asks for some topics; null asks for all. Returns the first error a topic came with. */
  async refresh(topics: readonly string[] | null): Promise<number> {
    const connection = await this.anyConnection();
    const answer = await connection.request(
      metadata,
      { topics: topics?.map((name) => ({ name })) ?? null, allowAutoTopicCreation: false },
      connection.versionOf(metadata, 12),
    );
    checkAnswer(answer.errorCode, 'Metadata');
    for (const broker of answer.brokers) this.#brokers.set(broker.nodeId, { host: broker.host, port: broker.port });
    this.#controllerId = answer.controllerId;
    let firstError = 0;
    for (const topic of answer.topics) {
      if (firstError === 0) firstError = topic.errorCode;
      if (topic.name === null) continue;
      if (topic.errorCode !== 0) this.#topics.delete(topic.name);
      else this.#topics.set(topic.name, { name: topic.name, topicId: topic.topicId, partitions: partitionsOf(topic) });
    }
    return firstError;
  }

  topicNames(): string[] {
    return [...this.#topics.keys()];
  }

  async close(): Promise<void> {
    const opened = await Promise.allSettled(this.#connections.values());
    this.#connections.clear();
    for (const result of opened) if (result.status === 'fulfilled') result.value.close();
  }

  async #connectionTo(address: Address): Promise<Connection> {
    const name = `${address.host}:${address.port}`;
    const known = await this.#connections.get(name);
    if (known?.isOpen) return known;
    const { clientId, requestTimeoutMs } = this.#options;
    const opening = Connection.open({
      ...address,
      ...(clientId === undefined ? {} : { clientId }),
      ...(requestTimeoutMs === undefined ? {} : { requestTimeoutMs }),
    });
    this.#connections.set(name, opening);
    try {
      return await opening;
    } catch (error) {
      this.#connections.delete(name);
      throw error;
    }
  }
}

interface AnsweredTopic {
  readonly partitions: readonly {
    readonly partitionIndex: number;
    readonly leaderId: number;
    readonly leaderEpoch: number;
  }[];
}

function partitionsOf(topic: AnsweredTopic): PartitionView[] {
  return [...topic.partitions]
    .sort((one, other) => one.partitionIndex - other.partitionIndex)
    .map(({ partitionIndex, leaderId, leaderEpoch }) => ({ partition: partitionIndex, leaderId, leaderEpoch }));
}
