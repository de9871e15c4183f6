/**
 * One batch on its way to one partition: records go in until it is full, then it is sealed with the producer's identity
 * and a place in the partition's sequence, and sent as often as needed with the same bytes. It knows who waits for its
 * records and tells them how it ended. It does not know brokers.
 */
import { assert, must } from '../../base/assert.ts';
import {
  BATCH_BASE_SEQUENCE,
  BATCH_PRODUCER_EPOCH,
  BATCH_PRODUCER_ID,
  CODEC_NONE,
  NO_PRODUCER_EPOCH,
  NO_PRODUCER_ID,
  NO_SEQUENCE,
  stampCrc,
  writeInt64,
} from '../../protocol/batch.ts';
import { BatchBuilder, type RecordInput } from '../../protocol/batch-builder.ts';
import { memoryOver, readBatch } from '../../protocol/records.ts';
import { crc32c } from '../checksum.ts';
import type { RecordReceipt } from '../record.ts';

export interface ProducerIdentity {
  readonly producerId: number;
  readonly producerEpoch: number;
}

export interface Waiter {
  readonly resolve: (receipt: RecordReceipt) => void;
  readonly reject: (error: unknown) => void;
}

interface PlacedWaiter extends Waiter {
  readonly index: number;
  readonly timestamp: number;
}

export interface SealOptions {
  readonly codec: number;
  readonly level: number | null;
  /** Null for a producer that does not number its batches. */
  readonly identity: ProducerIdentity | null;
  readonly sequence: number;
  readonly isTransactional: boolean;
}

/** Length, deltas, lengths of key and value, count of headers: what a record takes beside its own bytes, at most. */
export const RECORD_OVERHEAD_BYTES = 21;
const HEADER_OVERHEAD_BYTES = 10;
const INFLATED_BYTES_MAX = 512 * 1024 * 1024;
const NO_TIME = -1;

export function recordBytesMax(record: RecordInput): number {
  let bytes = RECORD_OVERHEAD_BYTES + (record.key?.length ?? 0) + (record.value?.length ?? 0);
  for (const { key, value } of record.headers ?? [])
    bytes += HEADER_OVERHEAD_BYTES + key.length * 3 + (value?.length ?? 0);
  return bytes;
}

export class ProducerBatch {
  readonly topic: string;
  readonly partition: number;
  readonly createdMs: number;
  /** Batches of a partition are sent in this order; the halves of a split one share the place of the whole. */
  readonly order: number;
  readonly depth: number;
  attempts = 0;
  /** Somebody flushes: do not linger. */
  isUrgent = false;
  /** It was sent and the answer was lost: under other numbers it might be stored twice. */
  isFateUnknown = false;
  /** Bytes of the buffer that are given back when the batch ends. */
  reservedBytes = 0;
  sequence = NO_SEQUENCE;
  count = 0;
  bytes: Uint8Array | null = null;
  readonly #builder = new BatchBuilder(crc32c);
  readonly #waiters: PlacedWaiter[] = [];
  readonly #endings: (() => void)[] = [];

  constructor(topic: string, partition: number, createdMs: number, order: number, depth = 0) {
    this.topic = topic;
    this.partition = partition;
    this.createdMs = createdMs;
    this.order = order;
    this.depth = depth;
  }

  get sizeBytes(): number {
    return this.bytes?.length ?? this.#builder.sizeBytes;
  }

  get isSealed(): boolean {
    return this.bytes !== null;
  }

  add(record: RecordInput, reservedBytes: number, waiter: Waiter | null): void {
    assert(this.bytes === null, 'a sealed batch takes no records');
    const index = this.count++;
    this.#builder.add(record);
    this.reservedBytes += reservedBytes;
    if (waiter !== null) {
      const { resolve, reject } = waiter;
      this.#waiters.push({ resolve, reject, index, timestamp: record.timestamp });
    }
  }

  seal(options: SealOptions): void {
    assert(this.count > 0, 'a batch is sealed with records in it');
    this.sequence = options.identity === null ? NO_SEQUENCE : options.sequence;
    this.bytes = this.#builder.build({
      codec: options.codec,
      ...(options.level === null || options.codec === CODEC_NONE ? {} : { level: options.level }),
      producerId: options.identity?.producerId ?? NO_PRODUCER_ID,
      producerEpoch: options.identity?.producerEpoch ?? NO_PRODUCER_EPOCH,
      baseSequence: this.sequence,
      isTransactional: options.isTransactional,
    });
  }

  /** Gives a batch another identity and place: the producer goes on in a new epoch. */
  renumber(identity: ProducerIdentity, sequence: number): void {
    this.sequence = sequence;
    const bytes = this.bytes;
    if (bytes === null) return;
    const memory = memoryOver(bytes);
    writeInt64(memory.view, BATCH_PRODUCER_ID, identity.producerId);
    memory.view.setInt16(BATCH_PRODUCER_EPOCH, identity.producerEpoch);
    memory.view.setInt32(BATCH_BASE_SEQUENCE, sequence);
    stampCrc(memory, 0, bytes.length, crc32c);
  }

  /** Two batches with the same records in the same order; this one is then empty-handed. They are sealed again. */
  split(): readonly [ProducerBatch, ProducerBatch] {
    const bytes = must(this.bytes, 'only a sealed batch is split');
    const records = readBatch(memoryOver(bytes), 0, bytes.length, INFLATED_BYTES_MAX);
    const half = Math.ceil(records.length / 2);
    const depth = this.depth + 1;
    const first = new ProducerBatch(this.topic, this.partition, this.createdMs, this.order, depth);
    const second = new ProducerBatch(this.topic, this.partition, this.createdMs, this.order + 0.5 ** depth, depth);
    const waiters = new Map(this.#waiters.map((waiter) => [waiter.index, waiter]));
    for (const [index, record] of records.entries()) {
      const target = index < half ? first : second;
      target.add(record, 0, waiters.get(index) ?? null);
    }
    first.reservedBytes = this.reservedBytes;
    for (const part of [first, second]) {
      part.isUrgent = true;
      part.attempts = this.attempts;
      part.isFateUnknown = this.isFateUnknown;
    }
    let partsLeft = 2;
    const endWhole = (): void => {
      partsLeft--;
      if (partsLeft === 0) this.#end();
    };
    first.whenEnded(endWhole);
    second.whenEnded(endWhole);
    return [first, second];
  }

  whenEnded(ending: () => void): void {
    this.#endings.push(ending);
  }

  /** `logAppendTimeMs` -1: the topic keeps the records' own timestamps. */
  complete(baseOffset: number, logAppendTimeMs: number): void {
    for (const { index, timestamp, resolve } of this.#waiters) {
      resolve({
        topic: this.topic,
        partition: this.partition,
        offset: baseOffset < 0 ? -1 : baseOffset + index,
        timestamp: logAppendTimeMs === NO_TIME ? timestamp : logAppendTimeMs,
      });
    }
    this.#end();
  }

  /** Returns how many of its records nobody waits for: their loss must be told another way. */
  fail(error: unknown): number {
    for (const { reject } of this.#waiters) reject(error);
    this.#end();
    return this.count - this.#waiters.length;
  }

  #end(): void {
    for (const ending of this.#endings.splice(0)) ending();
  }
}
