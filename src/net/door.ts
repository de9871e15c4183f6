/**
 * Who may come in, and when. The front asks the door for every connection its transport accepted. As Kafka has it: where
 * `max.connections` are open, or connections come faster than `max.connection.creation.rate`, nobody is turned away, but the
 * next one waits, and those behind it wait in the kernel's backlog, because nothing is accepted meanwhile. A listener may
 * have both bounds of its own: then only who comes by it waits. Where descriptors run out the door is shut for a moment as
 * well. Limits of single addresses are the connection table's: those close.
 *
 *   accepted ──▶ lets ──yes──▶ in
 *                  └──no──▶ waits at its gate, which stops accepting ── look again ──▶ next ──▶ in
 *                              (all gates, where all of the broker is full)        └─ nobody waits ──▶ accepting
 *
 * Who waits here holds a descriptor and nothing else; it is not read from. Their number is what one turn can accept.
 */
import { assert, must } from '../base/assert.ts';
import { Fifo } from '../base/fifo.ts';
import type { RateLimitedLog } from '../base/rate-limited-log.ts';
import { type ConnectionLedger, ENTERED, LISTENER_IS_FULL } from './connection-ledger.ts';
import type { ListenerFacts } from './front-listener.ts';
import type { ConnectionLimits } from './front-post.ts';
import type { FrontTallies } from './front-tallies.ts';
import type { Throttle } from './throttle.ts';
import type { Transport } from './transport.ts';

/** After a failed accept (descriptors are used up), before the next. */
const ACCEPT_PAUSE_MS = 200;
/** Nobody tells the door that a connection of another front ended. A listener may be full for days: looking costs less then. */
const LOOK_AGAIN_MS_MIN = 10;
const LOOK_AGAIN_MS_MAX = 40;
const WAITING_MAX = 65_536;
const NONE = -1;
const OPEN = Number.POSITIVE_INFINITY;
const RATE_OF_ALL = 'connections';

/** What is found about a connection that wants to come in. */
const ENTERS = 0;
/** Others may, by another listener. */
const ITS_LISTENER_WAITS = 1;
const ALL_WAIT = 2;

export interface DoorParts {
  readonly transport: Transport;
  /** As the transport counts them. */
  readonly listeners: readonly ListenerFacts[];
  readonly ledger: ConnectionLedger;
  readonly throttle: Throttle;
  readonly log: RateLimitedLog;
  readonly tallies: FrontTallies | null;
  readonly connectionsMax: number;
  /** Connections a second of the whole broker. */
  readonly creationRateMax: number;
}

/** One listener's part of the door. */
interface Gate {
  readonly index: number;
  readonly facts: ListenerFacts;
  readonly rateKey: string;
  /** Sockets, and beside each when it came in the order of all. */
  readonly waiting: Fifo<number>;
  readonly turns: Fifo<number>;
  connectionsMax: number;
  creationRateMax: number;
  shutUntilMs: number;
  isAccepting: boolean;
}

export class Door {
  /** When to call `next`; Infinity: the door is open. */
  nextLookMs = OPEN;
  private readonly parts: DoorParts;
  /** The listener by which the socket came that `next` returned. */
  listener = 0;
  private readonly gates: readonly Gate[];
  private connectionsMax: number;
  private creationRateMax: number;
  private shutUntilMs = 0;
  /** Whoever comes waits behind those who do, by whichever listener. */
  private areAllWaiting = false;
  private arrivals = 0;
  private lookAgainMs = LOOK_AGAIN_MS_MIN;

  constructor(parts: DoorParts) {
    this.parts = parts;
    this.gates = parts.listeners.map(gateOf);
    this.connectionsMax = parts.connectionsMax;
    this.creationRateMax = parts.creationRateMax;
  }

  limit({ connectionsMax, creationRateMax, listeners }: ConnectionLimits): void {
    this.connectionsMax = connectionsMax;
    this.creationRateMax = creationRateMax;
    for (const gate of this.gates) {
      const bounds = must(listeners[gate.facts.number], 'every listener has its bounds');
      gate.connectionsMax = bounds.connectionsMax;
      gate.creationRateMax = bounds.creationRateMax;
    }
  }

  /** True: the socket, just accepted, may come in now and is counted. False: it comes through `next`. */
  lets(socket: number, listener: number, nowMs: number): boolean {
    const gate = this.gateAt(listener);
    const verdict = this.verdictOnNew(gate, nowMs);
    if (verdict === ENTERS) return true;
    const isKept = gate.waiting.push(socket) && gate.turns.push(this.arrivals++);
    assert(isKept, 'no more wait than a transport has sockets');
    if (this.parts.tallies !== null) this.parts.tallies.delayed();
    if (verdict === ALL_WAIT) this.shutAll();
    else this.shut(gate);
    this.lookAgainMs = LOOK_AGAIN_MS_MIN;
    this.nextLookMs = this.whenToLook(nowMs);
    return false;
  }

  /** The socket that may come in now, counted; -1: nobody, and `nextLookMs` says when to ask again. */
  next(nowMs: number): number {
    const gate = this.firstToEnter(nowMs);
    if (gate !== null) {
      this.listener = gate.index;
      this.lookAgainMs = LOOK_AGAIN_MS_MIN;
      gate.turns.shift();
      return gate.waiting.shift() ?? NONE;
    }
    if (!this.areAllWaiting && nowMs >= this.shutUntilMs) {
      for (const each of this.gates) if (each.waiting.count === 0 && nowMs >= each.shutUntilMs) this.open(each);
    }
    this.nextLookMs = this.whenToLook(nowMs);
    this.lookAgainMs = Math.min(this.lookAgainMs * 2, LOOK_AGAIN_MS_MAX);
    return NONE;
  }

  /** A connection of this front ended: whoever waits for that need not wait for the next look. */
  left(nowMs: number): void {
    if (this.nextLookMs !== OPEN) this.nextLookMs = nowMs;
  }

  /** Its address came too fast: it is kept out, and takes nothing of the rates of the others. */
  keptOut({ number }: ListenerFacts, nowMs: number): void {
    const { throttle } = this.parts;
    throttle.tookBack(RATE_OF_ALL, this.creationRateMax, nowMs);
    const gate = this.gates.find(({ facts }) => facts.number === number);
    if (gate !== undefined) throttle.tookBack(gate.rateKey, gate.creationRateMax, nowMs);
  }

  /** Descriptors or memory of the kernel ran out: the backlog keeps the others for a moment. */
  acceptFailed(errno: number, nowMs: number): void {
    this.shutUntilMs = Math.max(this.shutUntilMs, nowMs + ACCEPT_PAUSE_MS);
    this.shutAll();
    this.nextLookMs = this.whenToLook(nowMs);
    const what = `cannot take new connections (errno ${-errno}); trying again: raise the limit of open files (ulimit -n)`;
    this.parts.log.say('accept', 'warn', what);
  }

  // ── who may ───────────────────────────────────────────────────────────────────────────────────────────────────────

  private verdictOnNew(gate: Gate, nowMs: number): number {
    if (this.areAllWaiting) return ALL_WAIT;
    return gate.waiting.count > 0 ? ITS_LISTENER_WAITS : this.verdictOn(gate, nowMs);
  }

  /** Of those who wait, the first by arrival whose listener lets it in. */
  private firstToEnter(nowMs: number): Gate | null {
    this.areAllWaiting = false;
    for (let gate = this.firstAfter(NONE); gate !== null; gate = this.firstAfter(turnOf(gate))) {
      const verdict = this.verdictOn(gate, nowMs);
      if (verdict === ENTERS) return gate;
      if (verdict === ALL_WAIT) {
        this.areAllWaiting = true;
        return null;
      }
    }
    return null;
  }

  private firstAfter(turn: number): Gate | null {
    let first: Gate | null = null;
    for (const gate of this.gates) {
      if (gate.turns.count === 0 || turnOf(gate) <= turn) continue;
      if (first === null || turnOf(gate) < turnOf(first)) first = gate;
    }
    return first;
  }

  /** As in Kafka, who makes a rate too high comes in, and the next one waits; never longer than one window. */
  private verdictOn(gate: Gate, nowMs: number): number {
    if (nowMs < this.shutUntilMs) return ALL_WAIT;
    if (nowMs < gate.shutUntilMs) return ITS_LISTENER_WAITS;
    const entry = this.parts.ledger.enter(gate.facts.number, gate.connectionsMax, this.connectionsMax);
    if (entry === LISTENER_IS_FULL) {
      this.sayListenerIsFull(gate);
      return ITS_LISTENER_WAITS;
    }
    if (entry !== ENTERED) {
      const what = `${this.connectionsMax} connections are open: new ones wait until one ends; raise max.connections`;
      this.parts.log.say('connections-max', 'warn', what);
      return ALL_WAIT;
    }
    this.measure(gate, nowMs);
    return ENTERS;
  }

  private measure(gate: Gate, nowMs: number): void {
    const { throttle, log } = this.parts;
    const waitMs = throttle.tookIn(RATE_OF_ALL, this.creationRateMax, nowMs);
    if (waitMs > 0) {
      this.shutUntilMs = nowMs + waitMs;
      const what = `more than ${this.creationRateMax} connections a second come: new ones wait; raise max.connection.creation.rate`;
      log.say('creation-rate', 'warn', what);
    }
    const ownWaitMs = throttle.tookIn(gate.rateKey, gate.creationRateMax, nowMs);
    if (ownWaitMs === 0) return;
    gate.shutUntilMs = nowMs + ownWaitMs;
    const { name } = gate.facts;
    const what = `more than ${gate.creationRateMax} connections a second come by the listener ${name}: new ones of it wait`;
    log.say(`creation-rate ${name}`, 'warn', `${what}; raise ${keyOf(gate, 'max.connection.creation.rate')}`);
  }

  private sayListenerIsFull(gate: Gate): void {
    const { name } = gate.facts;
    const what = `the listener ${name} has as many connections as it may (${gate.connectionsMax}): new ones of it wait until one ends`;
    this.parts.log.say(`connections-max ${name}`, 'warn', `${what}; raise ${keyOf(gate, 'max.connections')}`);
  }

  // ── accepting ─────────────────────────────────────────────────────────────────────────────────────────────────────

  private shutAll(): void {
    this.areAllWaiting = true;
    for (const gate of this.gates) this.shut(gate);
  }

  private shut(gate: Gate): void {
    if (!gate.isAccepting) return;
    gate.isAccepting = false;
    this.parts.transport.setListenerAccepting(gate.index, false);
  }

  private open(gate: Gate): void {
    if (gate.isAccepting) return;
    gate.isAccepting = true;
    this.parts.transport.setListenerAccepting(gate.index, true);
  }

  private whenToLook(nowMs: number): number {
    let next = OPEN;
    for (const { isAccepting, shutUntilMs } of this.gates) {
      if (!isAccepting) next = Math.min(next, Math.max(nowMs + this.lookAgainMs, shutUntilMs, this.shutUntilMs));
    }
    return next;
  }

  private gateAt(listener: number): Gate {
    return must(this.gates[listener], 'a connection comes by a listener of this front');
  }
}

function gateOf(facts: ListenerFacts, index: number): Gate {
  const { connectionsMax, creationRateMax } = facts.bounds;
  return {
    index,
    facts,
    rateKey: `${RATE_OF_ALL} ${facts.name}`,
    waiting: new Fifo<number>(WAITING_MAX),
    turns: new Fifo<number>(WAITING_MAX),
    connectionsMax,
    creationRateMax,
    shutUntilMs: 0,
    isAccepting: true,
  };
}

function turnOf({ turns }: Gate): number {
  return must(turns.peek(), 'somebody waits at this gate');
}

function keyOf({ facts }: Gate, key: string): string {
  return `listener.name.${facts.name.toLowerCase()}.${key}`;
}
