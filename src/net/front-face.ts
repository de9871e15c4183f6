/**
 * What a data API sees of the front: shared parts and the few things it may ask for. Kept apart from `front.ts` so that
 * `apis/` and `net/` agree on a small face, and tests of an API can look at all of it.
 */
import type { Disk } from '../storage/disk.ts';
import type { Board } from '../zerocopy/board.ts';
import type { Slab } from '../zerocopy/slab.ts';
import type { Exchange } from './exchange.ts';
import type { FrontAccess } from './front-access.ts';
import type { FrontTallies } from './front-tallies.ts';
import type { FrontLimits } from './limits.ts';
import type { Outbox } from './outbox.ts';
import type { ParkedFetches } from './parked-fetches.ts';
import type { RouteTable } from './route-table.ts';
import type { Throttle } from './throttle.ts';
import type { WorkerLanes } from './worker-lanes.ts';

/** Of the disk, a front only reads small regions into its outbox. */
export type RegionReader = Pick<Disk, 'read'>;

export interface FrontFace {
  readonly index: number;
  /** How many fronts the broker has. */
  readonly fronts: number;
  /** The time of this turn. */
  readonly nowMs: number;
  readonly limits: FrontLimits;
  /** Where requests lie. */
  readonly slab: Slab;
  /** Where responses are written. */
  readonly outbox: Outbox;
  readonly lanes: WorkerLanes;
  readonly routes: RouteTable;
  readonly board: Board;
  readonly disk: RegionReader;
  readonly parked: ParkedFetches;
  readonly throttle: Throttle;
  readonly access: FrontAccess;
  /** Null: nobody wants metrics. */
  readonly tallies: FrontTallies | null;
  /** A clock for how long this thread is busy; only read where that is limited. */
  busyClock(): number;
  /** The request's bytes are not needed any more. */
  dropFrame(exchange: Exchange): void;
  /** Nothing is pending: the response is written as soon as the ones before it are. */
  ready(exchange: Exchange): void;
  /** The oldest exchange of the same connection; itself when nothing is before it. */
  oldestBefore(exchange: Exchange): Exchange;
  /** Has main verify the transaction of a Produce; the answer is a receipt. False: the lane is full. */
  askMain(exchange: Exchange): boolean;
  /** The exchange sent jobs outside of `begin` (after a wake) and found a lane full: call `onIdle` again next turn. */
  again(exchange: Exchange): void;
}
