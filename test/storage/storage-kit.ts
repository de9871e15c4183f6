/** What the tests of this folder share: tools over a disk, batches as a producer sends them, and a log to try them on. */
import { assert } from '../../src/base/assert.ts';
import type { BatchMemory } from '../../src/protocol/batch.ts';
import { BatchBuilder, type BatchOptions } from '../../src/protocol/batch-builder.ts';
import type { Disk } from '../../src/storage/disk.ts';
import type { Log } from '../../src/storage/log.ts';
import { type OpenLogParts, openLog } from '../../src/storage/log-open.ts';
import { DEFAULT_LOG_SETTINGS, type LogSettings } from '../../src/storage/log-settings.ts';
import { StorageTools } from '../../src/storage/storage-tools.ts';
import { crc32cInTypeScript } from '../../src/zerocopy/fallback.ts';
import {
  APPEND_FLAG_VERIFIED,
  APPEND_FLAG_ZSTD_ALLOWED,
  APPEND_GUARD_SHIFT,
  APPEND_UNVERIFIED,
} from '../../src/zerocopy/layout.ts';
import type { Memory } from '../../src/zerocopy/memory.ts';
import { plainMemory } from '../support/plain-memory.ts';

export const TOPIC_ID = 'AAAAAAAAAAAAAAAAAAAAAQ';
export const FOLDER = 'data/orders-0';
export const NOW_MS = 1_700_000_000_000;
export const crc = crc32cInTypeScript;

/** The builder's memories have no address. */
const batchCrc = (memory: BatchMemory, at: number, length: number) => crc({ ...memory, address: 0 }, at, length);

export interface TestTools {
  readonly tools: StorageTools;
  readonly warnings: string[];
}

export function makeTools(disk: Disk, filesOpenMax = 16): TestTools {
  const warnings: string[] = [];
  const logger = { info: () => {}, warn: (message: string) => void warnings.push(message) };
  return { tools: new StorageTools({ disk, crc, logger, filesOpenMax }), warnings };
}

export const SMALL: LogSettings = { ...DEFAULT_LOG_SETTINGS, segmentBytesMax: 2000, indexIntervalBytes: 200 };

export function open(tools: StorageTools, parts: Partial<OpenLogParts> = {}): Log {
  if (tools.disk.stat('data') === null) tools.disk.makeFolder('data');
  return openLog({
    tools,
    folder: FOLDER,
    partitionName: 'orders-0',
    topicId: TOPIC_ID,
    settings: SMALL,
    leaderEpoch: 0,
    isClean: true,
    recoveryPoint: 0,
    logStartOffset: 0,
    writtenOffset: -1,
    cleanedOffset: 0,
    nowMs: NOW_MS,
    ...parts,
  });
}

export interface BatchInput extends BatchOptions {
  readonly count?: number;
  readonly valueBytes?: number;
  /** Of every record; without it they have none. */
  readonly key?: Uint8Array;
  readonly timestamps?: readonly number[];
}

/** A batch as bytes. Records get timestamps a millisecond apart unless told. */
export function batch(input: BatchInput = {}): Uint8Array {
  const builder = new BatchBuilder(batchCrc, input);
  const timestamps = input.timestamps ?? Array.from({ length: input.count ?? 1 }, (_, index) => NOW_MS + index);
  for (const timestamp of timestamps) {
    builder.add({ key: input.key ?? null, value: new Uint8Array(input.valueBytes ?? 20).fill(120), timestamp });
  }
  return builder.build();
}

/** A transaction's end as a coordinator writes it. */
export function marker(producerId: number, producerEpoch: number, isCommit: boolean, coordinatorEpoch = 0): Uint8Array {
  const builder = new BatchBuilder(batchCrc, { producerId, producerEpoch, isTransactional: true, isControl: true });
  const key = new Uint8Array([0, 0, 0, isCommit ? 1 : 0]);
  const value = new Uint8Array([0, 0, 0, 0, 0, coordinatorEpoch]);
  builder.add({ key, value, timestamp: NOW_MS });
  return builder.build();
}

export function inMemory(bytes: Uint8Array): Memory {
  const memory = plainMemory(bytes.length);
  memory.bytes.set(bytes);
  return memory;
}

/** Appends and leaves the write to the caller. */
/** As a front does it: what begins a transaction comes back, and goes in again once it is verified. */
export function queue(log: Log, bytes: Uint8Array, flags = APPEND_FLAG_ZSTD_ALLOWED, nowMs = NOW_MS): number {
  const error = log.append(inMemory(bytes), 0, bytes.length, flags, nowMs);
  if (error !== APPEND_UNVERIFIED) return error;
  const verified = APPEND_FLAG_VERIFIED | (log.appended.recordIndex << APPEND_GUARD_SHIFT);
  return log.append(inMemory(bytes), 0, bytes.length, flags | verified, nowMs);
}

/** Appends one turn of batches. Returns the first error. */
export function append(log: Log, ...batches: Uint8Array[]): number {
  for (const bytes of batches) {
    const error = queue(log, bytes);
    if (error !== 0) return error;
  }
  return Math.min(0, log.flushWrites());
}

/** The bytes a read points to. Gives the lease back. */
export function readBytes(tools: StorageTools, log: Log, offset: number, bytesMax = 1_000_000, flags = 0): Uint8Array {
  const result = log.read(offset, bytesMax, flags);
  assert(result.error === 0, `a read is answered, not with ${result.error}`);
  if (result.length === 0) return new Uint8Array(0);
  const memory = plainMemory(result.length);
  const got = tools.disk.read(result.fd, result.position, memory, 0, result.length);
  assert(got === result.length, 'a region has all its bytes');
  log.releaseLease(result.lease);
  return memory.bytes.slice();
}
