/** What main hands to a front's thread, and the thread's first word back. Shared by `start-front` and `front.main`. */
import type { MessagePort } from 'node:worker_threads';
import type { LogFormat, LogLevel } from '../base/logger.ts';
import type { LaneMemory } from '../workers/lane.ts';
import type { SharedParts } from '../workers/shared-parts.ts';
import type { LodgerData } from '../workers/thread-data.ts';
import type { IoPath } from './create-transport.ts';
import type { ControlVersions } from './dispatcher.ts';
import type { FrontCommons } from './front-commons.ts';
import type { FrontListener } from './front-listener.ts';
import type { FrontLimits } from './limits.ts';
import type { ListenAddress } from './transport.ts';

/** Word of the orders: go on, finish what is under way and end, or end at once. */
export const FRONT_ORDER = 0;
export const ORDER_RUN = 0;
export const ORDER_FINISH = 1;
export const ORDER_ABANDON = 2;
/** Word of the orders: 1 when the front may take connections. Until then it holds the port and waits. */
export const FRONT_DOORS = 1;
export const FRONT_ORDERS_BYTES = 8;

/** Fronts that have the same listeners: the plain ones, or those of TLS. Their numbers follow each other. */
export interface FrontGroup {
  readonly first: number;
  readonly count: number;
  readonly listeners: readonly FrontListener[];
}

export interface FrontThreadData {
  readonly index: number;
  readonly shared: SharedParts;
  /** The partition worker that lives in this thread as well; null: it has one of its own. */
  readonly lodger: LodgerData | null;
  readonly commons: FrontCommons;
  /** One to each worker. */
  readonly lanes: readonly LaneMemory[];
  readonly control: LaneMemory;
  readonly arena: SharedArrayBuffer;
  readonly outboxBytes: number;
  readonly mailPort: MessagePort;
  /** Workers post here to wake a front that sleeps in its event loop. */
  readonly wakePorts: readonly MessagePort[];
  /** Main's orders, see FRONT_ORDER and FRONT_DOORS. */
  readonly orders: SharedArrayBuffer;
  readonly io: IoPath;
  readonly group: FrontGroup;
  readonly backlog: number;
  /** Of each connection; 0 leaves it to the kernel. */
  readonly sendBufferBytes: number;
  /** Of each from its first large region on; 0: the same. */
  readonly regionBufferBytes: number;
  readonly limits: FrontLimits;
  /** `perfbroker.follow.packets` */
  readonly followsPackets: boolean;
  readonly controlVersions: ControlVersions;
  readonly flexibleSince: Int16Array;
  readonly throttleSince: Int16Array;
  readonly logLevel: LogLevel;
  readonly logFormat: LogFormat;
}

export const NO_FD = -1;

export interface FrontReady {
  readonly kind: 'ready';
  /** Where the first front of its group listens, one for each listener; null from the others. */
  readonly places: readonly ListenPlace[] | null;
}

export interface ListenPlace {
  readonly address: ListenAddress;
  /** On plain Node, the first front's listener; otherwise NO_FD. */
  readonly fd: number;
}

/** The front's last word: its connections are closed. Its thread ends with it, or with the worker that lives there. */
export const FRONT_CLOSED = { kind: 'closed' } as const;

/** To the other fronts of a group on plain Node: where they are to listen as well. */
export interface FrontJoin {
  readonly kind: 'join';
  readonly places: readonly ListenPlace[];
}

export function isReady(message: unknown): message is FrontReady {
  return typeof message === 'object' && message !== null && 'kind' in message && message.kind === 'ready';
}

export function isClosed(message: unknown): boolean {
  return typeof message === 'object' && message !== null && 'kind' in message && message.kind === FRONT_CLOSED.kind;
}

export function isJoin(message: unknown): message is FrontJoin {
  return typeof message === 'object' && message !== null && 'kind' in message && message.kind === 'join';
}
