/**
 * The client's side of transactions: one transactional id, one transaction at a time.
 *
 *     new ── initialise ──▶ ready ── begin ──▶ open ── commit / abort ──▶ ready
 *                             open ── a batch is lost ──▶ broken ── abort ──▶ ready
 *                             any ── another producer took the id ──▶ fenced (for good)
 *
 * Where the cluster has transaction.version 2 (KIP-890), partitions join a transaction by being written to and every end
 * brings a new epoch; before, each partition is announced first. It is the dispatcher's `SendingGate`: batches go only
 * while a transaction is open, and with the epoch of that transaction.
 */
import { Fault } from '../../base/fault.ts';
import { errorCode } from '../../protocol/errors.ts';
import { initProducerId } from '../../protocol/schemas/22-init-producer-id.ts';
import { addPartitionsToTxn } from '../../protocol/schemas/24-add-partitions-to-txn.ts';
import { addOffsetsToTxn } from '../../protocol/schemas/25-add-offsets-to-txn.ts';
import { endTxn } from '../../protocol/schemas/26-end-txn.ts';
import { txnOffsetCommit } from '../../protocol/schemas/28-txn-offset-commit.ts';
import { AnswerError, checkAnswer, errorCodeOf } from '../answer-error.ts';
import type { Connection } from '../connection.ts';
import type { CoordinatorFinder } from '../coordinator-finder.ts';
import { type GroupIdentity, type OffsetToCommit, topicsOf } from '../group-offsets.ts';
import { placeOf, type TopicPartition } from '../record.ts';
import type { ProducerIdentity } from './producer-batch.ts';
import type { ProducerSettings } from './producer-options.ts';
import type { GateEvents, SendingGate } from './sending-gate.ts';

type State = 'new' | 'ready' | 'open' | 'ending' | 'broken' | 'fenced';

const PRODUCE_VERSION_MAX_1 = 11;
const END_VERSION_MAX_1 = 4;
const OFFSET_COMMIT_VERSION_MAX_1 = 4;
/** From version 4 on AddPartitionsToTxn is what brokers send each other. */
const ADD_PARTITIONS_VERSION_MAX = 3;
const RETRY_MS = 20;

/** The id was taken over by another producer, or its state is beyond repair from here. */
const FENCING: ReadonlySet<number> = new Set([
  errorCode.PRODUCER_FENCED,
  errorCode.INVALID_PRODUCER_EPOCH,
  errorCode.INVALID_PRODUCER_ID_MAPPING,
  errorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
  errorCode.INVALID_TXN_STATE,
]);

export class Transaction implements SendingGate {
  readonly isTransactional = true;
  readonly isNumbered = true;
  readonly transactionalId: string;
  readonly #coordinators: CoordinatorFinder;
  readonly #settings: ProducerSettings;
  readonly #events: GateEvents;
  #state: State = 'new';
  #identity: ProducerIdentity | null = null;
  #isVersion2 = false;
  /** The coordinator knows, or will know, of the transaction: its end must be told. */
  #isStarted = false;
  #needsNewEpoch = false;
  #failure: unknown = null;
  readonly #partitions = new Set<string>();
  readonly #wanted = new Map<string, TopicPartition>();
  #isAdding = false;

  constructor(
    transactionalId: string,
    coordinators: CoordinatorFinder,
    settings: ProducerSettings,
    events: GateEvents,
  ) {
    this.transactionalId = transactionalId;
    this.#coordinators = coordinators;
    this.#settings = settings;
    this.#events = events;
  }

  get isOpen(): boolean {
    return this.#state === 'open';
  }

  get produceVersionMax(): number {
    return this.#isVersion2 ? Number.POSITIVE_INFINITY : PRODUCE_VERSION_MAX_1;
  }

  identity(): ProducerIdentity | null {
    return this.#state === 'open' || this.#state === 'ending' ? this.#identity : null;
  }

  isOpenFor(topic: string, partition: number): boolean {
    if (this.#state !== 'open' && this.#state !== 'ending') return false;
    if (this.#isVersion2) {
      this.#isStarted = true;
      return true;
    }
    const place = placeOf(topic, partition);
    if (this.#partitions.has(place)) return true;
    this.#wanted.set(place, { topic, partition });
    // Its failure breaks the transaction, which everybody who waits for it learns.
    void this.#addWanted();
    return false;
  }

  batchLost(_identity: ProducerIdentity | null, error: unknown): void {
    this.#needsNewEpoch = true;
    this.#break(error);
  }

  /** Throws where records may not be sent: no transaction is open, or it is broken. */
  checkOpen(): void {
    if (this.#state === 'open') return;
    if (this.#state === 'broken') throw brokenFault(this.#failure);
    if (this.#state === 'fenced') throw this.#failure;
    throw new Fault('PB_CLOSED', 'no transaction is open; call beginTransaction first');
  }

  // ── what the program calls, through the producer ────────────────────────────────────────────────────────────────────

  /** Takes the id over from whoever had it; an open transaction of theirs is aborted by the broker. */
  async initialise(): Promise<void> {
    if (this.#state !== 'new') throw new Fault('PB_CLOSED', 'transactions are initialised once');
    await this.#takeIdentity(null);
    this.#state = 'ready';
  }

  begin(): void {
    if (this.#state === 'fenced') throw this.#failure;
    if (this.#state === 'new') throw new Fault('PB_CLOSED', 'call initTransactions before beginTransaction');
    if (this.#state !== 'ready')
      throw new Fault('PB_CLOSED', 'the transaction before is not ended; commit or abort it');
    this.#partitions.clear();
    this.#wanted.clear();
    this.#isStarted = false;
    this.#needsNewEpoch = false;
    this.#failure = null;
    this.#state = 'open';
  }

  /** Offsets that count from when the transaction is committed. */
  async sendOffsets(offsets: readonly OffsetToCommit[], group: GroupIdentity): Promise<void> {
    this.checkOpen();
    if (offsets.length === 0) return;
    const identity = this.#held();
    try {
      if (!this.#isVersion2) {
        await this.#ask(async (connection) => {
          const { producerId, producerEpoch } = identity;
          const answer = await connection.request(addOffsetsToTxn, {
            transactionalId: this.transactionalId,
            producerId,
            producerEpoch,
            groupId: group.groupId,
          });
          checkAnswer(answer.errorCode, `adding offsets of ${group.groupId} to the transaction`);
        });
      }
      this.#isStarted = true;
      const options = this.#retryOptions();
      await this.#coordinators.ask('group', group.groupId, options, (connection) =>
        this.#commitOffsets(connection, identity, offsets, group),
      );
    } catch (error) {
      this.#noteFailure(error);
      throw error;
    }
  }

  /** The caller has flushed: no batch of the transaction is on its way any more. */
  async commit(): Promise<void> {
    this.checkOpen();
    this.#state = 'ending';
    try {
      await this.#end(true);
    } catch (error) {
      if (this.#state === 'ending') this.#noteFailure(error);
      throw error;
    }
    this.#state = 'ready';
  }

  async abort(): Promise<void> {
    if (this.#state === 'fenced') throw this.#failure;
    if (this.#state !== 'open' && this.#state !== 'broken')
      throw new Fault('PB_CLOSED', 'there is no transaction to abort');
    this.#state = 'ending';
    try {
      await this.#end(false);
      if (this.#needsNewEpoch && !this.#isVersion2) await this.#takeIdentity(this.#identity);
    } catch (error) {
      if (this.#state === 'ending') this.#noteFailure(error);
      throw error;
    }
    this.#state = 'ready';
  }

  // ── requests ────────────────────────────────────────────────────────────────────────────────────────────────────────

  async #takeIdentity(held: ProducerIdentity | null): Promise<void> {
    this.#identity = await this.#ask(async (connection) => {
      const answer = await connection.request(initProducerId, {
        transactionalId: this.transactionalId,
        transactionTimeoutMs: this.#settings.transactionTimeoutMs,
        ...(held === null ? {} : held),
      });
      checkAnswer(answer.errorCode, `taking the transactional id ${this.transactionalId}`);
      this.#isVersion2 =
        connection.featureLevel('transaction.version') >= 2 && (connection.brokerVersionsOf(endTxn.key)?.[1] ?? 0) >= 5;
      return { producerId: answer.producerId, producerEpoch: answer.producerEpoch };
    });
  }

  async #end(isCommit: boolean): Promise<void> {
    if (!this.#isStarted) return;
    const { producerId, producerEpoch } = this.#held();
    const answer = await this.#ask(async (connection) => {
      const version = connection.versionOf(endTxn, this.#isVersion2 ? undefined : END_VERSION_MAX_1);
      const body = { transactionalId: this.transactionalId, producerId, producerEpoch, committed: isCommit };
      const ended = await connection.request(endTxn, body, version);
      checkAnswer(ended.errorCode, `${isCommit ? 'committing' : 'aborting'} a transaction of ${this.transactionalId}`);
      return ended;
    });
    if (this.#isVersion2 && answer.producerId >= 0) {
      this.#identity = { producerId: answer.producerId, producerEpoch: answer.producerEpoch };
    }
  }

  async #addWanted(): Promise<void> {
    if (this.#isAdding || this.#wanted.size === 0) return;
    this.#isAdding = true;
    const { producerId, producerEpoch } = this.#held();
    const wanted = [...this.#wanted];
    this.#wanted.clear();
    const topics = topicsOf(
      wanted.map(([, place]) => place),
      ({ partition }) => partition,
    );
    try {
      this.#isStarted = true;
      await this.#ask(async (connection) => {
        const answer = await connection.request(
          addPartitionsToTxn,
          {
            transactions: [],
            v3AndBelowTransactionalId: this.transactionalId,
            v3AndBelowProducerId: producerId,
            v3AndBelowProducerEpoch: producerEpoch,
            v3AndBelowTopics: topics,
          },
          connection.versionOf(addPartitionsToTxn, ADD_PARTITIONS_VERSION_MAX),
        );
        const results = answer.resultsByTopicV3AndBelow.flatMap((topic) => topic.resultsByPartition);
        const codes = results.map((result) => result.partitionErrorCode);
        const first =
          codes.find((code) => code !== 0 && code !== errorCode.OPERATION_NOT_ATTEMPTED) ?? codes.find(Boolean);
        checkAnswer(first ?? 0, 'adding partitions to the transaction');
      });
      for (const [place] of wanted) this.#partitions.add(place);
    } catch (error) {
      this.#noteFailure(error);
    }
    this.#isAdding = false;
    this.#events.onOpen();
  }

  async #commitOffsets(
    connection: Connection,
    { producerId, producerEpoch }: ProducerIdentity,
    offsets: readonly OffsetToCommit[],
    group: GroupIdentity,
  ): Promise<void> {
    const version = connection.versionOf(txnOffsetCommit, this.#isVersion2 ? undefined : OFFSET_COMMIT_VERSION_MAX_1);
    const answer = await connection.request(
      txnOffsetCommit,
      {
        transactionalId: this.transactionalId,
        groupId: group.groupId,
        producerId,
        producerEpoch,
        generationId: group.generationId,
        memberId: group.memberId,
        groupInstanceId: group.groupInstanceId,
        topics: topicsOf(offsets, ({ partition, offset, leaderEpoch, metadata }) => ({
          partitionIndex: partition,
          committedOffset: offset,
          committedLeaderEpoch: leaderEpoch ?? -1,
          committedMetadata: metadata ?? '',
        })),
      },
      version,
    );
    for (const topic of answer.topics) {
      for (const { partitionIndex, errorCode: code } of topic.partitions)
        checkAnswer(code, `committing ${placeOf(topic.name, partitionIndex)} in a transaction`);
    }
  }

  #ask<T>(ask: (connection: Connection) => Promise<T>): Promise<T> {
    return this.#coordinators.ask('transaction', this.transactionalId, this.#retryOptions(), ask);
  }

  #retryOptions(): { deadlineMs: number; retryBackoffMs: number; retryBackoffMaxMs: number } {
    const { blockMsMax, retryBackoffMaxMs, retryBackoffMs } = this.#settings;
    // The end of the transaction before takes a few milliseconds, and is the usual reason to come again.
    return {
      deadlineMs: Date.now() + blockMsMax,
      retryBackoffMs: Math.min(RETRY_MS, retryBackoffMs),
      retryBackoffMaxMs,
    };
  }

  #held(): ProducerIdentity {
    if (this.#identity === null) throw new Fault('PB_CLOSED', 'call initTransactions first');
    return this.#identity;
  }

  #noteFailure(error: unknown): void {
    if (FENCING.has(errorCodeOf(error))) {
      this.#state = 'fenced';
      this.#failure = error;
      this.#events.onFailure(error);
    } else this.#break(error);
  }

  #break(error: unknown): void {
    if (this.#state !== 'open' && this.#state !== 'ending') return;
    this.#state = 'broken';
    this.#failure = error;
    this.#events.onFailure(brokenFault(error));
  }
}

function brokenFault(cause: unknown): Fault {
  const why = cause instanceof Error ? cause.message : String(cause);
  if (cause instanceof AnswerError) {
    return new AnswerError(
      errorCode.TRANSACTION_ABORTABLE,
      'the transaction is broken',
      `abort it and begin anew; ${why}`,
    );
  }
  return new Fault('PB_ANSWER', `the transaction is broken, abort it and begin anew: ${why}`, { cause });
}
