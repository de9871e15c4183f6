/**
 * From a whole frame to an exchange under way: reads the request header, checks key and version, and gives the request
 * to its data API or to the control plane. Called by the receiver in the order of frames; an exchange that cannot be
 * begun completely (a lane is full) holds its connection back, so that nothing overtakes it.
 */
import { assert } from '../base/assert.ts';
import { RequestHeader } from '../protocol/header.ts';
import type { Slab } from '../zerocopy/slab.ts';
import { type Connection, LOGIN_AGAIN_MS_MIN, LOGIN_DONE, LOGIN_NONE, LOGIN_UNDER_WAY } from './connection.ts';
import type { ConnectionTable } from './connection-table.ts';
import type { ControlLane } from './control-lane.ts';
import type { DataApi } from './data-api.ts';
import {
  BEGIN_BROKEN,
  BEGIN_TOO_MANY,
  BEGIN_WAITS,
  EXCHANGE_STARTING,
  EXCHANGE_WORKING,
  type Exchange,
  type ExchangePool,
} from './exchange.ts';
import type { FrontFace } from './front-face.ts';
import type { FrontLimits } from './limits.ts';

/** Which keys main answers, and in which versions: [min, max] by key. */
export type ControlVersions = readonly (readonly [number, number] | undefined)[];

const SASL_HANDSHAKE = 17;
const API_VERSIONS = 18;
/** Under this key frames of a login are counted. */
const SASL_AUTHENTICATE = 36;

/** So many times `memoryWaitMs`: an answer of main that takes longer is one that waits for something. */
const PATIENCE = 10;

export interface DispatcherParts {
  readonly slab: Slab;
  readonly limits: FrontLimits;
  readonly table: ConnectionTable;
  readonly exchanges: ExchangePool;
  readonly control: ControlLane;
  readonly dataApis: readonly (DataApi | undefined)[];
  readonly controlVersions: ControlVersions;
  /** By API key, as the protocol's registry has it. */
  readonly flexibleSince: Int16Array;
  /** The connection is to be looked at before the turn ends. */
  readonly onHeld: (connection: Connection) => void;
}

export class Dispatcher {
  private readonly parts: DispatcherParts;
  private readonly front: FrontFace;
  private readonly header: RequestHeader;

  constructor(parts: DispatcherParts, front: FrontFace) {
    this.parts = parts;
    this.front = front;
    this.header = new RequestHeader(parts.flexibleSince);
  }

  /** False while the connection has to be answered, or read its answers, first. */
  canBegin(connection: Connection): boolean {
    const { limits } = this.parts;
    if (connection.mutedUntilMs > 0 || connection.hasEnded) return false;
    // As in Kafka: or all that a client sent ahead would pass before the first answer mutes it.
    if (connection.orderCount > 0 && this.isLimited(connection)) return false;
    if (connection.login === LOGIN_UNDER_WAY && connection.orderCount > 0) return false;
    if (this.parts.exchanges.latestOf(connection)?.state === EXCHANGE_STARTING) return false;
    if (connection.orderCount >= limits.exchangesPerConnectionMax) return false;
    if (connection.outboxBytes + connection.asideBytes >= limits.outboxBytesPerConnectionMax) return false;
    return this.hasExchange(connection);
  }

  /** Whoever has one already leaves half of all to those that have none: a few that wait for long hold up nobody. */
  private hasExchange({ orderCount }: Connection): boolean {
    const { exchanges, limits } = this.parts;
    return exchanges.usedCount < (orderCount === 0 ? limits.exchangesMax : limits.exchangesMax / 2);
  }

  private isLimited({ meters }: Connection): boolean {
    return this.front.throttle.isActive && meters?.isLimited === true;
  }

  /** A whole frame at `at`; may close the connection. */
  dispatch(connection: Connection, at: number, length: number): void {
    const exchange = this.parts.exchanges.take();
    assert(exchange !== null, 'whoever dispatches asked before');
    const { bytes, view } = this.parts.slab.memory;
    const header = this.header;
    exchange.state = EXCHANGE_STARTING;
    exchange.connection = connection;
    exchange.frameBlock = connection.block;
    this.parts.slab.retain(connection.block);
    exchange.frameAt = at;
    exchange.frameLength = length;
    exchange.bodyEnd = at + length;
    exchange.startedMs = this.front.nowMs;
    this.parts.exchanges.append(connection, exchange);
    if (connection.login === LOGIN_UNDER_WAY) {
      this.openLogin(connection, exchange);
      return;
    }
    const isWhole = header.parse(bytes, view, at, at + length);
    exchange.apiKey = header.apiKey;
    exchange.version = header.apiVersion;
    exchange.correlationId = header.correlationId;
    exchange.bodyAt = header.bodyAt;
    if (connection.login !== LOGIN_NONE && this.openAfterLogin(connection, exchange)) return;
    if (this.front.throttle.isActive) this.identify(connection, exchange, bytes);
    if (!isWhole && this.header.apiKey !== API_VERSIONS) {
      this.refuse(connection, exchange, 'header', `its request (API key ${exchange.apiKey}) has a broken header`);
      return;
    }
    const api = this.parts.dataApis[exchange.apiKey];
    if (api !== undefined) this.openData(connection, exchange, api);
    else this.openControl(connection, exchange);
  }

  /** Unread: what it is only main can tell. */
  private openLogin(connection: Connection, exchange: Exchange): void {
    exchange.isLogin = true;
    exchange.apiKey = SASL_AUTHENTICATE;
    exchange.version = 0;
    exchange.bodyAt = exchange.frameAt;
    if (this.front.tallies !== null) this.front.tallies.begun(exchange);
    this.shrink(exchange);
    this.begin(connection, exchange);
  }

  /** False: an ordinary request of a client that has logged in. */
  private openAfterLogin(connection: Connection, exchange: Exchange): boolean {
    assert(connection.login === LOGIN_DONE, 'frames of a login are not read here');
    const { nowMs } = this.front;
    if (connection.loginEndsMs === Number.POSITIVE_INFINITY) return false;
    if (exchange.apiKey === SASL_HANDSHAKE && nowMs >= connection.loginAgainMs) {
      connection.login = LOGIN_UNDER_WAY;
      connection.loginAgainMs = nowMs + LOGIN_AGAIN_MS_MIN;
      this.openLogin(connection, exchange);
      return true;
    }
    if (nowMs <= connection.loginEndsMs) return false;
    this.refuse(connection, exchange, 'login-expired', 'its login has expired and it did not log in again');
    return true;
  }

  private identify(connection: Connection, exchange: Exchange, bytes: Uint8Array): void {
    const { clientIdAt, clientIdLength } = this.header;
    // A broken header may name bytes behind the frame.
    if (clientIdAt + clientIdLength > exchange.bodyEnd) return;
    exchange.meters = this.front.throttle.metersOf(connection, bytes, clientIdAt, clientIdLength, this.front.nowMs);
  }

  /** Goes on with the exchange that held the connection; false when it is still stuck. */
  resume(connection: Connection): boolean {
    const exchange = this.parts.exchanges.latestOf(connection);
    if (exchange !== null && exchange.state === EXCHANGE_STARTING) {
      this.begin(connection, exchange);
      if (exchange.state === EXCHANGE_STARTING) return false;
    }
    return this.canBegin(connection);
  }

  /** The connection's next frame, or the rest of its latest request, stays where it is for now. */
  hold(connection: Connection): void {
    connection.isHeld = true;
    this.parts.onHeld(connection);
  }

  /** Nobody will tell when that is over: the front has to look again. */
  needsRetry(connection: Connection): boolean {
    const latest = this.parts.exchanges.latestOf(connection);
    if (latest?.state === EXCHANGE_STARTING) return latest.isData || !this.hasEnough(connection);
    return !this.hasExchange(connection);
  }

  /**
   * Receive memory of requests that no worker works on: their client does not read its answers, or has them wait behind one
   * that waits itself.
   */
  bytesHeldBack(connection: Connection): number {
    const { exchanges, slab, limits } = this.parts;
    const { nowMs } = this.front;
    const head = exchanges.oldestOf(connection);
    const isDeaf = connection.isSending && nowMs - connection.sendSinceMs >= limits.memoryWaitMs;
    const isLong = head !== null && !head.isData && nowMs - head.startedMs >= limits.memoryWaitMs * PATIENCE;
    if (!isDeaf && !isLong && head?.isParked !== true) return 0;
    let bytes = connection.isHeld && connection.block >= 0 ? slab.blockBytes(connection.block) : 0;
    let latest = connection.block;
    for (let exchange = head; exchange !== null; exchange = exchange.next) {
      const { frameBlock, state } = exchange;
      if (frameBlock < 0 || frameBlock === latest || state === EXCHANGE_WORKING) continue;
      bytes += slab.blockBytes(frameBlock);
      latest = frameBlock;
    }
    return bytes;
  }

  private openData(connection: Connection, exchange: Exchange, api: DataApi): void {
    exchange.isData = true;
    if (exchange.version < api.versionMin || exchange.version > api.versionMax) {
      this.refuseVersion(connection, exchange, api.name);
      return;
    }
    if (this.front.tallies !== null) this.front.tallies.begun(exchange);
    this.begin(connection, exchange);
  }

  private openControl(connection: Connection, exchange: Exchange): void {
    const range = this.parts.controlVersions[exchange.apiKey];
    if (range === undefined) {
      this.refuse(
        connection,
        exchange,
        'api-key',
        `it asks for API key ${exchange.apiKey}, which this broker does not have`,
      );
      return;
    }
    // An ApiVersions request of a version that does not exist yet is answered; main knows how.
    const isKnown = exchange.version >= range[0] && exchange.version <= range[1];
    if (!isKnown && exchange.apiKey !== API_VERSIONS) {
      this.refuseVersion(connection, exchange, `API key ${exchange.apiKey}`);
      return;
    }
    if (this.front.tallies !== null) this.front.tallies.begun(exchange);
    this.shrink(exchange);
    this.begin(connection, exchange);
  }

  private begin(connection: Connection, exchange: Exchange): void {
    const api = exchange.isData ? this.parts.dataApis[exchange.apiKey] : undefined;
    if (api === undefined) {
      if (this.hasEnough(connection) || !this.parts.control.send(exchange, connection)) {
        this.hold(connection);
        return;
      }
      connection.isWithMain = true;
      exchange.pending = 1;
      exchange.state = EXCHANGE_WORKING;
      return;
    }
    const isTimed = exchange.meters !== null && exchange.meters.request !== null;
    const begunMs = isTimed ? this.front.busyClock() : 0;
    const outcome = api.begin(this.front, exchange);
    if (isTimed) exchange.busyMs += this.front.busyClock() - begunMs;
    if (outcome === BEGIN_WAITS) {
      this.hold(connection);
      return;
    }
    if (outcome === BEGIN_TOO_MANY) {
      const what = `its ${api.name} request and those under way list more partitions than this front has room for`;
      // At once: those under way may be its own, and take the room for as long as they wait.
      this.parts.table.closeSaying(connection, 'refused-entries', `closed ${connection.peer}: ${what}`);
      return;
    }
    if (outcome === BEGIN_BROKEN) {
      this.refuse(
        connection,
        exchange,
        'request',
        `its ${api.name} request (version ${exchange.version}) does not follow the protocol`,
      );
      return;
    }
    if (exchange.state === EXCHANGE_STARTING) exchange.state = EXCHANGE_WORKING;
  }

  /**
   * Main handles requests of one connection one after the other; so only one is there, and no more than one answer comes for
   * a client that does not read.
   */
  private hasEnough({ isWithMain, asideBytes }: Connection): boolean {
    return isWithMain || asideBytes >= this.parts.limits.outboxBytesPerConnectionMax;
  }

  /** A control request may be under way for minutes: it gets a small block of its own. */
  private shrink(exchange: Exchange): void {
    const slab = this.parts.slab;
    if (slab.blockBytes(exchange.frameBlock) < exchange.frameLength * 4) return;
    const block = slab.allocate(exchange.frameLength);
    if (block < 0) return;
    slab.memory.bytes.copyWithin(block, exchange.frameAt, exchange.frameAt + exchange.frameLength);
    slab.release(exchange.frameBlock);
    exchange.frameBlock = block;
    exchange.frameAt = block;
    exchange.bodyEnd = block + exchange.frameLength;
  }

  private refuseVersion(connection: Connection, exchange: Exchange, name: string): void {
    this.refuse(
      connection,
      exchange,
      'version',
      `it asks for ${name} in version ${exchange.version}, which this broker does not speak`,
    );
  }

  /** As in Kafka, what was asked before is answered first. */
  private refuse(connection: Connection, exchange: Exchange, cause: string, what: string): void {
    this.parts.table.log.say(`refused-${cause}`, 'warn', `closed ${connection.peer}: ${what}`);
    connection.hasEnded = true;
    exchange.isRefused = true;
    this.front.ready(exchange);
  }
}
