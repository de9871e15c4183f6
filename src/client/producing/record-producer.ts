/**
 * The producer that programs use: records in, receipts out. `send` gives a promise for each record; `offer` takes records
 * without one, for those who have many and ask once, with `flush`. Between the two ends records pass the memory bound, the
 * partitioner and the queues; the dispatcher brings them to the brokers. Made by `Client.producer`.
 */
import { Fault } from '../../base/fault.ts';
import type { RecordInput } from '../../protocol/batch-builder.ts';
import { warmCodec } from '../../protocol/compression.ts';
import { within } from '../backoff.ts';
import type { CoordinatorFinder } from '../coordinator-finder.ts';
import type { GroupIdentity, OffsetToCommit } from '../group-offsets.ts';
import type { ClusterView, TopicView } from '../metadata.ts';
import { headersOf, nullableBytesOf, type ProducerRecord, placeOf, type RecordReceipt } from '../record.ts';
import { BufferMemory } from './buffer-memory.ts';
import { Dispatcher } from './dispatcher.ts';
import { Partitioner } from './partitioner.ts';
import { type ProducerBatch, recordBytesMax, type Waiter } from './producer-batch.ts';
import { type ProducerOptions, type ProducerSettings, settleProducer } from './producer-options.ts';
import { IdempotentGate, openGate, type SendingGate } from './sending-gate.ts';
import { TopicGate } from './topic-gate.ts';
import { Transaction } from './transaction.ts';

interface Entry {
  readonly topic: string;
  readonly partition: number | null;
  readonly record: RecordInput;
  readonly bytes: number;
  readonly waiter: Waiter | null;
}

export class RecordProducer {
  readonly #cluster: ClusterView;
  readonly #settings: ProducerSettings;
  readonly #partitioner: Partitioner;
  readonly #memory: BufferMemory;
  readonly #topics: TopicGate;
  readonly #dispatcher: Dispatcher;
  readonly #transaction: Transaction | null;
  #flushCount = 0;
  #unheardCount = 0;
  #unheardError: unknown = null;
  #isClosed = false;

  constructor(cluster: ClusterView, coordinators: CoordinatorFinder, options: ProducerOptions = {}) {
    const settings = settleProducer(options);
    this.#cluster = cluster;
    this.#settings = settings;
    this.#partitioner = new Partitioner(settings.batchBytes, options.partitioner ?? null);
    this.#memory = new BufferMemory(settings.bufferBytes);
    this.#topics = new TopicGate(cluster, settings.blockMsMax, () => this.#dispatcher.soon());
    const events = {
      onOpen: () => this.#dispatcher.soon(),
      onFailure: (error: unknown) => this.#dispatcher.failWaiting(error),
    };
    const { transactionalId, isIdempotent } = settings;
    this.#transaction =
      transactionalId === null ? null : new Transaction(transactionalId, coordinators, settings, events);
    const gate: SendingGate =
      this.#transaction ?? (isIdempotent ? new IdempotentGate(cluster, settings, events) : openGate);
    this.#dispatcher = new Dispatcher(cluster, settings, gate, {
      onEnd: (batch, error, unheardCount) => this.#ended(batch, error, unheardCount),
      expire: (nowMs) => this.#memory.expire(nowMs),
      isHurried: () => this.#flushCount > 0 || this.#memory.isExhausted,
    });
    warmCodec(settings.codec);
  }

  /** Resolves when the record is stored as `acks` asks; waits for room in the buffer where there is none. */
  send(record: ProducerRecord): Promise<RecordReceipt> {
    return new Promise((resolve, reject) => {
      const entry = this.#entryOf(record, { resolve, reject });
      if (this.#memory.take(entry.bytes)) {
        this.#enter(entry);
        return;
      }
      this.#dispatcher.soon();
      const dueMs = Date.now() + this.#settings.blockMsMax;
      this.#memory.wait(entry.bytes, dueMs, () => this.#enter(entry), reject);
    });
  }

  /**
   * Takes a record without making a promise for it; what becomes of it is told by `flush`. False: the buffer is full and
   * the record was not taken; await `room` and offer it again.
   */
  offer(record: ProducerRecord): boolean {
    const entry = this.#entryOf(record, null);
    if (!this.#memory.take(entry.bytes)) {
      this.#dispatcher.soon();
      return false;
    }
    this.#enter(entry);
    return true;
  }

  /** Resolves when `offer` may work again. */
  async room(): Promise<void> {
    const room = this.#memory.room();
    this.#dispatcher.soon();
    await room;
  }

  /** Sends all that was given, and waits for it. Fails when offered records were lost since the last flush. */
  async flush(): Promise<void> {
    this.#flushCount++;
    try {
      await this.#memoryLine();
      await this.#topics.settled();
      const ended = this.#dispatcher.unfinished().map(
        (batch) =>
          new Promise<void>((resolve) => {
            batch.isUrgent = true;
            batch.whenEnded(resolve);
          }),
      );
      this.#dispatcher.soon();
      await Promise.all(ended);
    } finally {
      this.#flushCount--;
    }
    if (this.#unheardCount === 0) return;
    const [count, cause] = [this.#unheardCount, this.#unheardError];
    this.#unheardCount = 0;
    this.#unheardError = null;
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new Fault('PB_ANSWER', `${count} offered records were not stored; the last: ${why}`, { cause });
  }

  // ── transactions ────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Once, before the first transaction: takes the transactional id over from any producer before. */
  async initTransactions(): Promise<void> {
    await this.#withTransactions().initialise();
  }

  beginTransaction(): void {
    this.#withTransactions().begin();
  }

  /** Makes a consumer's progress part of the transaction: `sendOffsets(offsets, consumer.groupIdentity())`. */
  async sendOffsets(offsets: readonly OffsetToCommit[], group: GroupIdentity): Promise<void> {
    await this.#withTransactions().sendOffsets(offsets, group);
  }

  async commitTransaction(): Promise<void> {
    const transaction = this.#withTransactions();
    transaction.checkOpen();
    await this.flush();
    await transaction.commit();
  }

  /** What was sent in the transaction will not be seen by readers of committed records; what waits is not sent. */
  async abortTransaction(): Promise<void> {
    const transaction = this.#withTransactions();
    this.#dropWaiting(new Fault('PB_CLOSED', 'the transaction was aborted before the record was sent'));
    await this.flush().catch(() => {});
    await transaction.abort();
  }

  /** Runs `work` in a transaction and commits; aborts when `work` or the commit fails, and passes the error on. */
  async inTransaction<T>(work: (producer: RecordProducer) => Promise<T>): Promise<T> {
    this.beginTransaction();
    try {
      const result = await work(this);
      await this.commitTransaction();
      return result;
    } catch (error) {
      // Whoever is fenced cannot abort either; the first error says why.
      await this.abortTransaction().catch(() => {});
      throw error;
    }
  }

  /** How many partitions a topic has, asked for when it is not known. */
  async partitionCount(topic: string): Promise<number> {
    return (await this.#cluster.topic(topic)).partitions.length;
  }

  /** Sends what waits, for up to `timeoutMs`, and closes the connections; what is left then is lost. */
  async close(timeoutMs: number = CLOSE_MS): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    let failure: unknown = null;
    try {
      await within(this.flush(), timeoutMs, 'sending what waited');
    } catch (error) {
      failure = error;
    }
    this.#dropWaiting(new Fault('PB_CLOSED', 'the producer was closed before the record was sent'));
    if (this.#transaction?.isOpen === true) {
      await within(this.#transaction.abort(), timeoutMs, 'aborting').catch(() => {});
    }
    this.#dispatcher.stop();
    await this.#cluster.close();
    if (failure !== null) throw failure;
  }

  // ── inside ──────────────────────────────────────────────────────────────────────────────────────────────────────────

  #entryOf(record: ProducerRecord, waiter: Waiter | null): Entry {
    if (this.#isClosed) throw new Fault('PB_CLOSED', 'the producer is closed');
    this.#transaction?.checkOpen();
    const { timestamp = Date.now() } = record;
    if (!Number.isSafeInteger(timestamp) || timestamp < 0)
      throw new Fault(
        'PB_BAD_SETTING',
        `the timestamp ${timestamp} of a record is no whole number of milliseconds since 1970`,
      );
    const input: RecordInput = {
      key: nullableBytesOf(record.key),
      value: nullableBytesOf(record.value),
      timestamp,
      headers: headersOf(record.headers),
    };
    const bytes = recordBytesMax(input);
    if (bytes > this.#settings.bufferBytes)
      throw new Fault('PB_LIMIT', `a record of ${bytes} bytes is larger than the buffer; raise bufferBytes`);
    return { topic: record.topic, partition: record.partition ?? null, record: input, bytes, waiter };
  }

  #enter(entry: Entry): void {
    const topic = this.#topics.pass(entry.topic);
    if (topic !== null) this.#place(entry, topic);
    else {
      this.#topics.wait(entry.topic, {
        go: (view) => this.#place(entry, view),
        fail: (error) => this.#refuse(entry, error),
      });
    }
  }

  #place(entry: Entry, topic: TopicView): void {
    const partitionCount = topic.partitions.length;
    const { record, bytes, waiter } = entry;
    let partition = entry.partition;
    try {
      partition ??= this.#partitioner.partitionOf(
        { topic: topic.name, key: record.key, value: record.value, partitionCount },
        bytes,
      );
    } catch (error) {
      this.#refuse(entry, error);
      return;
    }
    if (!Number.isInteger(partition) || partition < 0 || partition >= partitionCount) {
      const place = placeOf(topic.name, partition);
      this.#refuse(
        entry,
        new Fault('PB_BAD_SETTING', `there is no ${place}: the topic has ${partitionCount} partitions`),
      );
      return;
    }
    const nowMs = Date.now();
    const queue = this.#dispatcher.queueOf(topic.name, partition);
    this.#dispatcher.noteAdded(queue, queue.add(record, bytes, waiter, nowMs), nowMs);
  }

  #refuse(entry: Entry, error: unknown): void {
    this.#memory.give(entry.bytes);
    if (entry.waiter !== null) entry.waiter.reject(error);
    else this.#noteUnheard(1, error);
  }

  #ended(batch: ProducerBatch, error: unknown, unheardCount: number): void {
    this.#memory.give(batch.reservedBytes);
    if (error !== null) this.#noteUnheard(unheardCount, error);
  }

  #noteUnheard(count: number, error: unknown): void {
    if (count === 0) return;
    this.#unheardCount += count;
    this.#unheardError = error;
  }

  #dropWaiting(error: Fault): void {
    this.#memory.refuseAll(error);
    this.#topics.failAll(error);
    this.#dispatcher.failWaiting(error);
  }

  /** Behind everybody who waits for memory now. */
  #memoryLine(): Promise<void> {
    if (!this.#memory.isExhausted) return Promise.resolve();
    this.#dispatcher.soon();
    return new Promise((resolve) => {
      this.#memory.wait(0, Date.now() + this.#settings.blockMsMax, resolve, () => resolve());
    });
  }

  #withTransactions(): Transaction {
    if (this.#transaction === null)
      throw new Fault('PB_BAD_SETTING', 'this producer has no transactions; give it a transactionalId');
    return this.#transaction;
  }
}

const CLOSE_MS = 30_000;
