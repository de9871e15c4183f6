/** What the background pool is asked to do, in values that can be posted to its threads. */
import type { LogLevel } from '../base/logger.ts';
import type { RecoveryArgs } from '../storage/recovery.ts';

export interface RecoverTask {
  readonly args: RecoveryArgs;
  readonly usesNative: boolean;
  readonly logLevel: LogLevel;
}

export interface RecodeTask {
  readonly batch: Uint8Array;
  readonly codec: number;
  readonly level: number;
  readonly usesNative: boolean;
}
