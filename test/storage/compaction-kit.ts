/** Compaction driven by hand: all its steps in one thread, and what a reader then finds in the log. */
import { assert } from '../../src/base/assert.ts';
import {
  type BatchMemory,
  batchAttributes,
  batchBaseOffset,
  batchBytes,
  batchIsControl,
  batchIsTransactional,
  batchLastOffset,
  batchProducerId,
} from '../../src/protocol/batch.ts';
import { BatchBuilder, type BatchOptions } from '../../src/protocol/batch-builder.ts';
import { type BatchRecord, memoryOver, readBatch } from '../../src/protocol/records.ts';
import { AbortedList } from '../../src/storage/aborted-index.ts';
import { NO_TRANSACTIONS, type TransactionsState } from '../../src/storage/cleaned-transactions.ts';
import { buildMap, type CleaningHelp, cleanGroup } from '../../src/storage/compaction.ts';
import type { Log } from '../../src/storage/log.ts';
import type { StorageTools } from '../../src/storage/storage-tools.ts';
import { READ_FLAG_FIRST_BATCH_WHOLE } from '../../src/zerocopy/layout.ts';
import { crc, NOW_MS, readBytes } from './storage-kit.ts';

export const HELP: CleaningHelp = { pace: () => {}, memoryOf: (bytes) => ({ ...memoryOver(bytes), address: 0 }) };
const SECRET = Uint8Array.from({ length: 16 }, (_, index) => index * 7);
const INFLATED_MAX = 1 << 20;
const plainCrc = (memory: BatchMemory, at: number, length: number) => crc({ ...memory, address: 0 }, at, length);

export interface Entry {
  readonly key: string | null;
  /** Null: a tombstone. */
  readonly value: string | null;
  readonly timestamp?: number;
}

export function entries(list: readonly Entry[], options: BatchOptions = {}): Uint8Array {
  const builder = new BatchBuilder(plainCrc, options);
  for (const { key, value, timestamp } of list) {
    const bytesOf = (text: string | null) => (text === null ? null : new TextEncoder().encode(text));
    builder.add({ key: bytesOf(key), value: bytesOf(value), timestamp: timestamp ?? NOW_MS });
  }
  return builder.build();
}

/** What was written so far is on the device. */
export function flush(tools: StorageTools, log: Log): void {
  for (let round = 0; round < 100 && log.recoveryPoint < log.watermarks.end; round++) {
    const count = log.beginSync(NOW_MS);
    for (let index = 0; index < count; index++) tools.disk.sync(log.sync.fds[index] ?? -1);
    log.endSync(0);
  }
}

export interface CompactWishes {
  readonly nowMs?: number;
  readonly mapBytesMax?: number;
  /** Called after each group was cleaned, before it is swapped. */
  readonly beforeSwap?: (group: number) => void;
}

/** One whole compaction as a worker and its background tasks do it. Returns how many groups took their place, -1: nothing to do. */
export function compact(tools: StorageTools, pool: StorageTools, log: Log, wishes: CompactWishes = {}): number {
  flush(tools, log);
  const nowMs = wishes.nowMs ?? NOW_MS;
  const plan = log.cleaning.plan(nowMs);
  if (plan === null) return -1;
  const bytesMax = wishes.mapBytesMax ?? 100_000;
  const built = buildMap(pool, plan, { bytesMax, loadFactor: 0.9, secret: SECRET }, HELP);
  let transactions: TransactionsState = NO_TRANSACTIONS;
  let swapped = 0;
  for (const [index, group] of built.groups.entries()) {
    const cleaned = cleanGroup(
      pool,
      { plan, group, map: built.map, transactions: structuredClone(transactions), reserveBytes: 0 },
      HELP,
    );
    transactions = cleaned.transactions;
    wishes.beforeSwap?.(index);
    if (log.cleaning.swap(cleaned, nowMs)) swapped += 1;
  }
  log.cleaning.end(swapped === built.groups.length ? built.endOffset : -1);
  return swapped;
}

export interface FoundBatch {
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly attributes: number;
  readonly isControl: boolean;
  readonly isTransactional: boolean;
  readonly producerId: number;
  readonly bytes: Uint8Array;
  readonly records: readonly BatchRecord[];
}

export function batchesIn(bytes: Uint8Array): FoundBatch[] {
  const found: FoundBatch[] = [];
  const { view } = memoryOver(bytes);
  for (let at = 0; at < bytes.length; ) {
    const length = batchBytes(view, at);
    const one = bytes.slice(at, at + length);
    const memory = memoryOver(one);
    assert(plainCrc(memory, 21, one.length - 21) >>> 0 === memory.view.getUint32(17), 'every batch has its checksum');
    found.push({
      baseOffset: batchBaseOffset(view, at),
      lastOffset: batchLastOffset(view, at),
      attributes: batchAttributes(view, at),
      isControl: batchIsControl(view, at),
      isTransactional: batchIsTransactional(view, at),
      producerId: batchProducerId(view, at),
      bytes: one,
      records: readBatch(memory, 0, one.length, INFLATED_MAX),
    });
    at += length;
  }
  return found;
}

/** All batches from an offset on, as a reader gets them, read by read. */
export function readAll(tools: StorageTools, log: Log, from = log.watermarks.start): FoundBatch[] {
  const found: FoundBatch[] = [];
  let offset = from;
  while (offset < log.watermarks.high) {
    const bytes = readBytes(tools, log, offset, 3000, READ_FLAG_FIRST_BATCH_WHOLE);
    if (bytes.length === 0) break;
    const batches = batchesIn(bytes);
    found.push(...batches);
    offset = (batches.at(-1)?.lastOffset ?? offset) + 1;
  }
  return found;
}

/** As a read-committed consumer: without markers, and without what the aborted transactions of each read cover. */
export function readCommitted(tools: StorageTools, log: Log, from = log.watermarks.start): BatchRecord[] {
  const found: BatchRecord[] = [];
  const list = new AbortedList(1000);
  let offset = from;
  while (offset < log.watermarks.stable) {
    const result = log.read(offset, 2500, READ_FLAG_FIRST_BATCH_WHOLE | 1);
    if (result.length === 0) break;
    log.releaseLease(result.lease);
    const { endOffset } = result;
    const memory = tools.disk.allocate(result.length);
    tools.disk.read(result.fd, result.position, memory, 0, result.length);
    log.collectAborted(offset, endOffset, list);
    const aborted = Array.from({ length: list.count }, (_, index) => ({
      producerId: list.producerIds[index] ?? -1,
      firstOffset: list.firstOffsets[index] ?? -1,
    })).sort((left, right) => left.firstOffset - right.firstOffset);
    const skipping = new Set<number>();
    for (const batch of batchesIn(memory.bytes.slice(0, result.length))) {
      while (aborted[0] !== undefined && aborted[0].firstOffset <= batch.lastOffset)
        skipping.add(aborted.shift()?.producerId ?? -1);
      offset = batch.lastOffset + 1;
      if (batch.isControl) {
        if (batch.records.length > 0 && batch.records[0]?.key?.[3] === 0) skipping.delete(batch.producerId);
        continue;
      }
      if (batch.isTransactional && skipping.has(batch.producerId)) continue;
      found.push(...batch.records.filter((record) => record.offset >= from && record.offset < log.watermarks.stable));
    }
  }
  return found;
}

export function shown(records: readonly BatchRecord[]): string[] {
  const text = (bytes: Uint8Array | null) => (bytes === null ? '-' : new TextDecoder().decode(bytes));
  return records.map((record) => `${record.offset} ${text(record.key)}=${text(record.value)}`);
}
