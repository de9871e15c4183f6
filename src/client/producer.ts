/**
 * Sends record batches to the leaders of partitions. One call is one batch: whoever calls decides how records are gathered.
 * With `isIdempotent` each partition's batches are numbered, and a batch whose answer was lost may be sent again without
 * being stored twice: prepare it once, give it to `sendBatch` as often as needed. It holds at most what its callers have in flight.
 */

import { CODEC_NONE, NO_PRODUCER_EPOCH, NO_PRODUCER_ID, NO_SEQUENCE } from '../protocol/batch.ts';
import { BatchBuilder, type RecordInput } from '../protocol/batch-builder.ts';
import { isRetriable } from '../protocol/errors.ts';
import { produce } from '../protocol/schemas/00-produce.ts';
import { initProducerId } from '../protocol/schemas/22-init-producer-id.ts';
import { AnswerError, checkAnswer } from './answer-error.ts';
import { crc32c } from './checksum.ts';
import { type ClusterView, versionMaxFor } from './metadata.ts';

export interface ProducerOptions {
  readonly acks?: -1 | 0 | 1;
  readonly codec?: number;
  readonly timeoutMs?: number;
  readonly isIdempotent?: boolean;
  readonly versionMax?: number;
}

export interface ProduceReceipt {
  /** -1 with acks=0. */
  readonly baseOffset: number;
  readonly logAppendTimeMs: number;
  readonly logStartOffset: number;
}

export interface PreparedBatch {
  readonly topic: string;
  readonly partition: number;
  readonly bytes: Uint8Array;
  readonly count: number;
}

const TIMEOUT_MS = 30_000;
const TRIES_MAX = 5;
const RETRY_MS = 25;
const SEQUENCE_COUNT = 2 ** 31;
const NO_RECEIPT: ProduceReceipt = { baseOffset: -1, logAppendTimeMs: -1, logStartOffset: -1 };

export class Producer {
  readonly #cluster: ClusterView;
  readonly #options: ProducerOptions;
  readonly #nextSequence = new Map<string, number>();
  #identity: Promise<{ producerId: number; producerEpoch: number }> | null = null;

  constructor(cluster: ClusterView, options: ProducerOptions = {}) {
    this.#cluster = cluster;
    this.#options = options;
  }

  async send(topic: string, partition: number, records: readonly RecordInput[]): Promise<ProduceReceipt> {
    return this.sendBatch(await this.prepare(topic, partition, records));
  }

  /** Builds a batch and takes its place in the partition's sequence; send it before those prepared after it. */
  async prepare(
    topic: string,
    partition: number,
    records: readonly RecordInput[],
    codec?: number,
  ): Promise<PreparedBatch> {
    const identity = this.#options.isIdempotent === true ? await this.#identify() : null;
    const builder = new BatchBuilder(crc32c, {
      codec: codec ?? this.#options.codec ?? CODEC_NONE,
      producerId: identity?.producerId ?? NO_PRODUCER_ID,
      producerEpoch: identity?.producerEpoch ?? NO_PRODUCER_EPOCH,
      baseSequence: identity === null ? NO_SEQUENCE : this.#takeSequence(topic, partition, records.length),
    });
    for (const record of records) builder.add(record);
    return { topic, partition, bytes: builder.build(), count: records.length };
  }

  /** Sends a batch as it is. Sending the same idempotent batch again answers with the offset it already has. */
  async sendBatch(batch: PreparedBatch): Promise<ProduceReceipt> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#trySend(batch);
      } catch (error) {
        const mayRetry = error instanceof AnswerError && error.isRetriable && attempt < TRIES_MAX;
        if (!mayRetry) throw error;
        this.#cluster.forget(batch.topic);
      }
    }
  }

  async #trySend(batch: PreparedBatch): Promise<ProduceReceipt> {
    const { topic, partition, bytes } = batch;
    const acks = this.#options.acks ?? -1;
    const connection = await this.#cluster.leaderConnection(topic, partition);
    const { topicId } = await this.#cluster.topic(topic);
    const version = connection.versionOf(produce, this.#options.versionMax ?? versionMaxFor(topicId));
    const body = {
      transactionalId: null,
      acks,
      timeoutMs: this.#options.timeoutMs ?? TIMEOUT_MS,
      topics: [{ name: topic, topicId, partitions: [{ partitionIndex: partition, records: bytes }] }],
    };
    if (acks === 0) {
      connection.tell(produce, body, version);
      return NO_RECEIPT;
    }
    const answer = await connection.request(produce, body, version);
    const [settled] = answer.topics[0]?.partitions ?? [];
    const what = `producing to ${topic}-${partition}`;
    if (settled === undefined) throw new AnswerError(-1, what, 'the answer is empty');
    checkAnswer(settled.errorCode, what, settled.errorMessage);
    const { baseOffset, logAppendTimeMs, logStartOffset } = settled;
    return { baseOffset, logAppendTimeMs, logStartOffset };
  }

  #takeSequence(topic: string, partition: number, count: number): number {
    const name = `${topic}-${partition}`;
    const sequence = this.#nextSequence.get(name) ?? 0;
    this.#nextSequence.set(name, (sequence + count) % SEQUENCE_COUNT);
    return sequence;
  }

  #identify(): Promise<{ producerId: number; producerEpoch: number }> {
    this.#identity ??= this.#askIdentity().catch((error: unknown) => {
      // Whoever tries again is not to be given the failure of the first time.
      this.#identity = null;
      throw error;
    });
    return this.#identity;
  }

  async #askIdentity(): Promise<{ producerId: number; producerEpoch: number }> {
    const connection = await this.#cluster.anyConnection();
    const deadlineMs = Date.now() + (this.#options.timeoutMs ?? TIMEOUT_MS);
    for (;;) {
      const answer = await connection.request(initProducerId, {
        transactionalId: null,
        transactionTimeoutMs: TIMEOUT_MS,
      });
      if (answer.errorCode === 0) return { producerId: answer.producerId, producerEpoch: answer.producerEpoch };
      if (!isRetriable(answer.errorCode) || Date.now() > deadlineMs) checkAnswer(answer.errorCode, 'InitProducerId');
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
}
