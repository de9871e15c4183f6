/**
 * What this client knows of a cluster: brokers, topics, who leads which partition; and connections to brokers, made when
 * first needed. Every producer, consumer and admin has a `ClusterView` of its own, or shares one. It does not produce,
 * fetch or create anything.
 *
 * A broker answers a connection's requests one after the other, so that a fetch that waits would hold up a heartbeat
 * behind it: whoever waits at the broker asks for a connection of another `purpose`.
 */
import { Fault } from '../base/fault.ts';
import { errorCode, isRetriable } from '../protocol/errors.ts';
import { ZERO_UUID } from '../protocol/fields.ts';
import { metadata } from '../protocol/schemas/03-metadata.ts';
import { AnswerError, checkAnswer } from './answer-error.ts';
import { pause } from './backoff.ts';
import { Connection } from './connection.ts';
import { type Address, addressesOf, type Dial } from './dial.ts';
import type { SaslOptions } from './sasl.ts';

export interface ClusterViewOptions {
  readonly brokers: readonly Address[];
  readonly clientId?: string;
  readonly requestTimeoutMs?: number;
  readonly connectTimeoutMs?: number;
  readonly dial?: Dial;
  readonly sasl?: SaslOptions;
  /** How long a leader or a new topic may take to appear. */
  readonly waitMs?: number;
  /** Whether asking for a topic may make it, where the broker does so too. */
  readonly allowAutoTopicCreation?: boolean;
}

export interface PartitionView {
  readonly partition: number;
  readonly leaderId: number;
  readonly leaderEpoch: number;
  readonly replicas: readonly number[];
  readonly inSyncReplicas: readonly number[];
  readonly offlineReplicas: readonly number[];
}

export interface TopicView {
  readonly name: string;
  readonly topicId: string;
  readonly isInternal: boolean;
  readonly partitions: readonly PartitionView[];
  readonly learnedAtMs: number;
}

export interface BrokerView extends Address {
  readonly nodeId: number;
  readonly rack: string | null;
}

export type Purpose = 'any' | 'fetch' | 'group';

/** Produce and Fetch go by topic id from version 13 on; without an id they must stay below. */
export function versionMaxFor(topicId: string): number {
  return topicId === ZERO_UUID ? NAMED_VERSION_MAX : Number.POSITIVE_INFINITY;
}

const NAMED_VERSION_MAX = 12;
/** From version 13 on the broker may ask clients to bootstrap anew, which `anyConnection` does by itself. */
const METADATA_VERSION_MAX = 12;
const WAIT_MS = 15_000;
const RETRY_MS = 25;
const RETRY_MAX_MS = 200;

export class ClusterView {
  readonly #options: ClusterViewOptions;
  readonly #brokers = new Map<number, BrokerView>();
  readonly #topics = new Map<string, TopicView>();
  readonly #names = new Map<string, string>();
  readonly #connections = new Map<string, Promise<Connection>>();
  readonly #listeners: (() => void)[] = [];
  #controllerId = -1;
  #clusterId: string | null = null;
  #isClosed = false;

  constructor(options: ClusterViewOptions) {
    this.#options = options;
  }

  /** Parses `host:port,host:port`. */
  static addressesOf(text: string): Address[] {
    return addressesOf(text);
  }

  /** As of the last answer: empty before the first. */
  get brokers(): readonly BrokerView[] {
    return [...this.#brokers.values()];
  }

  get controllerId(): number {
    return this.#controllerId;
  }

  get clusterId(): string | null {
    return this.#clusterId;
  }

  /** A connection to any broker: the first of those given and those known that answers. */
  async anyConnection(purpose: Purpose = 'any'): Promise<Connection> {
    let failure: unknown = new Fault('PB_BAD_ADDRESS', 'no broker is given; name one like localhost:9092');
    for (const address of [...this.#options.brokers, ...this.#brokers.values()]) {
      try {
        return await this.connectionTo(address, purpose);
      } catch (error) {
        failure = error;
      }
    }
    throw failure;
  }

  async controllerConnection(): Promise<Connection> {
    if (this.#controllerId < 0) await this.refresh([]);
    const address = this.#brokers.get(this.#controllerId);
    return address === undefined ? this.anyConnection() : this.connectionTo(address);
  }

  async leaderConnection(topic: string, partition: number): Promise<Connection> {
    const { leaderId } = await this.partition(topic, partition);
    return this.nodeConnection(leaderId);
  }

  async nodeConnection(nodeId: number, purpose: Purpose = 'any'): Promise<Connection> {
    if (!this.#brokers.has(nodeId)) await this.refresh([]);
    const address = this.#brokers.get(nodeId);
    if (address === undefined) throw new Fault('PB_CONNECTION', `no address is known for broker ${nodeId}`);
    return this.connectionTo(address, purpose);
  }

  /** What is known of a topic, asked for when it is not; waits while the topic or a leader is still being made. */
  async topic(name: string): Promise<TopicView> {
    const deadlineMs = Date.now() + (this.#options.waitMs ?? WAIT_MS);
    for (let retryMs = RETRY_MS; ; retryMs = Math.min(retryMs * 2, RETRY_MAX_MS)) {
      const known = this.#topics.get(name);
      if (known !== undefined && hasLeaders(known)) return known;
      const code = await this.refresh([name]);
      const learned = this.#topics.get(name);
      if (code === 0 && learned !== undefined && hasLeaders(learned)) return learned;
      if (code !== 0 && !isRetriable(code)) throw new AnswerError(code, `topic ${name}`);
      if (Date.now() + retryMs > deadlineMs)
        throw new AnswerError(code === 0 ? errorCode.LEADER_NOT_AVAILABLE : code, `topic ${name}`);
      await pause(retryMs);
    }
  }

  async partition(topic: string, partition: number): Promise<PartitionView> {
    const view = (await this.topic(topic)).partitions[partition];
    if (view === undefined)
      throw new AnswerError(errorCode.UNKNOWN_TOPIC_OR_PARTITION, `partition ${topic}-${partition}`);
    return view;
  }

  /** What is known now, without asking anybody. */
  peek(topic: string): TopicView | null {
    return this.#topics.get(topic) ?? null;
  }

  /** The name of a topic id that an answer brought; null when no topic of it is known. */
  nameOf(topicId: string): string | null {
    return this.#names.get(topicId) ?? null;
  }

  /** Forgets a topic, so that it is asked for again: its leader moved, or it was deleted. */
  forget(topic: string): void {
    const known = this.#topics.get(topic);
    if (known !== undefined) this.#names.delete(known.topicId);
    this.#topics.delete(topic);
  }

  /** Asks for some topics; null asks for all. Returns the first error a topic came with. */
  async refresh(topics: readonly string[] | null): Promise<number> {
    const connection = await this.anyConnection();
    const answer = await connection.request(
      metadata,
      {
        topics: topics?.map((name) => ({ name })) ?? null,
        allowAutoTopicCreation: topics !== null && this.#options.allowAutoTopicCreation === true,
      },
      connection.versionOf(metadata, METADATA_VERSION_MAX),
    );
    checkAnswer(answer.errorCode, 'Metadata');
    this.#brokers.clear();
    for (const broker of answer.brokers) this.#brokers.set(broker.nodeId, broker);
    this.#controllerId = answer.controllerId;
    this.#clusterId = answer.clusterId;
    if (topics === null) this.#forgetAll();
    let firstError = 0;
    for (const topic of answer.topics) {
      if (firstError === 0) firstError = topic.errorCode;
      if (topic.name === null) continue;
      this.forget(topic.name);
      if (topic.errorCode !== 0) continue;
      const { name, topicId, isInternal } = topic;
      this.#topics.set(name, { name, topicId, isInternal, partitions: partitionsOf(topic), learnedAtMs: Date.now() });
      if (topicId !== ZERO_UUID) this.#names.set(topicId, name);
    }
    return firstError;
  }

  /** Asks for every topic and gives them in order of their names. */
  async allTopics(): Promise<TopicView[]> {
    await this.refresh(null);
    return [...this.#topics.values()].sort((one, other) => (one.name < other.name ? -1 : 1));
  }

  topicNames(): string[] {
    return [...this.#topics.keys()];
  }

  whenClosed(listener: () => void): void {
    this.#listeners.push(listener);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const listener of this.#listeners.splice(0)) listener();
    const opened = await Promise.allSettled(this.#connections.values());
    this.#connections.clear();
    for (const result of opened) if (result.status === 'fulfilled') result.value.close();
  }

  /** One connection to each address for each purpose; one that broke is made anew. */
  async connectionTo(address: Address, purpose: Purpose = 'any'): Promise<Connection> {
    const place = `${address.host}:${address.port} ${purpose}`;
    for (;;) {
      if (this.#isClosed) throw new Fault('PB_CLOSED', 'this client is closed');
      const opening = this.#connections.get(place) ?? this.#open(place, address);
      const connection = await opening;
      if (connection.isOpen) return connection;
      // Somebody else may have replaced the broken one while we waited.
      if (this.#connections.get(place) === opening) this.#connections.delete(place);
    }
  }

  #open(place: string, address: Address): Promise<Connection> {
    const { clientId, requestTimeoutMs, connectTimeoutMs, dial, sasl } = this.#options;
    const opening = Connection.open({
      host: address.host,
      port: address.port,
      ...(clientId === undefined ? {} : { clientId }),
      ...(requestTimeoutMs === undefined ? {} : { requestTimeoutMs }),
      ...(connectTimeoutMs === undefined ? {} : { connectTimeoutMs }),
      ...(dial === undefined ? {} : { dial }),
      ...(sasl === undefined ? {} : { sasl }),
    }).catch((error: unknown) => {
      if (this.#connections.get(place) === opening) this.#connections.delete(place);
      throw error;
    });
    this.#connections.set(place, opening);
    return opening;
  }

  #forgetAll(): void {
    this.#topics.clear();
    this.#names.clear();
  }
}

function hasLeaders(topic: TopicView): boolean {
  return topic.partitions.every((partition) => partition.leaderId >= 0);
}

interface AnsweredTopic {
  readonly partitions: readonly {
    readonly partitionIndex: number;
    readonly leaderId: number;
    readonly leaderEpoch: number;
    readonly replicaNodes: readonly number[];
    readonly isrNodes: readonly number[];
    readonly offlineReplicas: readonly number[];
  }[];
}

function partitionsOf(topic: AnsweredTopic): PartitionView[] {
  return [...topic.partitions]
    .sort((one, other) => one.partitionIndex - other.partitionIndex)
    .map(({ partitionIndex, leaderId, leaderEpoch, replicaNodes, isrNodes, offlineReplicas }) => ({
      partition: partitionIndex,
      leaderId,
      leaderEpoch,
      replicas: replicaNodes,
      inSyncReplicas: isrNodes,
      offlineReplicas,
    }));
}
