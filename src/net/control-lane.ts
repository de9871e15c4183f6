/**
 * The front's end of its lane to main: control requests go out as spans, replies come back as pieces in main's arena,
 * and rare messages (route images) through a MessagePort. `control-port` is the other end.
 *
 * Main copies a request's bytes as soon as it sees them; the front nevertheless keeps the span until the reply, because
 * it cannot know when. A closed connection is told exactly once, however full the lane is.
 */
import { assert } from '../base/assert.ts';
import type { LaneEnd } from '../workers/lane.ts';
import type { ByteRing } from '../zerocopy/byte-ring.ts';
import {
  CONTROL_AT,
  CONTROL_CONNECTION,
  CONTROL_LENGTH,
  JOB_CONNECTION_CLOSED,
  JOB_CONTROL,
  JOB_LOGIN,
  JOB_VERIFY,
  SLOT_ENTRY,
  SLOT_EXCHANGE,
  SLOT_KIND,
  SLOT_WORDS,
  VERIFY_VERSION,
} from '../zerocopy/layout.ts';
import type { Connection } from './connection.ts';
import type { Exchange } from './exchange.ts';
import type { Identity } from './identity.ts';
import type { Transport } from './transport.ts';

/** Who a connection is; posted before its first control request. */
export interface ConnectionFacts {
  readonly connection: number;
  readonly peer: string;
  readonly localHost: string;
  readonly localPort: number;
  /** Main replaces it when the client has shown who it is. */
  identity: Identity;
}

/** The MessagePort to main, as far as a front needs it. `take` returns null when nothing is there. */
export interface ControlPost {
  post(facts: ConnectionFacts): void;
  take(): unknown;
}

export class ControlLane {
  readonly lane: LaneEnd;
  readonly arena: ByteRing;
  private readonly mail: ControlPost;
  private readonly transport: Transport;
  /** Closed connections that main was not told of yet. */
  private readonly closed: number[] = [];
  private mainWaits = false;

  constructor(lane: LaneEnd, arena: ByteRing, mail: ControlPost, transport: Transport) {
    this.lane = lane;
    this.arena = arena;
    this.mail = mail;
    this.transport = transport;
  }

  get hasUnsent(): boolean {
    return this.closed.length > 0;
  }

  /** False: the lane is full. */
  send(exchange: Exchange, connection: Connection): boolean {
    if (this.closed.length > 0 && !this.sendClosed()) return false;
    const slot = this.lane.outgoing.claim();
    if (slot < 0) return false;
    if (!connection.isAnnounced) this.announce(connection);
    const words = this.lane.outgoing.words;
    const at = slot * SLOT_WORDS;
    words[at + SLOT_KIND] = exchange.isLogin ? JOB_LOGIN : JOB_CONTROL;
    words[at + SLOT_EXCHANGE] = exchange.index;
    words[at + SLOT_ENTRY] = 0;
    words[at + CONTROL_CONNECTION] = connection.id;
    words[at + CONTROL_AT] = exchange.frameAt;
    words[at + CONTROL_LENGTH] = exchange.frameLength;
    return true;
  }

  /** Asks about the transaction of a Produce, whose span stays the exchange's. False: the lane is full. */
  verify(exchange: Exchange, connection: Connection): boolean {
    if (this.closed.length > 0 && !this.sendClosed()) return false;
    const slot = this.lane.outgoing.claim();
    if (slot < 0) return false;
    if (!connection.isAnnounced) this.announce(connection);
    const words = this.lane.outgoing.words;
    const at = slot * SLOT_WORDS;
    words[at + SLOT_KIND] = JOB_VERIFY;
    words[at + SLOT_EXCHANGE] = exchange.index;
    words[at + SLOT_ENTRY] = 0;
    words[at + CONTROL_CONNECTION] = connection.id;
    words[at + CONTROL_AT] = exchange.bodyAt;
    words[at + CONTROL_LENGTH] = exchange.bodyEnd - exchange.bodyAt;
    words[at + VERIFY_VERSION] = exchange.version;
    return true;
  }

  connectionClosed(connection: Connection): void {
    if (!connection.isAnnounced) return;
    connection.isAnnounced = false;
    this.closed.push(connection.id);
    this.sendClosed();
  }

  /** The message that a RECEIPT_POST announced. */
  takePost(): unknown {
    return this.mail.take();
  }

  /** `length` bytes of the arena were copied out, or are not wanted. */
  freeReply(length: number): void {
    if (length > 0 && this.arena.free(length)) this.mainWaits = true;
  }

  publish(): void {
    if (this.closed.length > 0) this.sendClosed();
    this.lane.publish();
    if (!this.mainWaits) return;
    this.mainWaits = false;
    this.lane.otherBell.ring();
  }

  private announce(connection: Connection): void {
    const local = this.transport.localOf(connection.socket);
    this.mail.post({
      connection: connection.id,
      peer: connection.peer,
      localHost: local.host,
      localPort: local.port,
      identity: connection.identity,
    });
    connection.isAnnounced = true;
  }

  private sendClosed(): boolean {
    let sent = 0;
    while (sent < this.closed.length) {
      const slot = this.lane.outgoing.claim();
      if (slot < 0) break;
      const words = this.lane.outgoing.words;
      const at = slot * SLOT_WORDS;
      words[at + SLOT_KIND] = JOB_CONNECTION_CLOSED;
      words[at + SLOT_EXCHANGE] = -1;
      words[at + CONTROL_CONNECTION] = this.closed[sent]!;
      sent += 1;
    }
    if (sent > 0) this.closed.splice(0, sent);
    assert(this.closed.length >= 0, 'closed connections are told once');
    return this.closed.length === 0;
  }
}
