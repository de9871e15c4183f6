/**
 * Reads partitions by explicit offsets, without a group: fetches from the leader, finds offsets by time, and gives records
 * one after the other. Positions belong to the caller; nothing is committed here.
 */
import { Fault } from '../base/fault.ts';
import { BATCH_HEADER_BYTES, batchBaseOffset, batchBytes, batchIsControl, batchLastOffset } from '../protocol/batch.ts';
import { errorCode } from '../protocol/errors.ts';
import { type BatchRecord, memoryOver, readBatch } from '../protocol/records.ts';
import { fetch } from '../protocol/schemas/01-fetch.ts';
import { listOffsets } from '../protocol/schemas/02-list-offsets.ts';
import { AnswerError, checkAnswer } from './answer-error.ts';
import { type ClusterView, versionMaxFor } from './metadata.ts';

export const LATEST = -1;
export const EARLIEST = -2;
export const MAX_TIMESTAMP = -3;

export interface ConsumerOptions {
  readonly maxWaitMs?: number;
  readonly minBytes?: number;
  readonly partitionBytesMax?: number;
  readonly isReadCommitted?: boolean;
  readonly versionMax?: number;
}

export interface FetchedPartition {
  /** Whole batches as the broker stores them; the last one may be cut. */
  readonly bytes: Uint8Array;
  readonly highWatermark: number;
  readonly stableOffset: number;
  readonly startOffset: number;
}

const MAX_WAIT_MS = 500;
const PARTITION_BYTES_MAX = 1 << 20;
const INFLATED_BYTES_MAX = 256 * 1024 * 1024;
/** Answers without a whole batch, although there are more records, before we stop asking. */
const EMPTY_ANSWERS_MAX = 100;
const NO_BYTES = new Uint8Array(0);

export class Consumer {
  readonly #cluster: ClusterView;
  readonly #options: ConsumerOptions;

  constructor(cluster: ClusterView, options: ConsumerOptions = {}) {
    this.#cluster = cluster;
    this.#options = options;
  }

  /** The offset for a time in milliseconds, or for EARLIEST, LATEST, MAX_TIMESTAMP; -1 when there is none. */
  async findOffset(topic: string, partition: number, timestamp: number): Promise<number> {
    const connection = await this.#cluster.leaderConnection(topic, partition);
    const answer = await connection.request(listOffsets, {
      replicaId: -1,
      isolationLevel: this.#isolationLevel,
      topics: [{ name: topic, partitions: [{ partitionIndex: partition, currentLeaderEpoch: -1, timestamp }] }],
    });
    const found = answer.topics[0]?.partitions[0];
    const what = `finding an offset in ${topic}-${partition}`;
    if (found === undefined) throw new AnswerError(-1, what, 'the answer is empty');
    checkAnswer(found.errorCode, what);
    return found.offset;
  }

  /** One Fetch of one partition; waits up to `maxWaitMs` at the broker when there is nothing yet. */
  async fetch(topic: string, partition: number, offset: number): Promise<FetchedPartition> {
    const connection = await this.#cluster.leaderConnection(topic, partition);
    const partitionMaxBytes = this.#options.partitionBytesMax ?? PARTITION_BYTES_MAX;
    const { topicId } = await this.#cluster.topic(topic);
    const version = connection.versionOf(fetch, this.#options.versionMax ?? versionMaxFor(topicId));
    const answer = await connection.request(
      fetch,
      {
        replicaId: -1,
        maxWaitMs: this.#options.maxWaitMs ?? MAX_WAIT_MS,
        minBytes: this.#options.minBytes ?? 1,
        maxBytes: partitionMaxBytes,
        isolationLevel: this.#isolationLevel,
        topics: [
          {
            name: topic,
            topicId,
            partitions: [
              {
                partitionIndex: partition,
                currentLeaderEpoch: -1,
                fetchOffset: offset,
                logStartOffset: -1,
                partitionMaxBytes,
              },
            ],
          },
        ],
        rackId: '',
      },
      version,
    );
    checkAnswer(answer.errorCode, 'Fetch');
    const fetched = answer.topics[0]?.partitions[0];
    const what = `fetching ${topic}-${partition} from offset ${offset}`;
    if (fetched === undefined) throw new AnswerError(errorCode.UNKNOWN_SERVER_ERROR, what, 'the answer is empty');
    checkAnswer(fetched.errorCode, what);
    return {
      bytes: fetched.records ?? NO_BYTES,
      highWatermark: fetched.highWatermark,
      stableOffset: fetched.lastStableOffset,
      startOffset: fetched.logStartOffset,
    };
  }

  /** Records from `from` up to but without `until`, in order. Stops early only when the broker has nothing for `until`. */
  async *read(topic: string, partition: number, from: number, until: number): AsyncGenerator<BatchRecord> {
    let next = from;
    let emptyAnswers = 0;
    while (next < until) {
      const { bytes, highWatermark, stableOffset } = await this.fetch(topic, partition, next);
      const before = next;
      for (const batch of batchesOf(bytes)) {
        for (const record of batch.records) {
          if (record.offset >= next && record.offset < until) yield record;
        }
        next = batch.nextOffset;
      }
      if (next !== before) emptyAnswers = 0;
      else if (next >= (this.#isReadCommitted ? stableOffset : highWatermark)) return;
      else if (++emptyAnswers > EMPTY_ANSWERS_MAX) throw stalled(topic, partition, next);
    }
  }

  get #isReadCommitted(): boolean {
    return this.#options.isReadCommitted === true;
  }

  get #isolationLevel(): number {
    return this.#isReadCommitted ? 1 : 0;
  }
}

function stalled(topic: string, partition: number, offset: number): Fault {
  const what = `${topic}-${partition} has records behind offset ${offset} but does not give them`;
  return new Fault('PB_TIMEOUT', `${what}; look at the log of its leader`);
}

export interface ReadBatch {
  readonly baseOffset: number;
  readonly nextOffset: number;
  /** Empty for control batches, which carry no records of anyone's. */
  readonly records: readonly BatchRecord[];
}

/** Opens the whole batches in what a Fetch brought and leaves a cut one at the end alone. */
export function* batchesOf(bytes: Uint8Array): Generator<ReadBatch> {
  const memory = memoryOver(bytes);
  let at = 0;
  while (at + BATCH_HEADER_BYTES <= bytes.length) {
    const length = batchBytes(memory.view, at);
    if (length < BATCH_HEADER_BYTES || at + length > bytes.length) return;
    const isControl = batchIsControl(memory.view, at);
    yield {
      baseOffset: batchBaseOffset(memory.view, at),
      nextOffset: batchLastOffset(memory.view, at) + 1,
      records: isControl ? [] : readBatch(memory, at, length, INFLATED_BYTES_MAX),
    };
    at += length;
  }
}
