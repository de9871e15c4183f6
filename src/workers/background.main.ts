/**
 * Tasks of the background pool, by name: what takes long and can be told in plain values. Loaded by piscina in threads of
 * its own, which exist only while there is work.
 */
import { isFault } from '../base/fault.ts';
import { createLogger } from '../base/logger.ts';
import { nurseryWasMade } from '../base/nursery.ts';
import { INFLATED_BYTES_MAX } from '../protocol/batch-check.ts';
import { recompressBatch } from '../protocol/recompress.ts';
import { type RecoveryArgs, type RecoveryReport, recoverPartition } from '../storage/recovery.ts';
import { StorageTools } from '../storage/storage-tools.ts';
import { createCrc32c } from '../zerocopy/crc32c.ts';
import { memoryOf, type Native } from '../zerocopy/native.ts';
import type { FlushSystemTask, RecodeTask, RecoverTask, TaskOutcome } from './background-tasks.ts';
import { createDisk } from './create-disk.ts';
import { nativeIf } from './thread-native.ts';

const FILES_OPEN_MAX = 64;
let tools: StorageTools | null = null;

nurseryWasMade();

export function recover(task: RecoverTask): TaskOutcome<RecoveryReport>[] {
  const native = nativeIf(task.usesNative);
  tools ??= new StorageTools({
    disk: createDisk(native),
    crc: createCrc32c(native),
    logger: createLogger({ level: task.logLevel, thread: 'recovery' }),
    filesOpenMax: FILES_OPEN_MAX,
  });
  const its = tools;
  return task.logs.map((args) => recoverOne(its, args));
}

/** Whatever goes wrong is an outcome: an error that comes out of a task is the death of its thread. */
function recoverOne(its: StorageTools, args: RecoveryArgs): TaskOutcome<RecoveryReport> {
  try {
    return { kind: 'done', result: recoverPartition(its, args) };
  } catch (error) {
    const code = isFault(error) ? error.code : 'PB_DATA_DAMAGED';
    return { kind: 'fault', code, message: error instanceof Error ? error.message : String(error) };
  }
}

/** 0, or -errno. */
export function flushSystem({ fd, usesNative }: FlushSystemTask): number {
  return createDisk(nativeIf(usesNative)).syncSystem(fd);
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
