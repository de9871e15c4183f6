/**
 * The front: one thread's worth of connections. It receives requests into its slab, sends their jobs to the workers or to
 * main, and sends the responses in request order. It knows exchanges and lanes, not what a request means: that is in the
 * data APIs it was given.
 *
 * Called turn by turn by its thread (or a test); no promise, no timer, no clock of its own. A turn visits, in order:
 * replies and posts of main → completions of the network → receipts of workers → woken and expired fetches → held
 * connections → responses → one publish per lane → the turn of a worker that lives in this thread, and its receipts →
 * one submit.
 */
import { assert, must } from '../base/assert.ts';
import type { Logger } from '../base/logger.ts';
import type { LaneEnd } from '../workers/lane.ts';
import type { Bell } from '../zerocopy/bell.ts';
import type { Board } from '../zerocopy/board.ts';
import {
  RECEIPT_ABORTED,
  RECEIPT_WAKE,
  SLOT_EXCHANGE,
  SLOT_KIND,
  SLOT_PARTITION,
  SLOT_WORDS,
} from '../zerocopy/layout.ts';
import type { Slab } from '../zerocopy/slab.ts';
import {
  CONNECTION_CLOSING,
  CONNECTION_FREE,
  CONNECTION_OPEN,
  type Connection,
  finishLogin,
  RECEIVE_NONE,
} from './connection.ts';
import type { ConnectionLedger } from './connection-ledger.ts';
import { ConnectionTable } from './connection-table.ts';
import type { ControlLane } from './control-lane.ts';
import { ControlReplies } from './control-replies.ts';
import type { DataApi } from './data-api.ts';
import { type ControlVersions, Dispatcher } from './dispatcher.ts';
import { Door } from './door.ts';
import { EXCHANGE_READY, EXCHANGE_STARTING, EXCHANGE_WORKING, type Exchange, ExchangePool } from './exchange.ts';
import type { FrontAccess } from './front-access.ts';
import { type FrontCommons, ledgerOf, ratesOf } from './front-commons.ts';
import type { FrontFace, RegionReader } from './front-face.ts';
import type { ListenerFacts } from './front-listener.ts';
import {
  type FrontPost,
  isAccess,
  isLimits,
  isLogin,
  isQuotas,
  isTlsRenewal,
  type LoginDone,
  type TlsRenewal,
} from './front-post.ts';
import type { FrontTallies } from './front-tallies.ts';
import { HandOver } from './hand-over.ts';
import type { FrontLimits } from './limits.ts';
import { Outbox } from './outbox.ts';
import { ParkedFetches } from './parked-fetches.ts';
import { Receiver } from './receiver.ts';
import { Responder } from './responder.ts';
import { RouteTable } from './route-table.ts';
import { type MuteListener, Throttle } from './throttle.ts';
import {
  DONE_ACCEPT,
  DONE_ACCEPT_FAILED,
  DONE_CLOSE,
  DONE_READABLE,
  DONE_RECEIVE,
  DONE_SEND,
  type SocketMover,
  type Transport,
} from './transport.ts';
import { WorkerLanes } from './worker-lanes.ts';

export interface FrontParts {
  readonly index: number;
  readonly transport: Transport;
  /** As the transport counts them. */
  readonly listeners: readonly ListenerFacts[];
  /** Null: none of them has TLS. */
  readonly renewTls: ((renewal: TlsRenewal) => void) | null;
  /** What all fronts of the broker share. */
  readonly commons: FrontCommons;
  /** How connections get from the first front to the others; null: each front accepts its own. */
  readonly moving: { readonly mover: SocketMover; readonly bells: readonly Bell[] } | null;
  /** Requests are received here. */
  readonly slab: Slab;
  /** Responses are written here. */
  readonly outboxSlab: Slab;
  readonly lanes: readonly LaneEnd[];
  readonly control: ControlLane;
  readonly board: Board;
  readonly disk: RegionReader;
  readonly dataApis: readonly (DataApi | undefined)[];
  readonly controlVersions: ControlVersions;
  /** By API key, as the protocol's registry has it. */
  readonly flexibleSince: Int16Array;
  /** By API key: the first version whose answers begin with a throttle time. */
  readonly throttleSince: Int16Array;
  readonly limits: FrontLimits;
  /** Who may do what. */
  readonly access: FrontAccess;
  readonly logger: Logger;
  readonly nowMs: number;
  /** For quotas on the share of this thread. */
  readonly busyClock: () => number;
  /** Null: nobody wants metrics. */
  readonly tallies: FrontTallies | null;
  /** The worker that lives in the front's thread: turned within its turns, so that a request is answered in the turn it came in. */
  readonly lodger: Lodger | null;
}

export interface Lodger {
  turn(nowMs: number): boolean;
  /** A fresh look at what could give it work. */
  readonly isIdle: boolean;
  sleepMs(nowMs: number): number;
}

const SCAN_PERIOD_MS = 250;
/** Something waits for room that nobody announces: look again so soon. */
export const RETRY_MS = 1;
const PARTS_MAX = 1 << 20;
const WATCHES_MAX = 1 << 20;

export class Front implements FrontFace, MuteListener {
  readonly index: number;
  nowMs: number;
  readonly limits: FrontLimits;
  readonly slab: Slab;
  readonly outbox: Outbox;
  readonly lanes: WorkerLanes;
  readonly routes = new RouteTable();
  readonly board: Board;
  readonly disk: RegionReader;
  readonly parked: ParkedFetches;
  readonly connections: ConnectionTable;
  readonly exchanges: ExchangePool;
  readonly fronts: number;
  readonly throttle: Throttle;
  readonly access: FrontAccess;
  readonly tallies: FrontTallies | null;
  readonly busyClock: () => number;

  private readonly dataApis: readonly (DataApi | undefined)[];
  private readonly transport: Transport;
  private readonly control: ControlLane;
  private readonly listeners: readonly ListenerFacts[];
  private readonly renewTls: ((renewal: TlsRenewal) => void) | null;
  private readonly receiver: Receiver;
  private readonly responder: Responder;
  private readonly replies: ControlReplies;
  private readonly ledger: ConnectionLedger;
  private readonly door: Door;
  private readonly handOver: HandOver | null;
  private readonly lodger: Lodger | null;
  private readonly retries: Exchange[] = [];
  private nextScanMs: number;
  private didWork = false;

  constructor(parts: FrontParts) {
    this.index = parts.index;
    this.nowMs = parts.nowMs;
    this.busyClock = parts.busyClock;
    this.tallies = parts.tallies;
    this.lodger = parts.lodger;
    this.limits = parts.limits;
    this.access = parts.access;
    this.slab = parts.slab;
    this.board = parts.board;
    this.disk = parts.disk;
    this.dataApis = parts.dataApis;
    this.transport = parts.transport;
    this.listeners = parts.listeners;
    this.renewTls = parts.renewTls;
    this.control = parts.control;
    this.lanes = new WorkerLanes(parts.lanes);
    this.outbox = new Outbox(parts.outboxSlab, parts.transport, this.lanes, PARTS_MAX);
    this.exchanges = new ExchangePool(parts.limits.exchangesMax);
    this.parked = new ParkedFetches(parts.board, parts.index, parts.limits.exchangesMax, WATCHES_MAX, parts.nowMs);
    this.fronts = parts.commons.fronts;
    this.throttle = new Throttle(ratesOf(parts.commons, parts.index));
    this.ledger = ledgerOf(parts.commons, parts.index);
    this.handOver = handOverOf(parts, this.ledger);
    this.connections = new ConnectionTable(
      parts.transport,
      parts.limits,
      parts.logger,
      this.ledger,
      parts.tallies,
      this,
    );
    this.connections.nowMs = parts.nowMs;
    const { throttle, ledger, connections } = this;
    this.door = new Door({ ...parts, ...parts.limits, throttle, ledger, log: connections.log });
    const onHeld = (connection: Connection) => this.responder.touch(connection);
    const dispatcher = new Dispatcher({ ...parts, table: this.connections, exchanges: this.exchanges, onHeld }, this);
    this.receiver = new Receiver(parts.slab, parts.transport, parts.limits, this.connections, dispatcher);
    this.responder = new Responder(this, this.connections, this.receiver, dispatcher);
    this.replies = new ControlReplies(parts, this, this.responder);
    this.nextScanMs = parts.nowMs + SCAN_PERIOD_MS;
  }

  /** Works and submits without waiting. Returns whether there was anything to do. */
  turn(nowMs: number): boolean {
    this.work(nowMs);
    return this.transport.poll(0) > 0 || this.didWork;
  }

  /** A turn without its last step: the caller submits, and may sleep in the same call when nothing is left to do. */
  work(nowMs: number): void {
    this.nowMs = nowMs;
    this.connections.nowMs = nowMs;
    this.didWork = false;
    this.outbox.awaitsSent = false;
    if (this.tallies !== null) this.tallies.beginTurn();
    // Main's word goes first: a request that came by another front's answer may not meet older routes than that one had.
    if (this.replies.take(this)) this.didWork = true;
    this.receiver.beginTurn();
    this.takeCompletions();
    if (nowMs >= this.door.nextLookMs) this.letIn();
    if (this.handOver !== null) this.takeHandedOver(this.handOver);
    for (let worker = 0; worker < this.lanes.count; worker++) this.takeReceipts(worker);
    this.wakeParked();
    if (this.retries.length > 0) this.retry();
    if (nowMs >= this.throttle.nextDueMs) this.throttle.release(nowMs, this);
    if (nowMs >= this.nextScanMs) this.scan();
    if (this.receiver.hasWaiting && this.receiver.serveWaiting(nowMs)) this.didWork = true;
    this.responder.serve();
    this.lanes.publish();
    if (this.lodger?.turn(nowMs) === true) this.answerWithinTurn();
    this.control.publish();
    this.handOver?.publish();
    if (this.tallies !== null) this.showFigures(this.tallies);
  }

  /** A fresh look at all rings, for the moment before the thread falls asleep. */
  get isIdle(): boolean {
    for (let worker = 0; worker < this.lanes.count; worker++) {
      if (!this.lanes.laneOf(worker).incoming.isEmpty) return false;
    }
    if (this.handOver !== null && !this.handOver.isEmpty) return false;
    if (this.lodger !== null && !this.lodger.isIdle) return false;
    return this.replies.isStuck || this.control.lane.incoming.isEmpty;
  }

  /** Nobody waits for what this turn sends to have left. */
  get mayKeepSends(): boolean {
    return !this.outbox.awaitsSent;
  }

  /** Requests are being worked on, or responses on their way out; parked fetches do not count. */
  get isBusy(): boolean {
    return this.exchanges.usedCount > this.parked.timerCount || this.outbox.parts.usedCount > 0;
  }

  /** When the next turn is needed although nobody rings; never in the past of the last turn. */
  nextWakeMs(): number {
    const isWaitingForRoom = this.retries.length > 0 || this.lanes.hasWaitingReleases || this.control.hasUnsent;
    if (isWaitingForRoom || this.replies.isStuck || this.responder.hasHeld || this.receiver.hasWaiting) {
      return this.didWork ? this.nowMs : this.nowMs + RETRY_MS;
    }
    let next = Math.min(this.parked.nextDueMs(), this.door.nextLookMs, this.throttle.nextDueMs);
    if (this.connections.open.length > 0) next = Math.min(next, this.nextScanMs);
    if (this.lodger !== null) next = Math.min(next, this.nowMs + this.lodger.sleepMs(this.nowMs));
    return Math.max(next, this.nowMs);
  }

  /** Main posted something. */
  takePost(post: FrontPost): void {
    if (isQuotas(post)) this.throttle.take(post);
    else if (isTlsRenewal(post)) this.renewTls?.(post);
    else if (isLimits(post)) {
      this.door.limit(post);
      this.connections.limit(post);
    } else if (isAccess(post)) this.access.take(post);
    else if (isLogin(post)) this.takeLogin(post);
    else this.routes.apply(post);
  }

  private takeLogin({ exchange, principal, lifetimeMs }: LoginDone): void {
    const { connection } = this.exchanges.at(exchange);
    if (connection !== null) finishLogin(connection, principal, lifetimeMs, this.nowMs);
  }

  /** A client has waited long enough: its next request may come. */
  onUnmuted(connection: Connection): void {
    if (connection.isRefused) this.connections.close(connection);
    else this.responder.touch(connection);
  }

  // ── what data APIs ask for ────────────────────────────────────────────────────────────────────────────────────────

  dropFrame(exchange: Exchange): void {
    if (exchange.frameBlock < 0) return;
    this.slab.release(exchange.frameBlock);
    exchange.frameBlock = -1;
  }

  ready(exchange: Exchange): void {
    assert(exchange.pending === 0, 'a ready exchange waits for nothing');
    assert(exchange.state === EXCHANGE_STARTING || exchange.state === EXCHANGE_WORKING, 'an exchange gets ready once');
    exchange.state = EXCHANGE_READY;
    if (exchange.connection === null) this.endExchange(exchange);
    else this.responder.touch(exchange.connection);
  }

  again(exchange: Exchange): void {
    if (exchange.isRetried) return;
    exchange.isRetried = true;
    this.retries.push(exchange);
  }

  oldestBefore(exchange: Exchange): Exchange {
    const connection = must(exchange.connection, 'whoever asks for the order is part of it');
    return must(this.exchanges.oldestOf(connection), 'an order has a first one');
  }

  askMain(exchange: Exchange): boolean {
    const connection = must(exchange.connection, 'nobody asks for a connection that is gone');
    if (!this.control.verify(exchange, connection)) return false;
    exchange.pending += 1;
    return true;
  }

  /** Main's word about a Produce; the last one counts as the receipt. */
  takeVerdict(exchange: Exchange, words: Int32Array, at: number, numbers: Float64Array, isLast: boolean): void {
    const api = this.apiOf(exchange);
    api.onReceipt(this, exchange, words, at, numbers);
    if (!isLast) return;
    exchange.pending -= 1;
    assert(exchange.pending === 0, 'main is asked when all jobs are back');
    if (exchange.connection === null) this.endExchange(exchange);
    else if (api.onIdle(this, exchange)) this.ready(exchange);
  }

  apiOf(exchange: Exchange): DataApi {
    assert(exchange.isData, 'main answers control requests');
    return must(this.dataApis[exchange.apiKey], 'a data request has its API');
  }

  // ── the life of exchanges and connections ─────────────────────────────────────────────────────────────────────────

  onClosing(connection: Connection): void {
    for (
      let exchange = this.exchanges.shift(connection);
      exchange !== null;
      exchange = this.exchanges.shift(connection)
    ) {
      exchange.connection = null;
      if (exchange.pending > 0) continue;
      this.endExchange(exchange);
    }
    this.control.connectionClosed(connection);
    this.door.left(this.nowMs);
  }

  endExchange(exchange: Exchange): void {
    assert(exchange.pending === 0, 'an exchange ends when all of its jobs are back');
    if (exchange.isParked) this.parked.unpark(exchange.index);
    if (exchange.isData) this.apiOf(exchange).end(this, exchange);
    if (exchange.replyHead >= 0) this.outbox.dropChain(exchange.replyHead);
    this.dropFrame(exchange);
    if (exchange.isRetried) this.retries.splice(this.retries.indexOf(exchange), 1);
    this.exchanges.give(exchange);
  }

  private onClosed(connection: Connection): void {
    assert(connection.state === CONNECTION_CLOSING, 'a socket is closed because the front asked for it');
    this.receiver.dropBlock(connection);
    this.outbox.dropAll(connection);
    connection.isWaitingForMemory = false;
    connection.isWaitingForSeat = false;
    connection.receiveState = RECEIVE_NONE;
    connection.state = CONNECTION_FREE;
  }

  // ── the parts of a turn ───────────────────────────────────────────────────────────────────────────────────────────

  private takeCompletions(): void {
    const completions = this.transport.completions;
    const count = completions.count;
    if (count === 0) return;
    this.didWork = true;
    for (let index = 0; index < count; index++) {
      const socket = completions.sockets[index]!;
      const result = completions.results[index]!;
      switch (completions.kinds[index]!) {
        case DONE_RECEIVE:
          this.receiver.onReceive(this.connections.at(socket), result);
          break;
        case DONE_SEND:
          this.responder.onSent(this.connections.at(socket), result);
          break;
        case DONE_READABLE:
          this.receiver.onReadable(this.connections.at(socket), result);
          break;
        case DONE_ACCEPT:
          if (this.door.lets(socket, result, this.nowMs)) this.placeAccepted(socket, result);
          break;
        case DONE_ACCEPT_FAILED:
          this.door.acceptFailed(result, this.nowMs);
          break;
        case DONE_CLOSE:
          this.onClosed(this.connections.at(socket));
          break;
        default:
          assert(false, 'a transport completes what it was asked');
      }
    }
    completions.count = 0;
  }

  /** What the lodger has done just now is answered before the turn ends. */
  private answerWithinTurn(): void {
    this.didWork = true;
    for (let worker = 0; worker < this.lanes.count; worker++) this.takeReceipts(worker);
    this.wakeParked();
    this.responder.serve();
    this.lanes.publish();
  }

  private showFigures(tallies: FrontTallies): void {
    const { connections, parked, exchanges, slab, outbox } = this;
    const { length } = connections.open;
    tallies.show(length, parked.timerCount, exchanges.usedCount, slab.usedBytes, outbox.slab.usedBytes);
  }

  /** Those that waited at the door. */
  private letIn(): void {
    for (let socket = this.door.next(this.nowMs); socket >= 0; socket = this.door.next(this.nowMs)) {
      this.didWork = true;
      this.placeAccepted(socket, this.door.listener);
    }
  }

  private placeAccepted(socket: number, listener: number): void {
    const { handOver } = this;
    if (handOver === null) {
      this.ledger.arrive(this.index);
      this.accept(socket, listener);
    } else if (handOver.place(socket, listener)) {
      this.accept(socket, listener);
    }
  }

  private takeHandedOver(handOver: HandOver): void {
    for (let socket = handOver.take(); socket >= 0; socket = handOver.take()) {
      this.didWork = true;
      this.accept(socket, handOver.listener);
    }
  }

  private accept(socket: number, listener: number): void {
    if (this.tallies !== null) this.tallies.accepted();
    const facts = must(this.listeners[listener], 'a connection comes by a listener of this front');
    const connection = this.connections.accept(socket, facts);
    if (connection === null) return;
    const waitMs = this.throttle.connected(connection.address, this.nowMs);
    if (waitMs === 0) {
      this.receiver.rest(connection);
      return;
    }
    this.door.keptOut(facts, this.nowMs);
    if (this.tallies !== null) this.tallies.refusedByRate();
    // Kept for a while, so that a client that connects again at once is slowed down as well.
    connection.isRefused = true;
    this.throttle.mute(connection, waitMs, this.nowMs);
  }

  private takeReceipts(worker: number): void {
    const { incoming } = this.lanes.laneOf(worker);
    const { words, numbers } = incoming;
    let slot = incoming.peek();
    if (slot < 0) return;
    this.didWork = true;
    this.lanes.touch(worker);
    // Bounded by what the ring can hold: the worker cannot add to it faster than a turn ends.
    for (let count = 0; slot >= 0 && count < incoming.slotCount; count++) {
      const at = slot * SLOT_WORDS;
      const kind = words[at + SLOT_KIND]!;
      if (kind === RECEIPT_WAKE) this.parked.wake(words[at + SLOT_PARTITION]!);
      else this.takeReceipt(this.exchanges.at(words[at + SLOT_EXCHANGE]!), kind, words, at, numbers);
      incoming.advance();
      slot = incoming.peek();
    }
  }

  private takeReceipt(exchange: Exchange, kind: number, words: Int32Array, at: number, numbers: Float64Array): void {
    const api = this.apiOf(exchange);
    assert(exchange.pending > 0, 'a receipt answers a job of a data API');
    api.onReceipt(this, exchange, words, at, numbers);
    if (kind === RECEIPT_ABORTED) return;
    exchange.pending -= 1;
    if (exchange.pending > 0 || exchange.state === EXCHANGE_STARTING) {
      if (exchange.pending === 0 && exchange.connection === null) this.endExchange(exchange);
      return;
    }
    if (exchange.connection === null) this.endExchange(exchange);
    else if (api.onIdle(this, exchange)) this.ready(exchange);
  }

  private wakeParked(): void {
    for (
      let exchange = this.parked.nextExpired(this.nowMs);
      exchange >= 0;
      exchange = this.parked.nextExpired(this.nowMs)
    ) {
      this.wake(exchange, true);
    }
    for (let left = this.parked.wokenCount; left > 0; left--) {
      const exchange = this.parked.nextWoken();
      if (exchange >= 0) this.wake(exchange, false);
    }
  }

  private wake(index: number, isDeadline: boolean): void {
    this.didWork = true;
    const exchange = this.exchanges.at(index);
    assert(exchange.isParked, 'only parked exchanges are woken');
    this.apiOf(exchange).onWake(this, exchange, isDeadline);
  }

  private retry(): void {
    const count = this.retries.length;
    for (let index = 0; index < count; index++) {
      const exchange = this.retries[index]!;
      exchange.isRetried = false;
      // Its connection may be gone while jobs of it are out: their receipts end it.
      if (exchange.connection === null) continue;
      if (exchange.pending === 0 && this.apiOf(exchange).onIdle(this, exchange)) this.ready(exchange);
    }
    this.retries.splice(0, count);
  }

  /** Four times a second: who fell silent, who is idle. */
  private scan(): void {
    this.nextScanMs = this.nowMs + SCAN_PERIOD_MS;
    const open = this.connections.open;
    for (let index = open.length - 1; index >= 0; index--) {
      const connection = open[index]!;
      if (connection.state === CONNECTION_OPEN) this.receiver.checkSilence(connection, this.nowMs);
      const lastMs = Math.max(connection.lastBytesMs, connection.sendSinceMs);
      const isBusy = connection.orderCount > 0 && !connection.isSending && !connection.hasEnded;
      if (isBusy || this.nowMs - lastMs <= this.limits.idleMs) continue;
      if (this.tallies !== null) this.tallies.idleClosed();
      this.connections.close(connection);
    }
    this.responder.relieve(this.nowMs);
    this.access.tell(this.nowMs);
  }
}

function handOverOf({ index, commons, moving, listeners }: FrontParts, ledger: ConnectionLedger): HandOver | null {
  if (moving === null || commons.handOver.length === 1) return null;
  return new HandOver({ index, rings: commons.handOver, ledger, listeners, ...moving });
}
