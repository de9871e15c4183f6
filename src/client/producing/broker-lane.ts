/**
 * The producer's way to one broker: its connection, how many requests are on their way, and when to try again after the
 * connection broke. It sends what the dispatcher gives it and hands back the answer partition by partition.
 */
import { ZERO_UUID } from '../../protocol/fields.ts';
import { produce } from '../../protocol/schemas/00-produce.ts';
import { backoffMs } from '../backoff.ts';
import type { Connection } from '../connection.ts';
import { type ClusterView, versionMaxFor } from '../metadata.ts';
import type { ProducerBatch } from './producer-batch.ts';
import type { ProducerSettings } from './producer-options.ts';

export interface PartitionOutcome {
  readonly errorCode: number;
  readonly errorMessage: string | null;
  readonly baseOffset: number;
  readonly logAppendTimeMs: number;
}

export interface ProduceOptions {
  readonly transactionalId: string | null;
  readonly versionMax: number;
}

interface TopicBatches {
  readonly name: string;
  readonly topicId: string;
  readonly batches: ProducerBatch[];
}

/** What the peer has not taken yet with acks 0, before we wait for it. */
const UNSENT_BYTES_MAX = 4 << 20;
const WITHOUT_ANSWER: PartitionOutcome = { errorCode: 0, errorMessage: null, baseOffset: -1, logAppendTimeMs: -1 };

export class BrokerLane {
  readonly nodeId: number;
  readonly #cluster: ClusterView;
  readonly #settings: ProducerSettings;
  #connection: Connection | null = null;
  #isOpening = false;
  #attempts = 0;
  inFlight = 0;
  retryAtMs = 0;

  constructor(nodeId: number, cluster: ClusterView, settings: ProducerSettings) {
    this.nodeId = nodeId;
    this.#cluster = cluster;
    this.#settings = settings;
  }

  get isOpen(): boolean {
    return this.#connection?.isOpen === true;
  }

  get hasRoom(): boolean {
    return this.inFlight < this.#settings.inFlightMax && (this.#connection?.unsentBytes ?? 0) < UNSENT_BYTES_MAX;
  }

  /** Makes the connection; `then` is called when that worked or failed. */
  open(nowMs: number, then: (error: unknown) => void): void {
    if (this.#isOpening || this.isOpen || nowMs < this.retryAtMs) return;
    this.#isOpening = true;
    this.#cluster.nodeConnection(this.nodeId).then(
      (connection) => {
        this.#isOpening = false;
        this.#connection = connection;
        this.#attempts = 0;
        then(null);
      },
      (error: unknown) => {
        this.#isOpening = false;
        this.retryAtMs = Date.now() + backoffMs(this.#attempts++, this.#settings);
        then(error);
      },
    );
  }

  /** One request with one batch for each of some partitions. Rejects when the whole request got no answer. */
  async send(
    batches: readonly ProducerBatch[],
    options: ProduceOptions,
  ): Promise<Map<ProducerBatch, PartitionOutcome>> {
    const connection = this.#connection;
    if (connection === null) throw new Error('a lane sends when it is open');
    this.inFlight++;
    try {
      return await this.#exchange(connection, batches, options);
    } finally {
      this.inFlight--;
    }
  }

  async #exchange(
    connection: Connection,
    batches: readonly ProducerBatch[],
    options: ProduceOptions,
  ): Promise<Map<ProducerBatch, PartitionOutcome>> {
    const topics = this.#byTopic(batches);
    const versionMax = Math.min(options.versionMax, ...topics.map(({ topicId }) => versionMaxFor(topicId)));
    const version = connection.versionOf(produce, versionMax);
    const { acks, requestTimeoutMs } = this.#settings;
    const body = {
      transactionalId: options.transactionalId,
      acks,
      timeoutMs: requestTimeoutMs,
      topics: topics.map(({ name, topicId, batches: ofTopic }) => ({
        name,
        topicId,
        partitions: ofTopic.map(({ partition, bytes }) => ({ partitionIndex: partition, records: bytes })),
      })),
    };
    if (acks === 0) {
      connection.tell(produce, body, version);
      if (connection.unsentBytes >= UNSENT_BYTES_MAX) await connection.sent();
      return new Map(batches.map((batch) => [batch, WITHOUT_ANSWER]));
    }
    const answer = await connection.request(produce, body, version, requestTimeoutMs);
    const outcomes = new Map<ProducerBatch, PartitionOutcome>();
    for (const answered of answer.topics) {
      const topic = topics.find(({ name, topicId }) =>
        version >= 13 ? topicId === answered.topicId : name === answered.name,
      );
      for (const settled of answered.partitions) {
        const batch = topic?.batches.find(({ partition }) => partition === settled.partitionIndex);
        if (batch !== undefined) outcomes.set(batch, settled);
      }
    }
    return outcomes;
  }

  #byTopic(batches: readonly ProducerBatch[]): readonly TopicBatches[] {
    const topics = new Map<string, TopicBatches>();
    for (const batch of batches) {
      let topic = topics.get(batch.topic);
      if (topic === undefined) {
        const topicId = this.#cluster.peek(batch.topic)?.topicId ?? ZERO_UUID;
        topic = { name: batch.topic, topicId, batches: [] };
        topics.set(batch.topic, topic);
      }
      topic.batches.push(batch);
    }
    return [...topics.values()];
  }
}
