/**
 * Records that carry their own number, so that one found twice, elsewhere or with other bytes is recognised, and the reading
 * of fetched bytes back into such numbers. A batch whose checksum does not hold is a broken promise, not a lost batch.
 */
import {
  BATCH_HEADER_BYTES,
  batchBaseOffset,
  batchCrcHolds,
  batchIsControl,
  batchIsTransactional,
  batchLastOffset,
  batchLeaderEpoch,
  batchProducerId,
} from '../../src/protocol/batch.ts';
import { BatchBuilder, type BatchOptions } from '../../src/protocol/batch-builder.ts';
import { memoryOver, readBatch } from '../../src/protocol/records.ts';
import { crc32cInTypeScript } from '../../src/zerocopy/fallback.ts';
import { batchesIn } from '../support/simulated-deeds.ts';
import { demand } from './violation.ts';

const MARK = 0x5bd1e995;
const INFLATED_MAX = 16 << 20;
/** Number of what is no record of ours: a marker of a transaction. */
export const MARKER = -1;

const crc = (memory: { readonly bytes: Uint8Array; readonly view: DataView }, at: number, length: number): number =>
  crc32cInTypeScript({ ...memory, address: 0 }, at, length);

export interface FoundRecord {
  readonly offset: number;
  readonly number: number;
}

export interface FoundBatch {
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly sizeBytes: number;
  readonly leaderEpoch: number;
  readonly producerId: number;
  readonly isControl: boolean;
  readonly isTransactional: boolean;
  readonly records: readonly FoundRecord[];
}

export function numberedBatch(
  firstNumber: number,
  count: number,
  timestampMs: number,
  options: BatchOptions & { readonly keyOf?: (number: number) => string } = {},
): Uint8Array {
  const builder = new BatchBuilder(crc, options);
  for (let number = firstNumber; number < firstNumber + count; number++) {
    const key = options.keyOf === undefined ? null : Buffer.from(options.keyOf(number));
    builder.add({ key, value: bytesOf(number), timestamp: timestampMs });
  }
  return builder.build();
}

/** Whole batches; a partial one at the end is left out. */
export function foundBatches(bytes: Uint8Array | null, where: string): FoundBatch[] {
  return batchesIn(bytes).map((batch) => foundBatch(batch, where));
}

function foundBatch(batch: Uint8Array, where: string): FoundBatch {
  const memory = memoryOver(batch);
  const { view } = memory;
  demand(batch.length >= BATCH_HEADER_BYTES, () => `${where}: a batch of ${batch.length} bytes is no batch`);
  const baseOffset = batchBaseOffset(view, 0);
  demand(batchCrcHolds(memory, 0, batch.length, crc), () => `${where}: the batch at ${baseOffset} fails its checksum`);
  const isControl = batchIsControl(view, 0);
  const records = readBatch(memory, 0, batch.length, INFLATED_MAX).map(({ offset, value }) => ({
    offset,
    number: isControl ? MARKER : numberOf(value, () => `${where}: the record at ${offset} has bytes nobody sent`),
  }));
  return {
    baseOffset,
    lastOffset: batchLastOffset(view, 0),
    sizeBytes: batch.length,
    leaderEpoch: batchLeaderEpoch(view, 0),
    producerId: batchProducerId(view, 0),
    isControl,
    isTransactional: batchIsTransactional(view, 0),
    records,
  };
}

/** Numbers come back in every reading of every log, so they are made once. */
const values: Uint8Array[] = [];

function bytesOf(number: number): Uint8Array {
  const made = values[number];
  if (made !== undefined) return made;
  const value = makeBytes(number);
  values[number] = value;
  return value;
}

function makeBytes(number: number): Uint8Array {
  const value = new Uint8Array(8 + ((number * 7919) % 120));
  new DataView(value.buffer).setUint32(0, number);
  let state = (number ^ MARK) >>> 0;
  for (let at = 4; at < value.length; at++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    value[at] = state >>> 24;
  }
  return value;
}

function numberOf(value: Uint8Array | null, problem: () => string): number {
  demand(value !== null && value.length >= 8, problem);
  const number = new DataView(value.buffer, value.byteOffset).getUint32(0);
  const wanted = bytesOf(number);
  demand(wanted.length === value.length && Buffer.compare(wanted, value) === 0, problem);
  return number;
}
