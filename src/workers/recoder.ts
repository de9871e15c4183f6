/**
 * Re-encoding for topics whose compression.type names a codec. Small batches are re-encoded within the worker's turn;
 * larger ones go to the background pool, so that no partition waits for another one's compressor longer than about a
 * millisecond. A turn re-encodes only so much: then it writes and answers, while the next requests come in. A partition's order is kept: while one of its batches is in the
 * pool, later ones wait behind it here.
 *
 *   recode ──small, nothing ahead──> isDone: append now
 *      └────large, or one ahead───> queue of the partition ──oldest has come back──> takeReady: append in order
 */
import { assert, must } from '../base/assert.ts';
import { batchCodec, stampTimestamp } from '../protocol/batch.ts';
import { BatchCheck, type BatchRules, createBatchRules } from '../protocol/batch-check.ts';
import { codecByName } from '../protocol/compression.ts';
import { errorCode } from '../protocol/errors.ts';
import type { Crc } from '../storage/storage-tools.ts';
import { APPEND_FLAG_INTERNAL, APPEND_FLAG_ZSTD_ALLOWED } from '../zerocopy/layout.ts';
import type { PackLz4 } from '../zerocopy/lz4-block.ts';
import type { Memory } from '../zerocopy/memory.ts';
import { BatchEncoder } from './batch-encoder.ts';
import type { OwnedPartition } from './partition-table.ts';

/** Of the millisecond or so that a batch may take within a turn: where it is used up, the turn's writes and answers come first. */
const TURN_SHARE = 0.5;
/** Batches queued in all; beyond, jobs stay in their ring. */
const QUEUED_MAX = 256;
const QUEUED_BYTES_MAX = 64 * 1024 * 1024;

export interface RecodeJob {
  readonly partition: OwnedPartition;
  readonly slot: number;
  readonly lane: number;
  readonly exchange: number;
  readonly entry: number;
  readonly flags: number;
  readonly inputBytes: number;
  error: number;
  /** Null while the background pool has it. */
  bytes: Uint8Array | null;
  isBack: boolean;
}

export interface RecoderParts {
  readonly crc: Crc;
  readonly memoryOf: (bytes: Uint8Array) => Memory;
  /** Null where there is no native part. */
  readonly packLz4: PackLz4 | null;
  readonly send: (ticket: number, batch: Uint8Array, codec: number, level: number) => void;
}

export class Recoder {
  // The result of `recode` when `isDone`, and of `takeReady`.
  isDone = false;
  memory: Memory | null = null;
  at = 0;
  length = 0;
  recordIndex = -1;
  reason = 0;
  ready: RecodeJob | null = null;

  private readonly parts: RecoderParts;
  private readonly check: BatchCheck<Memory>;
  private readonly encoder: BatchEncoder;
  private readonly rules: BatchRules = createBatchRules();
  private readonly queues = new Map<OwnedPartition, RecodeJob[]>();
  private readonly tickets = new Map<number, RecodeJob>();
  private readonly readyQueues: RecodeJob[][] = [];
  private nextTicket = 1;
  private queuedCount = 0;
  private queuedBytes = 0;
  private spent = 0;

  constructor(parts: RecoderParts) {
    this.parts = parts;
    this.check = new BatchCheck<Memory>(parts.crc);
    this.encoder = new BatchEncoder(parts);
  }

  /** What was encoded in the turn before has been written: its memory is used again. */
  beginTurn(): void {
    this.spent = 0;
    this.encoder.begin();
  }

  /** Enough for this turn; what is left comes in the next one. */
  get isSpent(): boolean {
    return this.spent >= TURN_SHARE;
  }

  get hasRoom(): boolean {
    return this.queuedCount < QUEUED_MAX && this.queuedBytes < QUEUED_BYTES_MAX;
  }

  /** Batches of the partition are on their way: later ones must stand behind them, whatever the topic asks for by now. */
  holds(partition: OwnedPartition): boolean {
    return this.queues.has(partition);
  }

  get hasReady(): boolean {
    return this.readyQueues.length > 0;
  }

  /** Returns a Kafka error code; 0 and `isDone`: append `memory`, `at`, `length`; 0 and not: it comes through `takeReady`. */
  recode(
    partition: OwnedPartition,
    lane: number,
    exchange: number,
    entry: number,
    memory: Memory,
    at: number,
    length: number,
    flags: number,
    nowMs: number,
  ): number {
    assert(this.hasRoom && !this.isSpent, 'the recoder was asked for room first');
    this.recordIndex = -1;
    this.reason = 0;
    const error = this.checkInput(partition, memory, at, length, flags, nowMs);
    if (error !== 0) return error;
    // Who opens the batch next does not look for it any more.
    if (this.check.isMaxTimestampWrong) {
      const { isLogAppendTime, maxTimestamp } = this.check;
      stampTimestamp(memory, at, length, isLogAppendTime, maxTimestamp, this.parts.crc);
    }
    const settings = partition.log.settings;
    const codec = batchCodec(memory.view, at);
    // Whoever looks for the end of a transaction does not unpack it.
    const isKept = settings.compressionType === 'producer' || this.check.isControl;
    const target = isKept ? codec : codecByName(settings.compressionType);
    const isSame = codec === target;
    const isQueued = this.queues.has(partition);
    if (isSame && !isQueued) return this.passThrough(memory, at, length);
    const inlineMax = this.encoder.inlineBytesMax(target);
    if (!isQueued && length <= inlineMax) {
      this.spent += length / inlineMax;
      const { encoder } = this;
      const isGood = encoder.encode(memory, at, length, this.check.inflated, target, settings.compressionLevel);
      if (!isGood) return errorCode.CORRUPT_MESSAGE;
      return this.passThrough(must(encoder.memory, 'what was encoded has bytes'), encoder.at, encoder.length);
    }
    this.isDone = false;
    this.enqueue(
      {
        partition,
        slot: partition.slot,
        lane,
        exchange,
        entry,
        flags,
        inputBytes: length,
        error: 0,
        bytes: null,
        isBack: false,
      },
      memory.bytes.slice(at, at + length),
      target,
      settings.compressionLevel,
    );
    return 0;
  }

  /** The background pool is done with a batch; null: it could not be re-encoded. */
  finished(ticket: number, bytes: Uint8Array | null): void {
    const job = this.tickets.get(ticket);
    if (job === undefined) return;
    this.tickets.delete(ticket);
    job.isBack = true;
    job.bytes = bytes;
    if (bytes === null) job.error = errorCode.CORRUPT_MESSAGE;
    const queue = must(this.queues.get(job.partition), 'a batch in the pool stands in its queue');
    if (queue[0] === job) this.readyQueues.push(queue);
  }

  /** The next batch that may be appended now, in `ready` and (without an error) `memory`, `at`, `length`. */
  takeReady(): boolean {
    const queue = this.readyQueues[0];
    if (queue === undefined) return false;
    const job = must(queue.shift(), 'a ready queue has a first batch');
    this.queuedCount -= 1;
    this.queuedBytes -= job.inputBytes;
    const next = queue[0];
    if (next === undefined || !next.isBack) this.readyQueues.shift();
    if (next === undefined) this.queues.delete(job.partition);
    this.ready = job;
    this.recordIndex = -1;
    this.reason = 0;
    if (job.bytes !== null) {
      this.memory = this.parts.memoryOf(job.bytes);
      this.at = 0;
      this.length = job.bytes.length;
    }
    return true;
  }

  private passThrough(memory: Memory, at: number, length: number): number {
    this.isDone = true;
    this.memory = memory;
    this.at = at;
    this.length = length;
    return 0;
  }

  private enqueue(job: RecodeJob, batch: Uint8Array, codec: number, level: number): void {
    const queue = this.queues.get(job.partition);
    if (queue === undefined) this.queues.set(job.partition, [job]);
    else queue.push(job);
    this.queuedCount += 1;
    this.queuedBytes += job.inputBytes;
    const ticket = this.nextTicket++;
    this.tickets.set(ticket, job);
    this.parts.send(ticket, batch, codec, level);
  }

  private checkInput(
    partition: OwnedPartition,
    memory: Memory,
    at: number,
    length: number,
    flags: number,
    nowMs: number,
  ): number {
    const settings = partition.log.settings;
    const rules = this.rules;
    rules.messageBytesMax = settings.batchBytesMax;
    rules.timestampBeforeMaxMs = settings.timestampBeforeMaxMs;
    rules.timestampAfterMaxMs = settings.timestampAfterMaxMs;
    rules.isLogAppendTime = settings.isLogAppendTime;
    rules.isCompacted = settings.isCompacted;
    rules.isZstdAllowed = (flags & APPEND_FLAG_ZSTD_ALLOWED) !== 0;
    rules.isInternal = (flags & APPEND_FLAG_INTERNAL) !== 0;
    rules.inflatesAlways = true;
    rules.nowMs = nowMs;
    const error = this.check.check(memory, at, length, rules);
    this.recordIndex = this.check.recordIndex;
    this.reason = this.check.reason;
    return error;
  }
}
