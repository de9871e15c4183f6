/**
 * How connections are spread over several fronts that sleep in the kernel: the first one accepts them all, keeps those
 * that are its own and hands the others, as descriptors in a ring, to the front that has the fewest. Nothing of a
 * connection was read yet when it moves. Called by the front: `place` for every accept, `take` once a turn.
 *
 *   front 0   accept ─→ place ─┬─ own ──────────────────────────────▶ serve
 *                              └─ giveAway ─→ ring of front n ─ bell ─▶ takeIn ─→ serve
 *
 * A connection counts from when the door let it in, and for its front from `place` on (`connection-ledger`). What lies in a ring when the broker stops is
 * closed by main, after the fronts have ended.
 */
import { assert, must } from '../base/assert.ts';
import type { Bell } from '../zerocopy/bell.ts';
import { SLOT_WORDS } from '../zerocopy/layout.ts';
import { Ring } from '../zerocopy/ring.ts';
import type { ConnectionLedger } from './connection-ledger.ts';
import type { ListenerFacts } from './front-listener.ts';
import type { SocketMover } from './transport.ts';

/** More at once than a ring holds stay with the front that accepted them. */
export const HAND_OVER_SLOTS = 1024;
const HANDLE = 0;
/** The listener it came by. */
const LISTENER = 1;
const NONE = -1;

export interface HandOverParts {
  readonly index: number;
  /** By front that sleeps in the kernel; that of the first stays unused. */
  readonly rings: readonly SharedArrayBuffer[];
  readonly bells: readonly Bell[];
  readonly mover: SocketMover;
  readonly ledger: ConnectionLedger;
  /** As the transports of all these fronts count them. */
  readonly listeners: readonly ListenerFacts[];
}

export class HandOver {
  /** Of the connection that `take` returned: the listener it came by. */
  listener = 0;
  private readonly index: number;
  private readonly rings: readonly Ring[];
  private readonly bells: readonly Bell[];
  private readonly mover: SocketMover;
  private readonly ledger: ConnectionLedger;
  private readonly listeners: readonly ListenerFacts[];
  private readonly isFilled: Uint8Array;
  private readonly incoming: Ring;

  constructor({ index, rings, bells, mover, ledger, listeners }: HandOverParts) {
    assert(rings.length <= ledger.fronts && bells.length === rings.length, 'every front has a ring and a bell');
    this.index = index;
    this.rings = rings.map((memory) => new Ring(memory));
    this.bells = bells;
    this.mover = mover;
    this.ledger = ledger;
    this.listeners = listeners;
    this.isFilled = new Uint8Array(rings.length);
    this.incoming = new Ring(rings[index]!);
  }

  /** True: this front serves the connection it just accepted. False: the socket is another's by now. */
  place(socket: number, listener: number): boolean {
    assert(this.index === 0, 'the first front accepts');
    const front = this.ledger.leastLoaded(this.rings.length);
    const slot = front === this.index ? NONE : this.rings[front]!.claim();
    if (slot === NONE) {
      this.ledger.arrive(this.index);
      return true;
    }
    const { words } = this.rings[front]!;
    words[slot * SLOT_WORDS + HANDLE] = this.mover.giveAway(socket);
    words[slot * SLOT_WORDS + LISTENER] = listener;
    this.ledger.arrive(front);
    this.isFilled[front] = 1;
    return false;
  }

  /** The socket of a connection that was handed to this front, or -1. */
  take(): number {
    for (let slot = this.incoming.peek(); slot >= 0; slot = this.incoming.peek()) {
      const { words } = this.incoming;
      this.listener = words[slot * SLOT_WORDS + LISTENER]!;
      const socket = this.mover.takeIn(words[slot * SLOT_WORDS + HANDLE]!);
      this.incoming.advance();
      if (socket >= 0) return socket;
      this.ledger.leave(must(this.listeners[this.listener], 'a listener is one of all these fronts').number);
    }
    return NONE;
  }

  get isEmpty(): boolean {
    return this.incoming.isEmpty;
  }

  /** End of turn. */
  publish(): void {
    this.incoming.release();
    for (let front = 0; front < this.rings.length; front++) {
      if (this.isFilled[front] === 0) continue;
      this.isFilled[front] = 0;
      if (this.rings[front]!.publish()) this.bells[front]!.ring();
    }
  }
}

/** For main, when the fronts have ended: what nobody took. */
export function leftInRing(memory: SharedArrayBuffer): number[] {
  const ring = new Ring(memory);
  const handles: number[] = [];
  for (let slot = ring.peek(); slot >= 0; slot = ring.peek()) {
    handles.push(ring.words[slot * SLOT_WORDS + HANDLE]!);
    ring.advance();
  }
  return handles;
}
