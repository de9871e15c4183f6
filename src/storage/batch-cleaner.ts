/**
 * What compaction makes of one batch: it goes, stays as it is, or is made anew with some records left out. Kafka's rules:
 *
 *   a record stays when the map knows no later one of its key; a tombstone only until the delete horizon of its batch; a
 *     record without a key goes; records behind the last offset of the map are not judged
 *   the first pass that keeps a tombstone, or a marker nobody needs, gives its batch a delete horizon: now plus
 *     delete.retention.ms
 *   the batch with the last sequence of a producer stays, if need be without records, so that its repetition is recognised;
 *     of a producer of which only a marker is left, the marker
 */
import {
  type BatchMemory,
  batchBaseOffset,
  batchCount,
  batchIsControl,
  batchIsTransactional,
  batchLastOffset,
  batchProducerEpoch,
  batchProducerId,
  NO_TIMESTAMP,
} from '../protocol/batch.ts';
import { INFLATED_BYTES_MAX } from '../protocol/batch-check.ts';
import { BatchRewrite, batchDeleteHorizon } from '../protocol/batch-rewrite.ts';
import { RecordCursor } from '../protocol/records.ts';
import type { Memory } from '../zerocopy/memory.ts';
import type { CleanedTransactions } from './cleaned-transactions.ts';
import { ControlMarker, MARKER_ABORT, MARKER_OTHER } from './control-marker.ts';
import type { OffsetMap } from './offset-map.ts';

/** The last offset (-1: none, only a marker is left) and the epoch of every producer that the log knows of. */
export interface LastRecords {
  readonly producerIds: Float64Array;
  readonly lastOffsets: Float64Array;
  readonly epochs: Int32Array;
}

export interface BatchCleanerParts {
  readonly map: OffsetMap;
  readonly transactions: CleanedTransactions;
  readonly lastRecords: LastRecords;
  readonly nowMs: number;
  readonly deleteRetentionMs: number;
  readonly crc: (memory: BatchMemory, at: number, length: number) => number;
  /** What is made anew is written into it, if it fits. */
  readonly room: Uint8Array<ArrayBuffer>;
}

export const BATCH_GONE = 0;
export const BATCH_KEPT = 1;
export const BATCH_CHANGED = 2;

export class BatchCleaner {
  /** The batch made anew; good until the next one. */
  bytes: Uint8Array<ArrayBuffer> = new Uint8Array(0);
  private readonly parts: BatchCleanerParts;
  private readonly rewrite: BatchRewrite;
  private readonly records = new RecordCursor();
  private readonly marker = new ControlMarker();
  private readonly producers = new Map<number, number>();
  /** One a record of the batch at hand. */
  private isRetained = new Uint8Array(1024);

  constructor(parts: BatchCleanerParts) {
    this.parts = parts;
    this.rewrite = new BatchRewrite(parts.crc, parts.room);
    const { producerIds } = parts.lastRecords;
    for (let index = 0; index < producerIds.length; index++) this.producers.set(producerIds[index]!, index);
  }

  /** Throws Fault for records that cannot be read. */
  clean(memory: Memory, at: number, length: number): number {
    const view = memory.view;
    if (batchIsControl(view, at)) return this.cleanMarker(memory, at, length);
    const isAborted = this.parts.transactions.meetData(
      batchProducerId(view, at),
      batchIsTransactional(view, at),
      batchLastOffset(view, at),
    );
    const count = batchCount(view, at);
    if (isAborted || count === 0) return this.withoutRecords(memory, at, count);
    // Not judged yet, so there is no need to open it.
    if (batchBaseOffset(view, at) > this.parts.map.latestOffset) return BATCH_KEPT;
    return this.cleanRecords(memory, at, length, count);
  }

  private cleanMarker(memory: Memory, at: number, length: number): number {
    const { nowMs, transactions } = this.parts;
    const view = memory.view;
    const count = batchCount(view, at);
    if (count === 0) return this.withoutRecords(memory, at, count);
    const { marker } = this;
    marker.read(view, at, at + length);
    if (marker.kind === MARKER_OTHER) return BATCH_KEPT;
    const isAbort = marker.kind === MARKER_ABORT;
    const mayGo = transactions.meetMarker(batchProducerId(view, at), isAbort, batchLastOffset(view, at));
    if (!mayGo) return BATCH_KEPT;
    const horizonMs = batchDeleteHorizon(view, at);
    if (horizonMs >= 0) return horizonMs <= nowMs ? this.withoutRecords(memory, at, count) : BATCH_KEPT;
    const horizon = this.newHorizon();
    if (horizon < 0) return BATCH_KEPT;
    this.records.open(memory, at, length, INFLATED_BYTES_MAX);
    this.rewrite.begin(memory, at, horizon);
    while (this.records.next()) this.rewrite.keep(this.records);
    this.bytes = this.rewrite.finish();
    return BATCH_CHANGED;
  }

  private cleanRecords(memory: Memory, at: number, length: number, count: number): number {
    const { records, rewrite } = this;
    const horizonMs = batchDeleteHorizon(memory.view, at);
    if (this.isRetained.length < count) this.isRetained = new Uint8Array(count * 2);
    records.open(memory, at, length, INFLATED_BYTES_MAX);
    let retained = 0;
    let hasTombstone = false;
    for (let index = 0; index < count && records.next(); index++) {
      const stays = this.retains(horizonMs);
      this.isRetained[index] = stays ? 1 : 0;
      if (!stays) continue;
      retained += 1;
      if (records.valueLength < 0) hasTombstone = true;
    }
    if (retained === 0) return this.withoutRecords(memory, at, count);
    const newHorizon = hasTombstone && horizonMs < 0 ? this.newHorizon() : NO_TIMESTAMP;
    if (retained === count && newHorizon < 0) return BATCH_KEPT;
    rewrite.begin(memory, at, newHorizon);
    records.rewind();
    for (let index = 0; index < count && records.next(); index++) {
      if (this.isRetained[index] === 1) rewrite.keep(records);
    }
    this.bytes = rewrite.finish();
    return BATCH_CHANGED;
  }

  private retains(horizonMs: number): boolean {
    const { records } = this;
    const { map, nowMs } = this.parts;
    if (records.offset > map.latestOffset) return true;
    if (records.keyLength < 0) return false;
    if (records.offset < map.get(records.bytes, records.keyAt, records.keyLength)) return false;
    return records.valueLength >= 0 || horizonMs < 0 || nowMs < horizonMs;
  }

  /** What becomes of a batch none of whose records is needed. */
  private withoutRecords(memory: Memory, at: number, count: number): number {
    if (!this.isLastOfProducer(memory.view, at)) return BATCH_GONE;
    if (count === 0) return BATCH_KEPT;
    this.bytes = this.rewrite.emptied(memory, at);
    return BATCH_CHANGED;
  }

  private isLastOfProducer(view: DataView, at: number): boolean {
    const index = this.producers.get(batchProducerId(view, at));
    if (index === undefined) return false;
    const { lastOffsets, epochs } = this.parts.lastRecords;
    const lastOffset = lastOffsets[index]!;
    if (lastOffset >= 0) return batchLastOffset(view, at) === lastOffset;
    return batchIsControl(view, at) && batchProducerEpoch(view, at) === epochs[index];
  }

  /** -1 where nothing is ever to go. */
  private newHorizon(): number {
    const horizonMs = this.parts.nowMs + this.parts.deleteRetentionMs;
    return Number.isSafeInteger(horizonMs) ? horizonMs : NO_TIMESTAMP;
  }
}
