/** What the background pool is asked to do, in values that can be posted to its threads. */
import type { FaultCode } from '../base/fault.ts';
import type { LogLevel } from '../base/logger.ts';
import type { CleaningPlan, GroupTask, MapWishes } from '../storage/compaction.ts';
import type { RecoveryArgs } from '../storage/recovery.ts';
import type { SegmentToCheck } from '../storage/segment-check.ts';
import type { CleanerBudget } from './cleaner-pace.ts';

export interface RecoverTask {
  readonly logs: readonly RecoveryArgs[];
  readonly usesNative: boolean;
  readonly logLevel: LogLevel;
}

export interface FlushSystemTask {
  /** Of any file on the file system, open in this process. */
  readonly fd: number;
  readonly usesNative: boolean;
}

/** The argument of a thread that compacts without giving way to others. */
export const PRESSING = 'pressing';

export interface CleaningTask {
  readonly budget: CleanerBudget;
  /** Its thread is a pressing one. */
  readonly isPressing: boolean;
  readonly usesNative: boolean;
  readonly logLevel: LogLevel;
}

export interface MapTask extends CleaningTask {
  readonly plan: CleaningPlan;
  readonly wishes: MapWishes;
}

export interface CleanGroupTask extends CleaningTask {
  readonly group: GroupTask;
}

export interface ScrubTask extends CleaningTask {
  readonly segment: SegmentToCheck;
}

/** An error that crosses threads keeps its message, not its code. */
export type TaskOutcome<T> =
  | { readonly kind: 'done'; readonly result: T }
  | { readonly kind: 'fault'; readonly code: FaultCode; readonly message: string };

export interface RecodeTask {
  readonly batch: Uint8Array;
  readonly codec: number;
  readonly level: number;
  readonly usesNative: boolean;
}
