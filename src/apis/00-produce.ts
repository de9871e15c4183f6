/**
 * Produce (key 0): record batches to append. Versions 3-13; 0-2 are advertised, because old clients must see a minimum
 * of 0, and refused (KAFKA-18659).
 *
 * Two passes over the request bytes: the first validates all of it, so that nothing of a broken request is executed;
 * the second sends one AppendJob per partition with the span of its batch. Results lie in the exchange, one entry per
 * partition in request order; a third pass writes the response. Every partition is answered for itself.
 *
 * acks=0 gets no response; if a partition fails, closing the connection is all that can be said.
 *
 * Batches of transactions are appended when the transaction coordinator knows of them: `produce-verification.ts`.
 */
import { must } from '../base/assert.ts';
import type { Connection } from '../net/connection.ts';
import {
  BEGIN_BROKEN,
  BEGIN_TOO_MANY,
  BEGIN_WAITS,
  BEGUN,
  ENTRY_NUMBERS,
  ENTRY_WORDS,
  type Exchange,
  SETTLE_CLOSES,
  SETTLE_WAITS,
  SETTLED,
} from '../net/exchange.ts';
import type { FrontAccess } from '../net/front-access.ts';
import type { FrontFace } from '../net/front-face.ts';
import type { FrontTallies } from '../net/front-tallies.ts';
import { NO_PARTITION, type Topic } from '../net/route-table.ts';
import { OPERATION_WRITE, RESOURCE_TOPIC, RESOURCE_TRANSACTIONAL_ID } from '../protocol/acl.ts';
import {
  ATTRIBUTE_CODEC_MASK,
  BATCH_MAGIC,
  batchAttributes,
  batchBytes,
  batchMagic,
  CODEC_ZSTD,
  MAGIC,
} from '../protocol/batch.ts';
import { REASON_CUT_BATCH, REASON_NONE, reasonText } from '../protocol/batch-reasons.ts';
import { errorCode } from '../protocol/errors.ts';
import { ProduceCursor } from '../protocol/produce-cursor.ts';
import { ProduceResponseWriter, produceResponseBytesMax } from '../protocol/produce-writer.ts';
import {
  APPEND_AT,
  APPEND_FLAG_ACKS_ALL,
  APPEND_FLAG_BUMPS_EPOCH,
  APPEND_FLAG_ZSTD_ALLOWED,
  APPEND_FLAGS,
  APPEND_LENGTH,
  APPEND_SENT_NUMBER,
  APPEND_UNVERIFIED,
  APPENDED_BASE_OFFSET_NUMBER,
  APPENDED_DONE_NUMBER,
  APPENDED_LOG_START_NUMBER,
  APPENDED_REASON,
  APPENDED_RECORD_INDEX,
  APPENDED_TIME_NUMBER,
  BOARD_SLOTS_MAX,
  JOB_APPEND,
  RECEIPT_ERROR,
  RECEIPT_VERIFIED,
  SLOT_ENTRY,
  SLOT_EXCHANGE,
  SLOT_KIND,
  SLOT_PARTITION,
  SLOT_WORDS,
} from '../zerocopy/layout.ts';
import { checks, type GuardedDataApi } from './access.ts';
import {
  ask,
  ENTRY_ERROR,
  endRound,
  flagsAgain,
  hasReturned,
  isAnswered,
  isTransactional,
  mustHold,
  noteOf,
  noteReturned,
  takeVerdict,
  wantsNoAnswer,
} from './produce-verification.ts';

// Entry words (3 and 4 are those of the verification) and numbers.
const ENTRY_RECORD_INDEX = 1;
const ENTRY_REASON = 2;
const ENTRY_SLOT = 5;
const ENTRY_BASE_OFFSET = 0;
const ENTRY_TIME = 1;
const ENTRY_LOG_START = 2;
const ENTRY_DONE = 3;

const ZSTD_SINCE = 7;
const BUMPING_SINCE = 12;
const ACKS_ALL = -1;
/** Longest sentence of batch-reasons, twice: for the record and for the partition. */
const REASON_BYTES_MAX = 300;
const REASONS = 64;

export class ProduceApi implements GuardedDataApi {
  readonly key = 0;
  readonly name = 'Produce';
  readonly versionMin = 3;
  readonly versionMax = 13;
  readonly access = [
    checks(OPERATION_WRITE, RESOURCE_TRANSACTIONAL_ID),
    checks(OPERATION_WRITE, RESOURCE_TOPIC),
  ] as const;
  private readonly cursor = new ProduceCursor();
  private readonly writer = new ProduceResponseWriter();
  private readonly texts: (Uint8Array | null)[] = new Array<Uint8Array | null>(REASONS).fill(null);

  begin(front: FrontFace, exchange: Exchange): number {
    const cursor = this.cursor;
    const { bytes, view } = front.slab.memory;
    if (!cursor.begin(bytes, view, exchange.bodyAt, exchange.bodyEnd, exchange.version)) return BEGIN_BROKEN;
    if (!cursor.validate()) return BEGIN_BROKEN;
    // No more than a broker can have.
    if (cursor.topicCount > BOARD_SLOTS_MAX || cursor.partitionTotal > BOARD_SLOTS_MAX) return BEGIN_BROKEN;
    const hasTransaction = cursor.transactionalIdLength >= 0;
    const guarded = front.access.isOn ? must(exchange.connection, 'who asks has a connection') : null;
    if (guarded !== null && cursor.requestError === 0) this.checkTransaction(front.access, guarded);
    const acksError = errorOfAcks(cursor);
    if (exchange.entriesBegun === 0) {
      if (hasTransaction && mustHold(front, exchange)) return BEGIN_WAITS;
      if (!exchange.holdEntries(cursor.partitionTotal)) return BEGIN_TOO_MANY;
      exchange.entryCount = cursor.partitionTotal;
      exchange.note = noteOf(acksError === 0 ? cursor.acks : 1, hasTransaction);
    }
    let entry = 0;
    while (cursor.nextTopic()) {
      const topic = this.topicOf(front, bytes);
      const isDenied = guarded !== null && !this.mayWrite(front.access, guarded, topic);
      while (cursor.nextPartition()) {
        // After a wait: what was sent already is passed over.
        if (entry >= exchange.entriesBegun) {
          const error =
            cursor.requestError !== 0
              ? cursor.requestError
              : isDenied
                ? errorCode.TOPIC_AUTHORIZATION_FAILED
                : this.errorOf(topic, view, acksError);
          if (error !== 0) this.fail(exchange, entry, error);
          else if (!this.append(front, exchange, entry, must(topic, 'a topic without error exists'), 0))
            return BEGIN_WAITS;
          exchange.entriesBegun = entry + 1;
        }
        entry += 1;
      }
    }
    if (exchange.pending === 0 && this.onIdle(front, exchange)) front.ready(exchange);
    return BEGUN;
  }

  onReceipt(_front: FrontFace, exchange: Exchange, words: Int32Array, at: number, numbers: Float64Array): void {
    if (words[at + SLOT_KIND] === RECEIPT_VERIFIED) {
      takeVerdict(exchange, words, at);
      return;
    }
    const entry = words[at + SLOT_ENTRY]!;
    const to = entry * ENTRY_WORDS;
    const error = words[at + RECEIPT_ERROR]!;
    exchange.words[to + ENTRY_ERROR] = error;
    if (error === APPEND_UNVERIFIED) {
      noteReturned(exchange, entry, words[at + APPENDED_RECORD_INDEX]!);
      this.clear(exchange, entry);
      return;
    }
    exchange.words[to + ENTRY_RECORD_INDEX] = words[at + APPENDED_RECORD_INDEX]!;
    exchange.words[to + ENTRY_REASON] = words[at + APPENDED_REASON]!;
    const from = at >> 1;
    const toNumber = entry * ENTRY_NUMBERS;
    exchange.numbers[toNumber + ENTRY_BASE_OFFSET] = numbers[from + APPENDED_BASE_OFFSET_NUMBER]!;
    exchange.numbers[toNumber + ENTRY_TIME] = numbers[from + APPENDED_TIME_NUMBER]!;
    exchange.numbers[toNumber + ENTRY_LOG_START] = numbers[from + APPENDED_LOG_START_NUMBER]!;
    exchange.words[to + ENTRY_SLOT] = words[at + SLOT_PARTITION]!;
    exchange.numbers[toNumber + ENTRY_DONE] = numbers[from + APPENDED_DONE_NUMBER]!;
  }

  onIdle(front: FrontFace, exchange: Exchange): boolean {
    if (!hasReturned(exchange)) return true;
    if (isAnswered(exchange)) {
      const isSent = this.sendAgain(front, exchange);
      if (!isSent || (exchange.pending === 0 && hasReturned(exchange))) front.again(exchange);
      return exchange.pending === 0 && !hasReturned(exchange);
    }
    if (!ask(front, exchange)) front.again(exchange);
    return !hasReturned(exchange);
  }

  onWake(): void {}

  settle(front: FrontFace, exchange: Exchange): number {
    if (exchange.meters !== null && exchange.throttleMs < 0) {
      const { meters, frameLength, busyMs } = exchange;
      exchange.throttleMs = front.throttle.produced(meters, frameLength, busyMs, front.nowMs);
    }
    if (wantsNoAnswer(exchange)) return this.settleSilently(front, exchange);
    const cursor = this.cursor;
    const { bytes, view } = front.slab.memory;
    const connection = must(exchange.connection, 'a settled exchange has its connection');
    cursor.begin(bytes, view, exchange.bodyAt, exchange.bodyEnd, exchange.version);
    cursor.validate();
    const bytesMax = produceResponseBytesMax(cursor, this.textBytesMax(exchange));
    const outbox = front.outbox;
    if (bytesMax > outbox.slab.bytesTotal) return SETTLE_CLOSES;
    const at = outbox.open(connection, bytesMax);
    if (at < 0) return SETTLE_WAITS;
    this.writer.open(outbox.bytes, outbox.view, at, at + bytesMax, cursor, exchange.correlationId);
    for (let entry = 0; entry < exchange.entryCount; entry++) this.writeEntry(exchange, entry);
    outbox.commit(connection, this.writer.close(Math.max(0, exchange.throttleMs)) - at);
    if (front.tallies !== null) this.count(front.tallies, exchange);
    return SETTLED;
  }

  end(): void {}

  /** Only where somebody decides. A batch of a transaction needs the right to its id, or nothing of the request is done. */
  private checkTransaction(access: FrontAccess, connection: Connection): void {
    const cursor = this.cursor;
    if (!cursor.isTransactional) return;
    const id = textOf(cursor.bytes, cursor.transactionalIdAt, cursor.transactionalIdLength);
    if (access.mayTransactionalId(connection, OPERATION_WRITE, id, this.name)) return;
    cursor.requestError = errorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED;
  }

  /** What has an id and is not there is said to everybody: ids are no secret. */
  private mayWrite(access: FrontAccess, connection: Connection, topic: Topic | null): boolean {
    const cursor = this.cursor;
    if (topic !== null) return access.mayTopic(connection, OPERATION_WRITE, topic, this.name);
    if (cursor.hasTopicIds || cursor.requestError !== 0) return true;
    const name = textOf(cursor.bytes, cursor.nameAt, cursor.nameLength);
    return access.mayName(connection, OPERATION_WRITE, name, this.name);
  }

  private errorOf(topic: Topic | null, view: DataView, acksError: number): number {
    const cursor = this.cursor;
    const unknown = cursor.hasTopicIds ? errorCode.UNKNOWN_TOPIC_ID : errorCode.UNKNOWN_TOPIC_OR_PARTITION;
    if (topic === null) return unknown;
    const slot = topic.slotOf(cursor.partition);
    if (slot === NO_PARTITION) return errorCode.UNKNOWN_TOPIC_OR_PARTITION;
    if (slot < 0) return errorCode.NOT_LEADER_OR_FOLLOWER;
    if (cursor.recordsLength <= 0) return errorCode.INVALID_RECORD;
    if (acksError !== 0) {
      const flaw = flawOf(view, cursor.recordsAt, cursor.recordsLength, cursor.version >= ZSTD_SINCE);
      return flaw === 0 ? acksError : flaw;
    }
    return topic.isInternal ? errorCode.INVALID_TOPIC_EXCEPTION : 0;
  }

  /** What main allowed goes to its workers once more. False: a lane is full, the rest waits. */
  private sendAgain(front: FrontFace, exchange: Exchange): boolean {
    const cursor = this.cursor;
    const { bytes, view } = front.slab.memory;
    cursor.begin(bytes, view, exchange.bodyAt, exchange.bodyEnd, exchange.version);
    cursor.validate();
    let entry = 0;
    while (cursor.nextTopic()) {
      const topic = this.topicOf(front, bytes);
      while (cursor.nextPartition()) {
        const flags = flagsAgain(exchange, entry);
        if (flags !== 0) {
          const error = this.errorOf(topic, view, 0);
          if (error !== 0) this.fail(exchange, entry, error);
          else if (this.append(front, exchange, entry, must(topic, 'a topic without error exists'), flags))
            exchange.words[entry * ENTRY_WORDS + ENTRY_ERROR] = 0;
          else return false;
        }
        entry += 1;
      }
    }
    endRound(exchange);
    return true;
  }

  private topicOf(front: FrontFace, bytes: Uint8Array): Topic | null {
    const cursor = this.cursor;
    if (cursor.hasTopicIds) return front.routes.findById(bytes, cursor.topicIdAt);
    return front.routes.findByName(bytes, cursor.nameAt, cursor.nameLength);
  }

  private append(front: FrontFace, exchange: Exchange, entry: number, topic: Topic, flags: number): boolean {
    const cursor = this.cursor;
    const worker = topic.workers[cursor.partition]!;
    const slot = front.lanes.claim(worker);
    if (slot < 0) return false;
    const words = front.lanes.laneOf(worker).outgoing.words;
    const at = slot * SLOT_WORDS;
    words[at + SLOT_KIND] = JOB_APPEND;
    words[at + SLOT_EXCHANGE] = exchange.index;
    words[at + SLOT_ENTRY] = entry;
    words[at + SLOT_PARTITION] = topic.slotOf(cursor.partition);
    words[at + APPEND_AT] = cursor.recordsAt;
    words[at + APPEND_LENGTH] = cursor.recordsLength;
    const zstd = exchange.version >= ZSTD_SINCE ? APPEND_FLAG_ZSTD_ALLOWED : 0;
    const bumps = exchange.version >= BUMPING_SINCE ? APPEND_FLAG_BUMPS_EPOCH : 0;
    words[at + APPEND_FLAGS] = flags | zstd | bumps | (cursor.acks === ACKS_ALL ? APPEND_FLAG_ACKS_ALL : 0);
    const { numbers } = front.lanes.laneOf(worker).outgoing;
    numbers[(at >> 1) + APPEND_SENT_NUMBER] = front.tallies === null ? 0 : front.tallies.turnMs();
    exchange.pending += 1;
    return true;
  }

  private fail(exchange: Exchange, entry: number, error: number): void {
    exchange.words[entry * ENTRY_WORDS + ENTRY_ERROR] = error;
    this.clear(exchange, entry);
  }

  /** A result without offsets. */
  private clear(exchange: Exchange, entry: number): void {
    exchange.words[entry * ENTRY_WORDS + ENTRY_RECORD_INDEX] = -1;
    exchange.words[entry * ENTRY_WORDS + ENTRY_REASON] = 0;
    exchange.numbers[entry * ENTRY_NUMBERS + ENTRY_BASE_OFFSET] = -1;
    exchange.numbers[entry * ENTRY_NUMBERS + ENTRY_TIME] = -1;
    exchange.numbers[entry * ENTRY_NUMBERS + ENTRY_LOG_START] = -1;
    exchange.numbers[entry * ENTRY_NUMBERS + ENTRY_DONE] = 0;
  }

  private settleSilently(front: FrontFace, exchange: Exchange): number {
    for (let entry = 0; entry < exchange.entryCount; entry++) {
      if (exchange.words[entry * ENTRY_WORDS + ENTRY_ERROR] !== 0) return SETTLE_CLOSES;
    }
    if (front.tallies !== null) this.count(front.tallies, exchange);
    return SETTLED;
  }

  private count(tallies: FrontTallies, exchange: Exchange): void {
    const { words, numbers } = exchange;
    for (let entry = 0; entry < exchange.entryCount; entry++) {
      if (words[entry * ENTRY_WORDS + ENTRY_ERROR] !== 0) exchange.hasErrors = true;
      else tallies.responded(words[entry * ENTRY_WORDS + ENTRY_SLOT]!, numbers[entry * ENTRY_NUMBERS + ENTRY_DONE]!);
    }
  }

  private writeEntry(exchange: Exchange, entry: number): void {
    const words = exchange.words;
    const numbers = exchange.numbers;
    const at = entry * ENTRY_WORDS;
    const numberAt = entry * ENTRY_NUMBERS;
    const error = words[at + ENTRY_ERROR]!;
    const text = error === 0 ? null : this.textOf(words[at + ENTRY_REASON]!);
    this.writer.partition(
      error,
      error === 0 ? numbers[numberAt + ENTRY_BASE_OFFSET]! : -1,
      error === 0 ? numbers[numberAt + ENTRY_TIME]! : -1,
      hidesLogStart(exchange, error, words[at + ENTRY_REASON]!) ? -1 : numbers[numberAt + ENTRY_LOG_START]!,
      words[at + ENTRY_RECORD_INDEX]!,
      text,
      text,
    );
  }

  private textBytesMax(exchange: Exchange): number {
    let total = 0;
    for (let entry = 0; entry < exchange.entryCount; entry++) {
      if (exchange.words[entry * ENTRY_WORDS + ENTRY_REASON] !== 0) total += 2 * REASON_BYTES_MAX;
    }
    return total;
  }

  /** The sentence of a reason as bytes, made once. */
  private textOf(reason: number): Uint8Array | null {
    if (reason <= 0 || reason >= REASONS) return null;
    let text = this.texts[reason] ?? null;
    if (text === null) {
      text = new TextEncoder().encode(reasonText(reason)).subarray(0, REASON_BYTES_MAX);
      this.texts[reason] = text;
    }
    return text;
  }
}

function textOf(bytes: Uint8Array, at: number, length: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + at, length).toString('utf8');
}

function errorOfAcks(cursor: ProduceCursor): number {
  return cursor.acks < ACKS_ALL || cursor.acks > 1 ? errorCode.INVALID_REQUIRED_ACKS : 0;
}

/** What the form of a batch is refused for before anybody asks how it is to be acknowledged. Off the hot path. */
function flawOf(view: DataView, at: number, length: number, isZstdAllowed: boolean): number {
  if (length <= BATCH_MAGIC || length < batchBytes(view, at) || batchMagic(view, at) !== MAGIC)
    return errorCode.INVALID_RECORD;
  const isRefusedZstd = !isZstdAllowed && (batchAttributes(view, at) & ATTRIBUTE_CODEC_MASK) === CODEC_ZSTD;
  if (isRefusedZstd) return errorCode.UNSUPPORTED_COMPRESSION_TYPE;
  return length > batchBytes(view, at) ? errorCode.INVALID_RECORD : 0;
}

/** As Kafka does it, where the log starts is told only beside errors that are found when a batch is as good as appended. */
function hidesLogStart(exchange: Exchange, error: number, reason: number): boolean {
  switch (error) {
    case errorCode.CORRUPT_MESSAGE:
    case errorCode.MESSAGE_TOO_LARGE:
    case errorCode.RECORD_LIST_TOO_LARGE:
    case errorCode.KAFKA_STORAGE_ERROR:
    case errorCode.UNSUPPORTED_COMPRESSION_TYPE:
      return true;
    case errorCode.INVALID_PRODUCER_EPOCH:
      return isTransactional(exchange);
    default:
      return error === errorCode.INVALID_RECORD && reason !== REASON_NONE && reason <= REASON_CUT_BATCH;
  }
}
