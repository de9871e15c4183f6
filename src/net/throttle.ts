/**
 * Keeps clients within their quotas: bytes produced and fetched, share of this thread, connections begun. Whoever is above
 * a bound is answered with the time that brings the rate down again, and is not read from for as long. Called by the
 * dispatcher (who is this?), by the data APIs when they settle (how long?), by the responder (mute) and once a turn.
 *
 * Without quotas nothing of this runs: `isActive` is one branch. With them nothing is allocated for a request either;
 * meters are found by the connection, which keeps those of its last client id.
 */
import { assert } from '../base/assert.ts';
import { ClientMeters, Meter } from './client-meters.ts';
import { CONNECTION_OPEN, type Connection } from './connection.ts';
import { userOf } from './identity.ts';
import { type Quota, type QuotaImage, QuotaTable } from './quota-table.ts';
import { equalBytes } from './route-table.ts';
import type { SharedRates } from './shared-rates.ts';
import { NO_ROW } from './shared-rows.ts';

/** Clients choose their ids: what they make us remember is bounded. */
const METERS_MAX = 10_000;
/** So many go at once, or every new client would cost a look at all. */
const METERS_KEPT = METERS_MAX - METERS_MAX / 8;
/** Longer ids count as what they begin with. */
export const CLIENT_ID_BYTES_MAX = 256;
const PERCENT = 100;
/** What Kafka's default for rates of connections means. */
const UNBOUNDED_RATE = 2_147_483_647;

export interface MuteListener {
  onUnmuted(connection: Connection): void;
}

export class Throttle {
  /** Somebody has a quota for requests. */
  isActive = false;
  private epoch = 0;
  private table = new QuotaTable([]);
  private windowCount = 11;
  private windowMs = 1000;
  private readonly meters = new Map<string, Meter>();
  private readonly rates: SharedRates;
  private readonly muted: Connection[] = [];
  private hasAddressQuotas = false;
  /** No row was free: when to look next whether one can be. */
  private nextRowsMs = 0;
  /** When the first mute ends. */
  nextDueMs = Number.POSITIVE_INFINITY;

  constructor(rates: SharedRates) {
    this.rates = rates;
  }

  /** The quotas changed. Rates that are still limited go on as they are. */
  take({ rows, windowCount, windowMs }: QuotaImage): void {
    if (windowCount !== this.windowCount || windowMs !== this.windowMs) this.forgetAll();
    this.windowCount = windowCount;
    this.windowMs = windowMs;
    this.table = new QuotaTable(rows);
    this.epoch += 1;
    const { table } = this;
    this.hasAddressQuotas = table.has('connection_creation_rate');
    this.isActive =
      table.has('producer_byte_rate') ||
      table.has('consumer_byte_rate') ||
      table.has('request_percentage') ||
      table.has('controller_mutation_rate');
  }

  /** Who sends this request; `length` is -1 for a client without an id. */
  metersOf(connection: Connection, bytes: Uint8Array, at: number, length: number, nowMs: number): ClientMeters {
    const known = connection.meters;
    if (known !== null && known.epoch === this.epoch && isClient(known, bytes, at, length)) return known;
    return this.findSlow(connection, bytes, at, length, nowMs);
  }

  /** Milliseconds that a client has to wait after a Produce of so many bytes. */
  produced(meters: ClientMeters, requestBytes: number, busyMs: number, nowMs: number): number {
    const { produce } = meters;
    let waitMs = 0;
    if (produce !== null) {
      produce.rate.record(requestBytes, nowMs);
      waitMs = produce.rate.excessMs(produce.bound, nowMs);
    }
    return Math.max(waitMs, this.worked(meters, busyMs, nowMs));
  }

  /** After a Fetch. Who has to wait gets no records, so they do not count. */
  fetched(meters: ClientMeters, recordBytes: number, busyMs: number, nowMs: number): number {
    const { fetch } = meters;
    const requestMs = this.worked(meters, busyMs, nowMs);
    if (fetch === null) return requestMs;
    fetch.rate.record(recordBytes, nowMs);
    const waitMs = Math.max(requestMs, fetch.rate.excessMs(fetch.bound, nowMs));
    if (waitMs > 0) fetch.rate.record(-recordBytes, nowMs);
    return waitMs;
  }

  /** After an answer with records that main made: it goes out, since the records in it are taken; what comes next waits. */
  delivered(meters: ClientMeters, answerBytes: number, busyMs: number, nowMs: number): number {
    const { fetch } = meters;
    const requestMs = this.worked(meters, busyMs, nowMs);
    if (fetch === null) return requestMs;
    fetch.rate.record(answerBytes, nowMs);
    return Math.max(requestMs, fetch.rate.excessMs(fetch.bound, nowMs));
  }

  /** No fetch gives more than the bound lets through in all its windows, or it would wait for ever. */
  fetchBytesMax(meters: ClientMeters): number {
    if (meters.fetch === null) return Number.MAX_SAFE_INTEGER;
    return Math.floor((meters.fetch.bound * (this.windowCount - 1) * this.windowMs) / 1000);
  }

  /** After any request: this thread (or main) was busy with it for so long. As in Kafka, never more than one window. */
  worked(meters: ClientMeters, busyMs: number, nowMs: number): number {
    const { request } = meters;
    if (request === null) return 0;
    request.rate.record((busyMs / 1000) * PERCENT, nowMs);
    return Math.min(this.windowMs, request.rate.excessMs(request.bound, nowMs));
  }

  /** A connection from there: 0, or how long it is kept waiting before it is closed. */
  connected(address: string, nowMs: number): number {
    if (!this.hasAddressQuotas) return 0;
    const quota = this.table.findAddress('connection_creation_rate', plainAddress(address));
    if (quota === null) return 0;
    const meter = this.meterOf(quota, nowMs);
    meter.rate.record(1, nowMs);
    const waitMs = Math.min(this.windowMs, meter.rate.excessMs(meter.bound, nowMs));
    if (waitMs > 0) meter.rate.record(-1, nowMs);
    return waitMs;
  }

  /** A connection, of those that `shareKey` measures: 0, or how long the next one has to wait. */
  tookIn(shareKey: string, bound: number, nowMs: number): number {
    if (bound >= UNBOUNDED_RATE) return 0;
    const meter = this.meterOf({ bound, shareKey }, nowMs);
    meter.rate.record(1, nowMs);
    return Math.min(this.windowMs, meter.rate.excessMs(meter.bound, nowMs));
  }

  /** It was kept out after all. */
  tookBack(shareKey: string, bound: number, nowMs: number): void {
    if (bound < UNBOUNDED_RATE) this.meterOf({ bound, shareKey }, nowMs).rate.record(-1, nowMs);
  }

  // ── muting ────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** No further request of the connection is begun for so long. */
  mute(connection: Connection, waitMs: number, nowMs: number): void {
    assert(waitMs > 0, 'a muted connection waits');
    if (connection.state !== CONNECTION_OPEN) return;
    if (connection.mutedUntilMs === 0) this.muted.push(connection);
    connection.mutedUntilMs = Math.max(connection.mutedUntilMs, nowMs + waitMs);
    if (connection.mutedUntilMs < this.nextDueMs) this.nextDueMs = connection.mutedUntilMs;
  }

  /** Those whose time is over go on. A connection that died, or that is another's by now, leaves the list unheard. */
  release(nowMs: number, listener: MuteListener): void {
    const { muted } = this;
    let kept = 0;
    let nextMs = Number.POSITIVE_INFINITY;
    for (let index = 0; index < muted.length; index++) {
      const connection = muted[index]!;
      if (connection.mutedUntilMs > nowMs && connection.state === CONNECTION_OPEN) {
        muted[kept++] = connection;
        nextMs = Math.min(nextMs, connection.mutedUntilMs);
        continue;
      }
      connection.mutedUntilMs = 0;
      if (connection.state === CONNECTION_OPEN) listener.onUnmuted(connection);
    }
    muted.length = kept;
    this.nextDueMs = nextMs;
  }

  // ── finding meters ────────────────────────────────────────────────────────────────────────────────────────────────

  private findSlow(connection: Connection, bytes: Uint8Array, at: number, length: number, nowMs: number): ClientMeters {
    const clientId = length < 0 ? null : bytes.slice(at, at + Math.min(length, CLIENT_ID_BYTES_MAX));
    const text = clientId === null ? '' : Buffer.from(clientId).toString('utf8');
    const user = userOf(connection.identity);
    const meterFor = (key: string): Meter | null => {
      const quota = this.table.find(key, user, text);
      return quota === null ? null : this.meterOf(quota, nowMs);
    };
    const meters = new ClientMeters(this.epoch, clientId, {
      produce: meterFor('producer_byte_rate'),
      fetch: meterFor('consumer_byte_rate'),
      request: meterFor('request_percentage'),
    });
    connection.meters = meters;
    return meters;
  }

  private meterOf({ bound, shareKey }: Quota, nowMs: number): Meter {
    const known = this.meters.get(shareKey);
    if (known !== undefined) {
      known.bound = bound;
      return known;
    }
    if (this.meters.size >= METERS_MAX) this.forgetMeters(nowMs);
    const { windowCount, windowMs } = this;
    let row = this.rates.hold(shareKey, windowCount);
    if (row === NO_ROW && nowMs >= this.nextRowsMs) {
      this.nextRowsMs = nowMs + this.windowMs;
      this.forgetIdle(nowMs);
      row = this.rates.hold(shareKey, windowCount);
    }
    const meter = new Meter(bound, this.rates.windowOf(row, windowCount, windowMs), row);
    this.meters.set(shareKey, meter);
    return meter;
  }

  /** Those that measure nothing at present; when nearly all of them do, those made first. */
  private forgetMeters(nowMs: number): void {
    this.forgetIdle(nowMs);
    for (const [key, meter] of this.meters) {
      if (this.meters.size <= METERS_KEPT) return;
      this.forget(key, meter);
    }
  }

  private forgetIdle(nowMs: number): void {
    for (const [key, meter] of this.meters) if (meter.rate.isIdle(nowMs)) this.forget(key, meter);
  }

  private forgetAll(): void {
    for (const [key, meter] of this.meters) this.forget(key, meter);
  }

  /** Its row may be another client's next: connections look their meters up anew. */
  private forget(key: string, meter: Meter): void {
    this.meters.delete(key);
    meter.rate.leavePlace();
    this.rates.letGo(meter.row);
    this.epoch += 1;
  }
}

function isClient({ clientId }: ClientMeters, bytes: Uint8Array, at: number, length: number): boolean {
  if (clientId === null) return length < 0;
  const known = Math.min(length, CLIENT_ID_BYTES_MAX);
  return clientId.length === known && equalBytes(clientId, bytes, at, known);
}

/** As quotas name it: "[::ffff:10.0.0.7]" is 10.0.0.7. */
export function plainAddress(address: string): string {
  const bare = address.startsWith('[') ? address.slice(1, -1) : address;
  return bare.startsWith('::ffff:') ? bare.slice('::ffff:'.length) : bare;
}
