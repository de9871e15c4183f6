/**
 * Tasks of the background pool, by name: what takes long and can be told in plain values. Loaded by piscina in threads of
 * its own, which exist only while there is work.
 */
import { isFault } from '../base/fault.ts';
import { createLogger, type LogLevel } from '../base/logger.ts';
import { INFLATED_BYTES_MAX } from '../protocol/batch-check.ts';
import { recompressBatch } from '../protocol/recompress.ts';
import { buildMap, type CleaningHelp, cleanGroup, type GroupCleaned, type MapBuilt } from '../storage/compaction.ts';
import { type RecoveryReport, recoverPartition } from '../storage/recovery.ts';
import { StorageTools } from '../storage/storage-tools.ts';
import { createCrc32c } from '../zerocopy/crc32c.ts';
import { memoryOf, type Native } from '../zerocopy/native.ts';
import type { CleanGroupTask, MapTask, RecodeTask, RecoverTask, TaskOutcome } from './background-tasks.ts';
import { type CleanerBudget, CleanerPace, yieldToOthers } from './cleaner-pace.ts';
import { createDisk } from './create-disk.ts';
import { nativeIf } from './thread-native.ts';

const FILES_OPEN_MAX = 64;
let tools: StorageTools | null = null;

export function recover(task: RecoverTask): RecoveryReport {
  return recoverPartition(toolsFor(task, 'recovery'), task.args);
}

export function buildOffsetMap(task: MapTask): TaskOutcome<MapBuilt> {
  return outcomeOf(() => buildMap(toolsFor(task, 'cleaner'), task.plan, task.wishes, helpFor(task)));
}

export function cleanSegments(task: CleanGroupTask): TaskOutcome<GroupCleaned> {
  return outcomeOf(() => cleanGroup(toolsFor(task, 'cleaner'), task.group, helpFor(task)));
}

function toolsFor(task: { usesNative: boolean; logLevel: LogLevel }, thread: string): StorageTools {
  const native = nativeIf(task.usesNative);
  tools ??= new StorageTools({
    disk: createDisk(native),
    crc: createCrc32c(native),
    logger: createLogger({ level: task.logLevel, thread }),
    filesOpenMax: FILES_OPEN_MAX,
  });
  return tools;
}

function helpFor(task: { usesNative: boolean; budget: CleanerBudget }): CleaningHelp {
  yieldToOthers();
  const native = nativeIf(task.usesNative);
  const pace = new CleanerPace(task.budget);
  return { pace: (bytes) => pace.spend(bytes), memoryOf: (bytes) => memoryOf(bytes, native) };
}

function outcomeOf<T>(work: () => T): TaskOutcome<T> {
  try {
    return { kind: 'done', result: work() };
  } catch (error) {
    if (!isFault(error)) throw error;
    return { kind: 'fault', code: error.code, message: error.message };
  }
}

/** Null when the batch cannot be decompressed. */
export function recode(task: RecodeTask): Uint8Array | null {
  const native: Native | null = nativeIf(task.usesNative);
  const crc = createCrc32c(native);
  const { batch, codec, level } = task;
  return recompressBatch(
    batch,
    null,
    {
      codec,
      ...(level < 0 ? {} : { level }),
      logAppendTime: null,
      maxTimestamp: null,
      inflatedBytesMax: INFLATED_BYTES_MAX,
    },
    (memory, at, length) => crc(memoryOf(memory.bytes, native), at, length),
  );
}
