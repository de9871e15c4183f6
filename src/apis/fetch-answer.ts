/**
 * Writes the response of a Fetch plan into the outbox: pieces of bytes and regions of files, in turns. Small regions are
 * read into the piece itself, because a system call per part costs more than copying them; large ones are sent from
 * their file and keep their lease until they left.
 *
 * An incremental answer holds only partitions with records, errors, or news of their watermarks (KIP-227).
 */
import { must } from '../base/assert.ts';
import type { Connection } from '../net/connection.ts';
import { ENTRY_NUMBERS, ENTRY_WORDS, type Exchange, SETTLE_CLOSES, SETTLE_WAITS, SETTLED } from '../net/exchange.ts';
import type { FrontFace } from '../net/front-face.ts';
import type { Topic } from '../net/route-table.ts';
import { errorCode } from '../protocol/errors.ts';
import { FetchResponseWriter, fetchResponseBytesMax } from '../protocol/fetch-writer.ts';
import {
  ENTRY_ABORTED,
  ENTRY_ERROR,
  ENTRY_FD,
  ENTRY_HIGH,
  ENTRY_LEASE,
  ENTRY_LENGTH,
  ENTRY_LOG_START,
  ENTRY_POSITION,
  ENTRY_SLOT,
  ENTRY_STABLE,
  ENTRY_WORKER,
  type FetchPlan,
} from './fetch-plan.ts';

/** Of a partition in the answer: nothing to tell, no records, copied, or sent from its file. */
const OMIT = 0;
const EMPTY = 1;
const COPY = 2;
const SEND = 3;
const NO_REPLICA = -1;
const UNKNOWN_OFFSET = -1;
const ABORTED_START = 16;

export class FetchAnswer {
  private readonly writer = new FetchResponseWriter();
  /** By entry: what becomes of it. */
  private ways = new Uint8Array(64);
  private aborted = new Float64Array(ABORTED_START);
  /** Rows of the plan's aborted transactions: the first of each entry, and the next of the same entry; -1: none. */
  private firstAborted = new Int32Array(0);
  private nextAborted = new Int32Array(0);
  // What `measure` found.
  private topicCount = 0;
  private nameBytes = 0;
  private partitionCount = 0;
  private copyBytes = 0;
  private regionCount = 0;
  private lastWithRecords = -1;
  /** Up to where the block is committed. */
  private committedAt = 0;

  settle(front: FrontFace, exchange: Exchange, plan: FetchPlan): number {
    const connection = must(exchange.connection, 'a settled exchange has its connection');
    this.measure(front, exchange, plan);
    if (plan.abortedCount > 0) this.threadAborted(plan);
    const { topicCount, nameBytes, partitionCount } = this;
    const bytesMax = fetchResponseBytesMax(topicCount, nameBytes, partitionCount, plan.abortedCount) + this.copyBytes;
    const outbox = front.outbox;
    if (bytesMax > outbox.slab.bytesTotal) return SETTLE_CLOSES;
    if (!outbox.hasParts(this.regionCount * 2 + 1)) return SETTLE_WAITS;
    const at = outbox.open(connection, bytesMax);
    if (at < 0) return SETTLE_WAITS;
    const writer = this.writer;
    if (plan.error !== 0) exchange.hasErrors = true;
    this.committedAt = at;
    const { version, correlationId } = exchange;
    writer.open(
      outbox.bytes,
      outbox.view,
      at,
      at + bytesMax,
      version,
      correlationId,
      0,
      plan.error,
      plan.sessionId,
      topicCount,
    );
    if (!this.writeTopics(front, connection, exchange, plan)) return SETTLE_CLOSES;
    const end = writer.close();
    // Before version 12 nothing follows the last records.
    if (end > this.committedAt) outbox.commit(connection, end - this.committedAt);
    this.rotate(plan);
    return SETTLED;
  }

  /** No records and no news, only how long to wait. */
  settleThrottled(front: FrontFace, exchange: Exchange, plan: FetchPlan, sessionId: number): number {
    const connection = must(exchange.connection, 'a settled exchange has its connection');
    const { outbox } = front;
    const bytesMax = fetchResponseBytesMax(0, 0, 0, 0);
    const at = outbox.open(connection, bytesMax);
    if (at < 0) return SETTLE_WAITS;
    const { version, correlationId, throttleMs } = exchange;
    const end = at + bytesMax;
    this.writer.open(outbox.bytes, outbox.view, at, end, version, correlationId, throttleMs, plan.error, sessionId, 0);
    outbox.commit(connection, this.writer.close() - at);
    return SETTLED;
  }

  /** Decides the way of each partition, and how much memory all of them take. */
  private measure(front: FrontFace, exchange: Exchange, plan: FetchPlan): void {
    if (this.ways.length < plan.count) this.ways = new Uint8Array(plan.count * 2);
    this.topicCount = 0;
    this.nameBytes = 0;
    this.partitionCount = 0;
    this.copyBytes = 0;
    this.regionCount = 0;
    this.lastWithRecords = -1;
    const { regionCopyBytesMax, responseCopyBytesMax } = front.limits;
    let left = plan.bytesMax;
    let hasRecords = false;
    let topic: Topic | null = null;
    for (let order = 0; order < plan.count; order++) {
      const index = plan.indexAt(order);
      const at = index * ENTRY_WORDS;
      let length = exchange.words[at + ENTRY_LEASE]! >= 0 ? exchange.words[at + ENTRY_LENGTH]! : 0;
      // A first batch larger than its share has taken from those behind it: they come with the next fetch.
      if (length > left && hasRecords) length = 0;
      if (length > 0) {
        hasRecords = true;
        left -= length;
        this.lastWithRecords = order;
      }
      const way = this.wayOf(exchange, plan, index, length, regionCopyBytesMax, responseCopyBytesMax);
      this.ways[index] = way;
      if (way === OMIT) continue;
      if (way === COPY) this.copyBytes += length;
      if (way === SEND) this.regionCount += 1;
      this.partitionCount += 1;
      const entry = plan.entryAt(index);
      if (entry.topic === topic) continue;
      topic = entry.topic;
      this.topicCount += 1;
      this.nameBytes += topic.name.length;
    }
  }

  private wayOf(
    exchange: Exchange,
    plan: FetchPlan,
    index: number,
    length: number,
    copyMax: number,
    copyTotalMax: number,
  ): number {
    if (length > 0) return length <= copyMax && this.copyBytes + length <= copyTotalMax ? COPY : SEND;
    if (!plan.isIncremental || exchange.words[index * ENTRY_WORDS + ENTRY_ERROR] !== 0) return EMPTY;
    const entry = plan.entryAt(index);
    const numberAt = index * ENTRY_NUMBERS;
    const isNews =
      exchange.numbers[numberAt + ENTRY_HIGH] !== entry.sentHigh ||
      exchange.numbers[numberAt + ENTRY_LOG_START] !== entry.sentLogStart;
    return isNews ? EMPTY : OMIT;
  }

  private writeTopics(front: FrontFace, connection: Connection, exchange: Exchange, plan: FetchPlan): boolean {
    let topic: Topic | null = null;
    for (let order = 0; order < plan.count; order++) {
      const index = plan.indexAt(order);
      if (this.ways[index] === OMIT) continue;
      const entry = plan.entryAt(index);
      if (entry.topic !== topic) {
        topic = entry.topic;
        this.writeTopic(plan, topic, order);
      }
      if (!this.writePartition(front, connection, exchange, plan, index)) return false;
    }
    return true;
  }

  private writeTopic(plan: FetchPlan, topic: Topic, fromOrder: number): void {
    let count = 0;
    for (let order = fromOrder; order < plan.count; order++) {
      const index = plan.indexAt(order);
      if (this.ways[index] === OMIT) continue;
      if (plan.entryAt(index).topic !== topic) break;
      count += 1;
    }
    if (plan.usesIds) this.writer.topicById(topic.id, 0, count);
    else this.writer.topicByName(topic.name, 0, topic.name.length, count);
  }

  private writePartition(
    front: FrontFace,
    connection: Connection,
    exchange: Exchange,
    plan: FetchPlan,
    index: number,
  ): boolean {
    const words = exchange.words;
    const at = index * ENTRY_WORDS;
    const numberAt = index * ENTRY_NUMBERS;
    const entry = plan.entryAt(index);
    const way = this.ways[index]!;
    const length = way === EMPTY ? 0 : words[at + ENTRY_LENGTH]!;
    const error = words[at + ENTRY_ERROR]!;
    // As Kafka does it: beside an error nothing is said of the log.
    const high = error === 0 ? exchange.numbers[numberAt + ENTRY_HIGH]! : UNKNOWN_OFFSET;
    const stable = error === 0 ? exchange.numbers[numberAt + ENTRY_STABLE]! : UNKNOWN_OFFSET;
    const start = error === 0 ? exchange.numbers[numberAt + ENTRY_LOG_START]! : UNKNOWN_OFFSET;
    const abortedCount = error === 0 ? this.collectAborted(exchange, plan, index, length) : abortedBeside(error);
    if (error !== 0) exchange.hasErrors = true;
    const recordsAt = this.writer.partition(
      entry.partition,
      error,
      high,
      stable,
      start,
      NO_REPLICA,
      this.aborted,
      0,
      abortedCount,
      length,
    );
    entry.sentHigh = high;
    entry.sentLogStart = start;
    if (way === EMPTY) return true;
    const position = exchange.numbers[numberAt + ENTRY_POSITION]!;
    const fd = words[at + ENTRY_FD]!;
    const worker = words[at + ENTRY_WORKER]!;
    const lease = words[at + ENTRY_LEASE]!;
    if (way === COPY) {
      // The lease goes back with the exchange.
      if (front.disk.read(fd, position, front.outbox.slab.memory, recordsAt, length) !== length) return false;
      this.writer.inline(length);
      return true;
    }
    front.outbox.commit(connection, recordsAt - this.committedAt);
    this.committedAt = recordsAt;
    words[at + ENTRY_LEASE] = -1;
    front.outbox.region(connection, fd, position, length, worker, lease, words[at + ENTRY_SLOT]!);
    return true;
  }

  private threadAborted(plan: FetchPlan): void {
    const { abortedCount, aborted, count } = plan;
    if (this.firstAborted.length < count) this.firstAborted = new Int32Array(count);
    if (this.nextAborted.length < abortedCount) this.nextAborted = new Int32Array(abortedCount * 2);
    this.firstAborted.fill(-1, 0, count);
    for (let row = abortedCount - 1; row >= 0; row--) {
      const entry = aborted[row * 3]!;
      this.nextAborted[row] = this.firstAborted[entry]!;
      this.firstAborted[entry] = row;
    }
  }

  /** The partition's aborted transactions, one behind the other; -1 where the client did not ask. */
  private collectAborted(exchange: Exchange, plan: FetchPlan, index: number, length: number): number {
    if (!plan.isCommitted) return -1;
    const count = length === 0 ? 0 : exchange.words[index * ENTRY_WORDS + ENTRY_ABORTED]!;
    if (count === 0) return 0;
    if (this.aborted.length < count * 2) this.aborted = new Float64Array(count * 4);
    let found = 0;
    for (let row = this.firstAborted[index]!; row >= 0; row = this.nextAborted[row]!) {
      this.aborted[found * 2] = plan.aborted[row * 3 + 1]!;
      this.aborted[found * 2 + 1] = plan.aborted[row * 3 + 2]!;
      found += 1;
    }
    return found;
  }

  /** The next fetch of the session begins behind the last partition that got records. */
  private rotate(plan: FetchPlan): void {
    if (plan.session === null || this.lastWithRecords < 0) return;
    const next = plan.indexAt(this.lastWithRecords) + 1;
    plan.session.first = next < plan.count ? next : 0;
  }
}

/** Kafka tells no list from an empty one by who found the error: a log gives none, whoever looks for the log an empty one. */
function abortedBeside(error: number): number {
  return error === errorCode.UNKNOWN_TOPIC_OR_PARTITION || error === errorCode.UNKNOWN_TOPIC_ID ? 0 : -1;
}
