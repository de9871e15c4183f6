/**
 * Who may come in, and when. The front asks the door for every connection its transport accepted. As Kafka has it: where
 * `max.connections` are open, or connections come faster than `max.connection.creation.rate`, nobody is turned away, but the
 * next one waits, and those behind it wait in the kernel's backlog, because nothing is accepted meanwhile. Where descriptors
 * run out the door is shut for a moment as well. Limits of single addresses are the connection table's: those close.
 *
 *   accepted ──▶ lets ──yes──▶ in
 *                  └──no──▶ waiting, accepting stops ── look again ──▶ next ──▶ in ── nobody waits ──▶ accepting
 *
 * Who waits here holds a descriptor and nothing else; it is not read from. Their number is what one turn can accept.
 */
import { assert } from '../base/assert.ts';
import { Fifo } from '../base/fifo.ts';
import type { RateLimitedLog } from '../base/rate-limited-log.ts';
import type { ConnectionLedger } from './connection-ledger.ts';
import type { ConnectionLimits } from './front-post.ts';
import type { FrontTallies } from './front-tallies.ts';
import type { Throttle } from './throttle.ts';
import type { Transport } from './transport.ts';

/** After a failed accept (descriptors are used up), before the next. */
const ACCEPT_PAUSE_MS = 200;
/** Nobody tells the door that a connection of another front ended. */
const LOOK_AGAIN_MS = 10;
const WAITING_MAX = 65_536;
const NONE = -1;
const OPEN = Number.POSITIVE_INFINITY;

export interface DoorParts {
  readonly transport: Transport;
  readonly ledger: ConnectionLedger;
  readonly throttle: Throttle;
  readonly log: RateLimitedLog;
  readonly tallies: FrontTallies | null;
  readonly connectionsMax: number;
  /** Connections a second of the whole broker. */
  readonly creationRateMax: number;
}

export class Door {
  /** When to call `next`; Infinity: the door is open. */
  nextLookMs = OPEN;
  private readonly parts: DoorParts;
  /** The listener by which the socket came that `next` returned. */
  listener = 0;
  private readonly waiting = new Fifo<number>(WAITING_MAX);
  private readonly listeners = new Fifo<number>(WAITING_MAX);
  private connectionsMax: number;
  private creationRateMax: number;
  private shutUntilMs = 0;

  constructor(parts: DoorParts) {
    this.parts = parts;
    this.connectionsMax = parts.connectionsMax;
    this.creationRateMax = parts.creationRateMax;
  }

  limit({ connectionsMax, creationRateMax }: ConnectionLimits): void {
    this.connectionsMax = connectionsMax;
    this.creationRateMax = creationRateMax;
  }

  /** True: the socket, just accepted, may come in now. False: it comes through `next`. */
  lets(socket: number, listener: number, nowMs: number): boolean {
    if (this.waiting.count === 0 && this.mayEnter(nowMs)) return true;
    const isKept = this.waiting.push(socket) && this.listeners.push(listener);
    assert(isKept, 'no more wait than a transport has sockets');
    if (this.parts.tallies !== null) this.parts.tallies.delayed();
    this.shut(Math.max(nowMs + LOOK_AGAIN_MS, this.shutUntilMs));
    return false;
  }

  /** The socket that may come in now; -1: nobody, and `nextLookMs` says when to ask again. */
  next(nowMs: number): number {
    if (this.waiting.count > 0 && this.mayEnter(nowMs)) {
      this.listener = this.listeners.shift() ?? 0;
      return this.waiting.shift() ?? NONE;
    }
    if (this.waiting.count === 0 && nowMs >= this.shutUntilMs) {
      this.nextLookMs = OPEN;
      this.parts.transport.setAccepting(true);
    } else {
      this.nextLookMs = Math.max(nowMs + LOOK_AGAIN_MS, this.shutUntilMs);
    }
    return NONE;
  }

  /** Descriptors or memory of the kernel ran out: the backlog keeps the others for a moment. */
  acceptFailed(errno: number, nowMs: number): void {
    this.shutUntilMs = Math.max(this.shutUntilMs, nowMs + ACCEPT_PAUSE_MS);
    this.shut(this.shutUntilMs);
    const what = `cannot take new connections (errno ${-errno}); trying again: raise the limit of open files (ulimit -n)`;
    this.parts.log.say('accept', 'warn', what);
  }

  private shut(untilMs: number): void {
    if (this.nextLookMs === OPEN) this.parts.transport.setAccepting(false);
    this.nextLookMs = untilMs;
  }

  /** As in Kafka, who makes the rate too high comes in, and the next one waits; never longer than one window. */
  private mayEnter(nowMs: number): boolean {
    if (nowMs < this.shutUntilMs) return false;
    if (this.parts.ledger.total >= this.connectionsMax) {
      const what = `${this.connectionsMax} connections are open: new ones wait until one ends; raise max.connections`;
      this.parts.log.say('connections-max', 'warn', what);
      return false;
    }
    const waitMs = this.parts.throttle.tookIn(this.creationRateMax, nowMs);
    if (waitMs > 0) {
      this.shutUntilMs = nowMs + waitMs;
      const what = `more than ${this.creationRateMax} connections a second come: new ones wait; raise max.connection.creation.rate`;
      this.parts.log.say('creation-rate', 'warn', what);
    }
    return true;
  }
}
