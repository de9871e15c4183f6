/** What the throttle measures of a client: the bounds that hold for it, each with the rate that all have who share it. */
import type { RateWindow } from './rate-window.ts';

/** One bound and the rate that all who share it have. */
export class Meter {
  bound: number;
  readonly rate: RateWindow;
  /** Where the rate lies among those of all fronts; NO_ROW when it is not shared. */
  readonly row: number;

  constructor(bound: number, rate: RateWindow, row: number) {
    this.bound = bound;
    this.rate = rate;
    this.row = row;
  }
}

/** What limits one client id of one user. */
export class ClientMeters {
  readonly epoch: number;
  readonly clientId: Uint8Array | null;
  readonly produce: Meter | null;
  readonly fetch: Meter | null;
  readonly request: Meter | null;
  readonly isLimited: boolean;

  constructor(epoch: number, clientId: Uint8Array | null, parts: Pick<ClientMeters, 'produce' | 'fetch' | 'request'>) {
    this.epoch = epoch;
    this.clientId = clientId;
    this.produce = parts.produce;
    this.fetch = parts.fetch;
    this.request = parts.request;
    this.isLimited = this.produce !== null || this.fetch !== null || this.request !== null;
  }
}
