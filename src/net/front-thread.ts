/** What main hands to a front's thread, and the thread's first word back. Shared by `start-front` and `front.main`. */
import type { MessagePort } from 'node:worker_threads';
import type { LogFormat, LogLevel } from '../base/logger.ts';
import type { LaneMemory } from '../workers/lane.ts';
import type { SharedParts } from '../workers/shared-parts.ts';
import type { IoPath } from './create-transport.ts';
import type { ControlVersions } from './dispatcher.ts';
import type { FrontLimits } from './limits.ts';
import type { ListenAddress } from './transport.ts';

export interface FrontThreadData {
  readonly index: number;
  readonly shared: SharedParts;
  /** One to each worker. */
  readonly lanes: readonly LaneMemory[];
  readonly control: LaneMemory;
  readonly arena: SharedArrayBuffer;
  readonly outboxBytes: number;
  readonly mailPort: MessagePort;
  /** Workers post here to wake a front that sleeps in its event loop. */
  readonly wakePorts: readonly MessagePort[];
  /** Word 0 becomes 1 when the thread shall end. */
  readonly end: SharedArrayBuffer;
  readonly io: IoPath;
  readonly listen: ListenAddress;
  readonly backlog: number;
  /** Of each connection; 0 leaves it to the kernel. */
  readonly sendBufferBytes: number;
  readonly limits: FrontLimits;
  readonly controlVersions: ControlVersions;
  readonly flexibleSince: Int16Array;
  readonly logLevel: LogLevel;
  readonly logFormat: LogFormat;
}

export interface FrontReady {
  readonly kind: 'ready';
  readonly listen: ListenAddress;
}
