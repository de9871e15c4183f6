/** What lies in partitions: offsets by time, deleting what is before an offset, who produced lately. */
import { errorCode } from '../../protocol/errors.ts';
import { deleteRecords } from '../../protocol/schemas/21-delete-records.ts';
import { describeProducers } from '../../protocol/schemas/61-describe-producers.ts';
import { AnswerError } from '../answer-error.ts';
import { type FoundOffset, findOffsets, type OffsetWish } from '../offset-lookup.ts';
import { placeOf, type TopicPartition } from '../record.ts';
import { type AdminRequests, errorOf, type Outcome } from './admin-requests.ts';

export interface DeletedRecords extends TopicPartition, Outcome {
  /** The first offset that is left; -1 where it failed. */
  readonly lowWatermark: number;
}

export interface ActiveProducer {
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly lastSequence: number;
  readonly lastTimestamp: number;
  readonly coordinatorEpoch: number;
  /** -1: no transaction of it is open here. */
  readonly transactionStartOffset: number;
}

export interface DescribedProducers extends TopicPartition, Outcome {
  readonly producers: readonly ActiveProducer[];
}

/** As an offset to delete up to: all there is. */
export const TO_THE_END = -1;

export class PartitionRecordAdmin {
  readonly #requests: AdminRequests;

  constructor(requests: AdminRequests) {
    this.#requests = requests;
  }

  findOffsets(
    wishes: readonly OffsetWish[],
    options: { readonly isReadCommitted?: boolean } = {},
  ): Promise<FoundOffset[]> {
    const deadlineMs = Date.now() + this.#requests.timeoutMs;
    return findOffsets(this.#requests.cluster, wishes, {
      deadlineMs,
      isReadCommitted: options.isReadCommitted === true,
    });
  }

  /** `offset` is the first record that stays. */
  async deleteBefore(places: readonly (TopicPartition & { readonly offset: number })[]): Promise<DeletedRecords[]> {
    return Promise.all(
      places.map(async ({ topic, partition, offset }) => {
        const what = `deleting records of ${placeOf(topic, partition)}`;
        return settled({ topic, partition, lowWatermark: -1 }, () =>
          this.#requests.toLeader(topic, partition, async (connection) => {
            const answer = await connection.request(deleteRecords, {
              topics: [{ name: topic, partitions: [{ partitionIndex: partition, offset }] }],
              timeoutMs: this.#requests.timeoutMs,
            });
            const deleted = answer.topics[0]?.partitions[0];
            const error = errorOf(deleted?.errorCode ?? errorCode.UNKNOWN_SERVER_ERROR, what, null);
            if (error !== null) throw error;
            return { topic, partition, lowWatermark: deleted?.lowWatermark ?? -1, error: null };
          }),
        );
      }),
    );
  }

  async describeProducers(places: readonly TopicPartition[]): Promise<DescribedProducers[]> {
    return Promise.all(
      places.map(({ topic, partition }) =>
        settled<DescribedProducers>({ topic, partition, producers: [] }, () =>
          this.#requests.toLeader(topic, partition, async (connection) => {
            const answer = await connection.request(describeProducers, {
              topics: [{ name: topic, partitionIndexes: [partition] }],
            });
            const described = answer.topics[0]?.partitions[0];
            const code = described?.errorCode ?? errorCode.UNKNOWN_SERVER_ERROR;
            const error = errorOf(
              code,
              `describing producers of ${placeOf(topic, partition)}`,
              described?.errorMessage ?? null,
            );
            if (error !== null) throw error;
            const producers = (described?.activeProducers ?? []).map(({ currentTxnStartOffset, ...producer }) => ({
              ...producer,
              transactionStartOffset: currentTxnStartOffset,
            }));
            return { topic, partition, producers, error: null };
          }),
        ),
      ),
    );
  }
}

async function settled<T extends Outcome>(
  otherwise: Omit<T, 'error'>,
  ask: () => Promise<T>,
): Promise<T | (Omit<T, 'error'> & Outcome)> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof AnswerError) return { ...otherwise, error };
    throw error;
  }
}
