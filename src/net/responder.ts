/**
 * The send half of all connections: settles exchanges in request order, hands responses to the transport, lets held
 * connections go on. The front calls `serve` once per turn for the connections that were touched during it, so that all
 * answers of a turn leave with one send.
 */
import { assert } from '../base/assert.ts';
import { BLOCK_BYTES_MIN } from '../zerocopy/slab.ts';
import { CONNECTION_CLOSING, CONNECTION_ENDING, CONNECTION_OPEN, type Connection } from './connection.ts';
import type { ConnectionTable } from './connection-table.ts';
import type { DataApi } from './data-api.ts';
import type { Dispatcher } from './dispatcher.ts';
import { EXCHANGE_READY, type Exchange, type ExchangePool, SETTLE_CLOSES, SETTLE_WAITS, SETTLED } from './exchange.ts';
import type { FrontFace } from './front-face.ts';
import type { Receiver } from './receiver.ts';

/** Parts that one settled response may need at most is not known here; this many are always kept free for one. */
const PARTS_RESERVED = 16;
/** Of response memory, what is made free at least when it was full. */
const VICTIMS_SHARE = 8;
const VICTIMS_MAX = 64;

export interface ExchangeOwner extends FrontFace {
  readonly exchanges: ExchangePool;
  apiOf(exchange: Exchange): DataApi;
  endExchange(exchange: Exchange): void;
}

export class Responder {
  private readonly front: ExchangeOwner;
  private readonly table: ConnectionTable;
  private readonly receiver: Receiver;
  private readonly dispatcher: Dispatcher;
  private touched: Connection[] = [];
  private serving: Connection[] = [];
  /** Waiting for lanes, exchanges or memory: looked at again next turn. */
  private held: Connection[] = [];
  private outboxFullSinceMs = 0;
  private repliesStuckSinceMs = 0;

  constructor(front: ExchangeOwner, table: ConnectionTable, receiver: Receiver, dispatcher: Dispatcher) {
    this.front = front;
    this.table = table;
    this.receiver = receiver;
    this.dispatcher = dispatcher;
  }

  get hasHeld(): boolean {
    return this.held.length > 0 || this.touched.length > 0;
  }

  touch(connection: Connection): void {
    if (connection.isTouched) return;
    connection.isTouched = true;
    this.touched.push(connection);
  }

  onSent(connection: Connection, result: number): void {
    if (connection.state === CONNECTION_CLOSING) {
      connection.isSending = false;
      return;
    }
    if (result < 0) {
      connection.isSending = false;
      this.table.close(connection);
      return;
    }
    this.front.outbox.sent(connection, result);
    this.touch(connection);
  }

  /** End of turn: answers what is ready, sends it, lets held connections go on. */
  serve(): void {
    this.retryHeld();
    const connections = this.touched;
    this.touched = this.serving;
    this.serving = connections;
    for (let index = 0; index < connections.length; index++) {
      const connection = connections[index]!;
      connection.isTouched = false;
      if (connection.state !== CONNECTION_CLOSING) this.serveOne(connection);
    }
    connections.length = 0;
  }

  /** There is no memory for an answer of main, and all others of main's wait behind it. */
  repliesAreStuck(areStuck: boolean): void {
    if (!areStuck) this.repliesStuckSinceMs = 0;
    else if (this.repliesStuckSinceMs === 0) this.repliesStuckSinceMs = this.front.nowMs;
  }

  /** Responses wait for memory: readers that have not moved for the longest time make room, so many that it lasts a while. */
  relieve(nowMs: number): void {
    const { outboxFullSinceMs, repliesStuckSinceMs } = this;
    const waitMs = this.front.limits.memoryWaitMs;
    const isFull = outboxFullSinceMs > 0 && nowMs - outboxFullSinceMs >= waitMs;
    const isStuck = repliesStuckSinceMs > 0 && nowMs - repliesStuckSinceMs >= waitMs;
    if (!isFull && !isStuck) return;
    let bytes = 0;
    for (let count = 0; count < VICTIMS_MAX && bytes * VICTIMS_SHARE < this.front.outbox.slab.bytesTotal; count++) {
      const victim = this.victim(nowMs - waitMs);
      if (victim === null) break;
      bytes += Math.max(BLOCK_BYTES_MIN, victim.outboxBytes + victim.asideBytes);
      this.letGo(victim, nowMs);
    }
    if (bytes === 0) return;
    this.outboxFullSinceMs = 0;
    this.repliesStuckSinceMs = 0;
  }

  private victim(sinceMs: number): Connection | null {
    const slowest = this.table.slowestReader();
    if (slowest !== null && slowest.sendSinceMs <= sinceMs) return slowest;
    return this.table.mostAside();
  }

  private letGo(victim: Connection, nowMs: number): void {
    const waits = victim.isSending
      ? `it has not read its ${victim.outboxBytes} waiting bytes for ${Math.round(nowMs - victim.sendSinceMs)} ms`
      : `${victim.asideBytes} bytes of it wait for an answer before them`;
    this.table.closeSaying(victim, 'outbox-memory', `closed ${victim.peer}: response memory is full, and ${waits}`);
  }

  private retryHeld(): void {
    const held = this.held;
    if (held.length === 0) return;
    for (let index = 0; index < held.length; index++) {
      held[index]!.isWaitingForOutbox = false;
      this.touch(held[index]!);
    }
    held.length = 0;
  }

  private serveOne(connection: Connection): void {
    this.settleHeads(connection);
    if (connection.state === CONNECTION_CLOSING) return;
    this.front.outbox.flush(connection, this.front.nowMs);
    if (connection.isDone) {
      this.table.close(connection);
      return;
    }
    if (!connection.isHeld) return;
    this.receiver.resume(connection);
    // A frame that was begun just now may be answered already (an error, a parked fetch that did not park).
    if (connection.state === CONNECTION_OPEN && this.front.exchanges.oldestOf(connection)?.state === EXCHANGE_READY) {
      this.settleHeads(connection);
      this.front.outbox.flush(connection, this.front.nowMs);
    }
    if (connection.state === CONNECTION_OPEN && connection.isHeld && this.dispatcher.needsRetry(connection))
      this.hold(connection);
  }

  private settleHeads(connection: Connection): void {
    const { exchanges } = this.front;
    for (let head = exchanges.oldestOf(connection); head !== null; head = exchanges.oldestOf(connection)) {
      if (connection.state !== CONNECTION_OPEN) return;
      if (head.state !== EXCHANGE_READY) {
        // A long reply whose turn has come leaves as far as it is here; what follows joins it directly.
        if (head.replyHead >= 0) this.appendPiece(connection, head);
        return;
      }
      // A client that does not read: its answers wait as leases and counts, not as bytes, until some have left.
      if (connection.outboxBytes >= this.front.limits.outboxBytesPerConnectionMax) {
        this.front.outbox.awaitsSent = true;
        return;
      }
      const queued = this.front.outbox.bytesQueued;
      const outcome = this.settle(connection, head);
      if (outcome === SETTLE_WAITS) {
        this.waitForOutbox(connection);
        return;
      }
      if (outcome === SETTLE_CLOSES) {
        connection.state = CONNECTION_ENDING;
        return;
      }
      assert(outcome === SETTLED, 'a response is settled, waits, or closes');
      this.outboxFullSinceMs = 0;
      const { tallies, outbox } = this.front;
      if (tallies !== null && !head.isRefused) tallies.answered(head, outbox.bytesQueued - queued);
      exchanges.shift(connection);
      if (head.throttleMs > 0) this.front.throttle.mute(connection, head.throttleMs, this.front.nowMs);
      if (head.closesAfter) connection.state = CONNECTION_ENDING;
      this.front.endExchange(head);
    }
  }

  private appendPiece(connection: Connection, exchange: Exchange): void {
    const { tallies, outbox } = this.front;
    const queued = outbox.bytesQueued;
    this.appendReply(connection, exchange);
    if (tallies !== null) tallies.sent(exchange.apiKey, outbox.bytesQueued - queued);
  }

  private settle(connection: Connection, exchange: Exchange): number {
    if (!this.front.outbox.hasParts(PARTS_RESERVED)) return SETTLE_WAITS;
    if (exchange.isData && !exchange.isRefused) return this.settleData(exchange);
    // Nothing collected: its pieces have left already, or it only closes.
    if (exchange.replyHead < 0) return SETTLED;
    this.appendReply(connection, exchange);
    return SETTLED;
  }

  private settleData(exchange: Exchange): number {
    const { front } = this;
    const api = front.apiOf(exchange);
    const { meters } = exchange;
    if (meters === null || meters.request === null) return api.settle(front, exchange);
    const begunMs = front.busyClock();
    const outcome = api.settle(front, exchange);
    // Too late for this answer: it counts for the next.
    front.throttle.worked(meters, front.busyClock() - begunMs, front.nowMs);
    return outcome;
  }

  private appendReply(connection: Connection, exchange: Exchange): void {
    connection.asideBytes -= this.front.outbox.appendChain(connection, exchange.replyHead, exchange.replyTail);
    assert(connection.asideBytes >= 0, 'what joins the stream was collected aside');
    exchange.replyHead = -1;
    exchange.replyTail = -1;
  }

  private waitForOutbox(connection: Connection): void {
    if (this.outboxFullSinceMs === 0) this.outboxFullSinceMs = this.front.nowMs;
    this.hold(connection);
  }

  private hold(connection: Connection): void {
    if (connection.isWaitingForOutbox) return;
    connection.isWaitingForOutbox = true;
    this.held.push(connection);
  }
}
