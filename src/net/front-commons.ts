/**
 * What the fronts of one broker share among themselves, as it travels in their `workerData`: who is connected, how fast
 * clients go, and connections on their way from one front to another. Made by main; with one front it is there as well,
 * so that there is one way to count.
 */

import { Ring } from '../zerocopy/ring.ts';
import { ConnectionLedger } from './connection-ledger.ts';
import { HAND_OVER_SLOTS } from './hand-over.ts';
import { rateCells } from './rate-window.ts';
import { SeatClaims } from './seat-claims.ts';
import { SharedRates } from './shared-rates.ts';
import { SECRET_WORDS, SharedRows } from './shared-rows.ts';

export interface FrontCommons {
  readonly fronts: number;
  /** Of the digests of keys. */
  readonly secret: Int32Array;
  readonly counts: SharedArrayBuffer;
  readonly addresses: SharedArrayBuffer;
  readonly addressesMax: number;
  readonly rateRows: SharedArrayBuffer;
  readonly rateCells: SharedArrayBuffer;
  readonly ratesMax: number;
  readonly windowCount: number;
  /** The processors that fronts sit on, see `seat-claims`. */
  readonly seats: SharedArrayBuffer;
  /** By front of those that sleep in the kernel, which come first. */
  readonly handOver: readonly SharedArrayBuffer[];
}

export interface CommonsParts {
  readonly fronts: number;
  /** Of them, those that hand connections to each other; the first ones. */
  readonly plainFronts: number;
  /** Of all fronts together. */
  readonly connectionsMax: number;
  /** `quota.window.num` */
  readonly windowCount: number;
  readonly secret: Int32Array;
}

/** Clients choose their ids: what they make us remember is bounded. */
const RATES_MAX = 10_000;
const RATES_MIN = 64;
/** Parts of it that no client needs are never touched, and cost nothing. */
const RATE_BYTES_MAX = 67_108_864;

export function createFrontCommons({
  fronts,
  plainFronts,
  connectionsMax,
  windowCount,
  secret,
}: CommonsParts): FrontCommons {
  if (secret.length !== SECRET_WORDS) throw new RangeError('the secret of the digests has four words');
  const rowBytes = fronts * rateCells(windowCount) * 8;
  const ratesMax = Math.max(RATES_MIN, Math.min(RATES_MAX, Math.floor(RATE_BYTES_MAX / rowBytes)));
  return {
    fronts,
    secret,
    counts: new SharedArrayBuffer(ConnectionLedger.bytesFor(fronts)),
    addresses: new SharedArrayBuffer(SharedRows.bytesFor(connectionsMax)),
    addressesMax: connectionsMax,
    rateRows: new SharedArrayBuffer(SharedRows.bytesFor(ratesMax)),
    rateCells: new SharedArrayBuffer(ratesMax * rowBytes),
    ratesMax,
    windowCount,
    seats: new SharedArrayBuffer(SeatClaims.bytesFor(fronts)),
    handOver: Array.from({ length: plainFronts }, () => new SharedArrayBuffer(Ring.bytesFor(HAND_OVER_SLOTS))),
  };
}

export function ledgerOf(commons: FrontCommons, front: number): ConnectionLedger {
  const addresses = new SharedRows(commons.addresses, commons.addressesMax, commons.secret);
  return new ConnectionLedger(commons.fronts, front, commons.counts, addresses);
}

export function ratesOf(commons: FrontCommons, front: number): SharedRates {
  const rows = new SharedRows(commons.rateRows, commons.ratesMax, commons.secret);
  return new SharedRates({
    rows,
    cells: commons.rateCells,
    fronts: commons.fronts,
    front,
    windowCount: commons.windowCount,
  });
}
