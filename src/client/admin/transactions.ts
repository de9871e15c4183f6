/**
 * Transactions as their coordinators see them: list, describe, take over and so end. A transaction that hangs in a
 * partition although its coordinator knows nothing of it is ended by writing its abort marker there.
 */
import { errorCode } from '../../protocol/errors.ts';
import { initProducerId } from '../../protocol/schemas/22-init-producer-id.ts';
import { writeTxnMarkers } from '../../protocol/schemas/27-write-txn-markers.ts';
import { describeTransactions } from '../../protocol/schemas/65-describe-transactions.ts';
import { listTransactions } from '../../protocol/schemas/66-list-transactions.ts';
import { AnswerError, checkAnswer } from '../answer-error.ts';
import { placeOf, type TopicPartition } from '../record.ts';
import { type AdminRequests, errorOf, type Outcome } from './admin-requests.ts';

export interface ListedTransaction {
  readonly transactionalId: string;
  readonly producerId: number;
  readonly state: string;
}

export interface TransactionFilters {
  readonly states?: readonly string[];
  readonly producerIds?: readonly number[];
  /** Only transactions that are open for longer. */
  readonly openMsMin?: number;
  /** Matched by the broker, in its dialect (RE2). */
  readonly idPattern?: string;
}

export interface DescribedTransaction extends Outcome {
  readonly transactionalId: string;
  readonly state: string;
  readonly timeoutMs: number;
  /** -1: none is open. */
  readonly startTimeMs: number;
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly partitions: readonly TopicPartition[];
}

export interface HangingTransaction extends TopicPartition {
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly coordinatorEpoch: number;
}

const DURATION_SINCE = 1;
const PATTERN_SINCE = 2;
const TAKE_OVER_TIMEOUT_MS = 1;

export class TransactionAdmin {
  readonly #requests: AdminRequests;

  constructor(requests: AdminRequests) {
    this.#requests = requests;
  }

  async list(filters: TransactionFilters = {}): Promise<ListedTransaction[]> {
    const lists = await this.#requests.toAll('listing transactions', async (connection) => {
      const version = connection.versionOf(listTransactions);
      const answer = await connection.request(
        listTransactions,
        {
          stateFilters: filters.states ?? [],
          producerIdFilters: filters.producerIds ?? [],
          ...(version >= DURATION_SINCE ? { durationFilter: filters.openMsMin ?? -1 } : {}),
          ...(version >= PATTERN_SINCE ? { transactionalIdPattern: filters.idPattern ?? null } : {}),
        },
        version,
      );
      checkAnswer(answer.errorCode, 'listing transactions');
      return answer.transactionStates;
    });
    return lists
      .flat()
      .map(({ transactionalId, producerId, transactionState: state }) => ({ transactionalId, producerId, state }));
  }

  async describe(transactionalIds: readonly string[]): Promise<DescribedTransaction[]> {
    return Promise.all(
      transactionalIds.map((id) =>
        this.#requests.toCoordinator('transaction', id, async (connection) => {
          const answer = await connection.request(describeTransactions, { transactionalIds: [id] });
          const found = answer.transactionStates[0];
          const what = `describing transaction ${id}`;
          if (found === undefined) throw new AnswerError(errorCode.UNKNOWN_SERVER_ERROR, what, 'the answer is empty');
          const error = errorOf(found.errorCode, what, null);
          if (error?.isRetriable === true) throw error;
          return {
            transactionalId: id,
            state: found.transactionState,
            timeoutMs: found.transactionTimeoutMs,
            startTimeMs: found.transactionStartTimeMs,
            producerId: found.producerId,
            producerEpoch: found.producerEpoch,
            partitions: found.topics.flatMap(({ topic, partitions }) =>
              partitions.map((partition) => ({ topic, partition })),
            ),
            error,
          };
        }),
      ),
    );
  }

  /** Ends whatever is open under the id, and fences its producer, by taking the id over. */
  async takeOver(transactionalId: string): Promise<void> {
    await this.#requests.toCoordinator('transaction', transactionalId, async (connection) => {
      const body = { transactionalId, transactionTimeoutMs: TAKE_OVER_TIMEOUT_MS };
      const answer = await connection.request(initProducerId, body);
      checkAnswer(answer.errorCode, `taking over the transactional id ${transactionalId}`);
    });
  }

  /** Writes an abort marker into one partition; `partitionRecords.describeProducers` tells what hangs there. */
  async abort({ topic, partition, producerId, producerEpoch, coordinatorEpoch }: HangingTransaction): Promise<void> {
    await this.#requests.toLeader(topic, partition, async (connection) => {
      const topics = [{ name: topic, partitionIndexes: [partition] }];
      const marker = { producerId, producerEpoch, coordinatorEpoch, transactionResult: false, topics };
      const answer = await connection.request(writeTxnMarkers, { markers: [marker] });
      const code = answer.markers[0]?.topics[0]?.partitions[0]?.errorCode ?? errorCode.UNKNOWN_SERVER_ERROR;
      checkAnswer(code, `aborting a transaction in ${placeOf(topic, partition)}`);
    });
  }
}
