/**
 * A consumer that checks what it gets, as Kafka's do: lengths, format, checksum, then takes the records from its position on
 * and moves behind them. Where it is given an error or bytes that do not hold it says so and goes on behind the batch, as a
 * person would have it do.
 */
import {
  batchBaseOffset,
  batchBytes,
  batchCrcHolds,
  batchLastOffset,
  batchMagic,
  MAGIC,
} from '../../src/protocol/batch.ts';
import { memoryOver } from '../../src/protocol/records.ts';
import type { Log } from '../../src/storage/log.ts';
import type { StorageTools } from '../../src/storage/storage-tools.ts';
import { READ_FLAG_FIRST_BATCH_WHOLE } from '../../src/zerocopy/layout.ts';
import { crc } from '../storage/storage-kit.ts';
import { plainMemory } from '../support/plain-memory.ts';
import { recordsOf } from './records-of.ts';

export interface Consumed {
  readonly got: Map<number, string>;
  /** Offsets at which it was told, or found out, that something is wrong. */
  readonly troubles: { readonly offset: number; readonly what: string }[];
}

const STEPS_MAX = 5000;

export function consumeAll(tools: StorageTools, log: Log): Consumed {
  const got = new Map<number, string>();
  const troubles: { offset: number; what: string }[] = [];
  let position = log.watermarks.start;
  for (let step = 0; position < log.watermarks.high; step++) {
    if (step > STEPS_MAX) throw new Error(`the consumer gets no further than offset ${position}`);
    const result = log.read(position, 400, READ_FLAG_FIRST_BATCH_WHOLE);
    if (result.error !== 0 || result.length === 0) {
      troubles.push({ offset: position, what: `error ${result.error}` });
      position += 1;
      continue;
    }
    const memory = plainMemory(result.length);
    const length = tools.disk.read(result.fd, result.position, memory, 0, result.length);
    const sound = log.soundBytes(result.lease, result.position, length);
    log.releaseLease(result.lease);
    if (sound <= 0) {
      troubles.push({ offset: position, what: `error ${sound}` });
      position += 1;
      continue;
    }
    position = takeBatches(memory.bytes.subarray(0, sound), position, got, troubles);
  }
  return { got, troubles };
}

function takeBatches(
  bytes: Uint8Array,
  from: number,
  got: Map<number, string>,
  troubles: { offset: number; what: string }[],
): number {
  const memory = { ...memoryOver(bytes.slice()), address: 0 };
  let position = from;
  for (let at = 0; at < bytes.length; ) {
    const length = at + 61 <= bytes.length ? batchBytes(memory.view, at) : 0;
    const isBatch = length >= 61 && at + length <= bytes.length && batchMagic(memory.view, at) === MAGIC;
    if (!isBatch || !batchCrcHolds(memory, at, length, crc)) {
      troubles.push({ offset: position, what: 'bytes that do not hold' });
      return position + 1;
    }
    for (const { offset, text } of recordsOf(memory.bytes.subarray(at, at + length))) {
      if (offset >= position) got.set(offset, text);
    }
    const behind = batchLastOffset(memory.view, at) + 1;
    if (!Number.isSafeInteger(batchBaseOffset(memory.view, at))) return position + 1;
    position = Math.max(position, behind);
    at += length;
  }
  return position;
}
