/** What main hands to the threads of partition workers and of the disk aide. */
import type { MessagePort } from 'node:worker_threads';
import type { LogFormat, LogLevel } from '../base/logger.ts';
import type { HousekeepingSettings } from './housekeeping.ts';
import type { LaneMemory } from './lane.ts';
import type { SharedParts } from './shared-parts.ts';

/** A partition worker that a front's thread is to run, with its line to main. */
export interface LodgerData {
  readonly worker: PartitionThreadData;
  readonly line: MessagePort;
}

export interface PartitionThreadData {
  readonly index: number;
  readonly shared: SharedParts;
  /** One from each front, and behind them main's. */
  readonly lanes: readonly LaneMemory[];
  readonly aide: LaneMemory;
  readonly flusher: LaneMemory;
  readonly mailPort: MessagePort;
  readonly mailCounter: SharedArrayBuffer;
  /** Ends in the fronts that sleep in an event loop, to wake them; null for the others. */
  readonly frontPorts: readonly (MessagePort | null)[];
  /** Word 0 becomes 1 when the thread shall end at once, with its logs as they are. */
  readonly abandoned: SharedArrayBuffer;
  readonly filesOpenMax: number;
  readonly housekeeping: HousekeepingSettings;
  readonly logLevel: LogLevel;
  readonly logFormat: LogFormat;
}

export interface DiskAideThreadData {
  readonly index: number;
  readonly shared: SharedParts;
  /** One from each worker. */
  readonly lanes: readonly LaneMemory[];
  /** Word 0 becomes 1 when the thread shall end. */
  readonly end: SharedArrayBuffer;
}
