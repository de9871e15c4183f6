/**
 * What comes back on the control lane: pieces of replies, and announcements of posted messages. Pieces are copied out of
 * main's arena into outbox memory at once, because the arena is given back in order; when the outbox has no room, the
 * lane is left as it is until it has.
 */

import { assert } from '../base/assert.ts';
import { NEVER } from '../protocol/fields.ts';
import {
  CONTROL_REPLY_AT,
  CONTROL_REPLY_BUSY_NUMBER,
  CONTROL_REPLY_CLOSE,
  CONTROL_REPLY_FLAGS,
  CONTROL_REPLY_LENGTH,
  CONTROL_REPLY_MORE,
  RECEIPT_CONTROL,
  RECEIPT_POST,
  RECEIPT_VERIFIED,
  SLOT_EXCHANGE,
  SLOT_KIND,
  SLOT_WORDS,
  VERIFIED_MORE,
} from '../zerocopy/layout.ts';
import type { ControlLane } from './control-lane.ts';
import type { Exchange, ExchangePool } from './exchange.ts';
import { type FrontPost, isFrontPost } from './front-post.ts';
import type { FrontTallies } from './front-tallies.ts';
import type { Outbox } from './outbox.ts';
import type { Responder } from './responder.ts';
import type { Throttle } from './throttle.ts';

export interface ReplyListener {
  ready(exchange: Exchange): void;
  endExchange(exchange: Exchange): void;
  takePost(post: FrontPost): void;
  takeVerdict(exchange: Exchange, words: Int32Array, at: number, numbers: Float64Array, isLast: boolean): void;
}

export interface ControlRepliesParts {
  readonly control: ControlLane;
  /** By API key: the first flexible version, and the first whose answers begin with a throttle time. */
  readonly flexibleSince: Int16Array;
  readonly throttleSince: Int16Array;
}

export interface ReplyOwner {
  readonly exchanges: ExchangePool;
  readonly outbox: Outbox;
  readonly throttle: Throttle;
  readonly tallies: FrontTallies | null;
  readonly nowMs: number;
}

const API_VERSIONS = 18;
/** Its answers are made by main, and hold records. */
const SHARE_FETCH = 78;
const LENGTH_BYTES = 4;
/** Length prefix and correlation id. */
const HEADER_BYTES = 8;

export class ControlReplies {
  /** A piece lies in the lane for which there is no memory. */
  isStuck = false;
  private readonly control: ControlLane;
  private readonly exchanges: ExchangePool;
  private readonly outbox: Outbox;
  private readonly responder: Responder;
  private readonly owner: ReplyOwner;
  private readonly flexibleSince: Int16Array;
  private readonly throttleSince: Int16Array;

  constructor(parts: ControlRepliesParts, owner: ReplyOwner, responder: Responder) {
    this.control = parts.control;
    this.owner = owner;
    this.exchanges = owner.exchanges;
    this.outbox = owner.outbox;
    this.responder = responder;
    this.flexibleSince = parts.flexibleSince;
    this.throttleSince = parts.throttleSince;
  }

  take(listener: ReplyListener): boolean {
    const { incoming } = this.control.lane;
    this.isStuck = false;
    let didWork = false;
    for (let count = 0; count < incoming.slotCount; count++) {
      const slot = incoming.peek();
      if (slot < 0) break;
      if (!this.takeSlot(incoming.words, slot * SLOT_WORDS, incoming.numbers, listener)) {
        this.isStuck = true;
        break;
      }
      incoming.advance();
      didWork = true;
    }
    this.responder.repliesAreStuck(this.isStuck);
    return didWork;
  }

  private takeSlot(words: Int32Array, at: number, numbers: Float64Array, listener: ReplyListener): boolean {
    const kind = words[at + SLOT_KIND]!;
    if (kind === RECEIPT_VERIFIED) {
      const asked = this.exchanges.at(words[at + SLOT_EXCHANGE]!);
      listener.takeVerdict(asked, words, at, numbers, words[at + VERIFIED_MORE] === 0);
      return true;
    }
    if (kind === RECEIPT_POST) {
      const message = this.control.takePost();
      if (isFrontPost(message)) listener.takePost(message);
      return true;
    }
    assert(kind === RECEIPT_CONTROL, 'main answers, or announces a message');
    const exchange = this.exchanges.at(words[at + SLOT_EXCHANGE]!);
    assert(!exchange.isData && exchange.pending === 1, 'main answers a control request once');
    const length = words[at + CONTROL_REPLY_LENGTH]!;
    const flags = words[at + CONTROL_REPLY_FLAGS]!;
    exchange.busyMs = numbers[(at >> 1) + CONTROL_REPLY_BUSY_NUMBER]!;
    if (length > 0 && exchange.connection !== null && !this.copy(exchange, words[at + CONTROL_REPLY_AT]!, length))
      return false;
    this.control.freeReply(length);
    if ((flags & CONTROL_REPLY_CLOSE) !== 0) exchange.closesAfter = true;
    if ((flags & CONTROL_REPLY_MORE) !== 0) return true;
    exchange.pending = 0;
    if (exchange.connection !== null) exchange.connection.isWithMain = false;
    if (exchange.connection === null) listener.endExchange(exchange);
    else listener.ready(exchange);
    return true;
  }

  private copy(exchange: Exchange, from: number, length: number): boolean {
    const { outbox } = this;
    const connection = exchange.connection;
    assert(connection !== null, 'only a reply that somebody waits for is copied');
    const part = outbox.copyAside(this.control.arena.bytes, from, length);
    if (part < 0) return false;
    if (exchange.throttleMs < 0 && this.owner.throttle.isActive)
      this.limit(exchange, outbox.parts.positionOf(part), length);
    if (connection.orderHead === exchange.index && exchange.replyHead < 0) {
      // Nothing is before it: the pieces of a long reply leave as they come, and need not fit into memory together.
      outbox.appendChain(connection, part, part);
      if (this.owner.tallies !== null) this.owner.tallies.sent(exchange.apiKey, length);
      this.responder.touch(connection);
      return true;
    }
    if (exchange.replyTail < 0) exchange.replyHead = part;
    else outbox.parts.link(exchange.replyTail, part);
    exchange.replyTail = part;
    connection.asideBytes += length;
    return true;
  }

  /** Main has put into the answer how long its own quotas make the client wait; that of this thread's may be longer. */
  private limit(exchange: Exchange, at: number, length: number): void {
    const { apiKey, version, meters, busyMs } = exchange;
    const { throttle, nowMs } = this.owner;
    // Where the arena ends or is full, the first piece may be shorter than the length of the answer.
    const answerBytes = apiKey === SHARE_FETCH && length >= LENGTH_BYTES ? this.outbox.view.getInt32(at) : 0;
    let waitMs = 0;
    if (meters !== null && answerBytes > 0) waitMs = throttle.delivered(meters, answerBytes, busyMs, nowMs);
    else if (meters !== null) waitMs = throttle.worked(meters, busyMs, nowMs);
    exchange.throttleMs = waitMs;
    if (version < (this.throttleSince[apiKey] ?? NEVER)) return;
    const isTagged = apiKey !== API_VERSIONS && version >= (this.flexibleSince[apiKey] ?? NEVER);
    const fieldAt = at + HEADER_BYTES + (isTagged ? 1 : 0);
    if (fieldAt + 4 > at + length) return;
    const { view } = this.outbox;
    exchange.throttleMs = Math.max(waitMs, view.getInt32(fieldAt));
    view.setInt32(fieldAt, exchange.throttleMs);
  }
}
