/**
 * Lets a front's thread sit where its packets come in, while there is little to do. A client and a broker on one processor
 * hand over without interrupting each other's processor, which on a virtual machine costs more than the work of a small
 * request (`docs/performance.md`). The scheduler cannot be relied on for it: it wakes a thread where it finds a processor idle.
 *
 *            two windows: packets come in runs at one processor, which has time for us,
 *            we have little to do, no other front sits there
 *    free ───────────────────────────────────────────────────────────────────────▶ seated ─┐ packets in a row that came
 *     ▲                                                                              │  ▲   │ in elsewhere: move there
 *     └──── a pause ◀── much to do, long waits for the processor, no packets, ◀──────┘  └───┘
 *                       packets from all over, somebody else bound the thread
 *
 * Called by the front's thread after each sleep in the kernel. What it may ask of the machine comes as a `SeatPlace`, so
 * that tests move its clock and its packets by hand. A client moves, too (the scheduler takes it elsewhere every now and
 * then), so that a seat is left for another within some milliseconds: followed at a tenth of a second it is worth half.
 */
import type { SeatClaims } from './seat-claims.ts';
import { type Completions, DONE_RECEIVE } from './transport.ts';

/** What `zerocopy/thread-place` knows. */
export interface SeatPlace {
  readonly ranMs: number;
  readonly delayedMs: number;
  /** Brings both of them up to date. */
  look(): void;
  idleMsOf(processor: number): number;
  bind(processor: number): boolean;
  unbind(): void;
}

export interface PacketSource {
  /** Where the last packet of a socket came in; negative: unknown. */
  packetProcessorOf(socket: number): number;
}

export const NO_SEAT = -1;
const WINDOW_MS = 250;
/** While seated it is looked more often whether there is too much to do. */
const LOOK_MS = 50;
/** One wake-up of so many is looked at. */
const WAKES_PER_SAMPLE = 4;
/** So many looks in a row at packets from one other processor: the client has moved. */
const MOVE_STREAK = 4;
const SAMPLES_MIN = 16;
/** Fewer wake-ups cost so little that there is nothing to gain. */
const WAKES_PER_MS_MIN = 0.25;
/**
 * Parts of the packets that came in elsewhere than the one before: to sit down, to stay. A client that the scheduler moves to
 * and fro sends hundreds in a row from one place; several clients, or a card with several queues, do not.
 */
const SWITCHED_MAX = 0.1;
const STAY_SWITCHED_MAX = 0.2;
/** Parts of a processor that this thread uses: to sit down, to get up. */
const LOAD_MAX = 0.4;
const STAY_LOAD_MAX = 0.5;
/** Parts of its time that the processor is busy, this thread included: to sit down, to get up. */
const BUSY_MAX = 0.9;
const STAY_BUSY_MAX = 0.93;
/** Ready to run and waiting for the processor: a part of the time, and for each wake-up. */
const DELAY_MAX = 0.25;
const DELAY_PER_WAKE_MS_MAX = 0.1;
/** A move costs some ten microseconds. */
const MOVES_PER_WINDOW_MAX = 40;
/** After an end that is nobody's fault, and after one that shows that the seat was a bad one. */
const PAUSE_MS = 500;
const BAD_PAUSE_MS_MIN = 5000;
const BAD_PAUSE_MS_MAX = 60_000;
/** Seated for so long, it was a good one. */
const GOOD_MS = 60_000;

export class ThreadSeat {
  /** The processor it sits on, or NO_SEAT. */
  processor = NO_SEAT;
  moves = 0;

  private readonly place: SeatPlace;
  private readonly packets: PacketSource;
  private readonly claims: SeatClaims;
  private pausedUntilMs: number;
  private badPauseMs = BAD_PAUSE_MS_MIN;
  private seatedMs = 0;

  // ── of the window ──
  private windowMs: number;
  private wakes = 0;
  private samples = 0;
  private switches = 0;
  private lastProcessor = NO_SEAT;
  /** Where to sit, if at all: how busy it is was looked at when the window began. */
  private candidate = NO_SEAT;
  private ranMs = 0;
  private delayedMs = 0;
  /** Negative: not looked at in this window. */
  private idleMs = -1;
  private windowMoves = 0;
  private isPromising = false;

  private nextLookMs: number;
  private lookMs: number;
  private lookRanMs = 0;
  private lookDelayedMs = 0;
  private streak = 0;

  constructor(place: SeatPlace, packets: PacketSource, claims: SeatClaims, nowMs: number) {
    this.place = place;
    this.packets = packets;
    this.claims = claims;
    this.pausedUntilMs = nowMs + PAUSE_MS;
    this.windowMs = this.nextLookMs = this.lookMs = nowMs;
  }

  /** The thread slept until now; what woke it lies in the table. */
  woken(nowMs: number, completions: Completions): void {
    if (nowMs < this.pausedUntilMs) return;
    if (this.pausedUntilMs > 0) {
      this.pausedUntilMs = 0;
      this.place.look();
      this.openWindow(nowMs);
    }
    this.sample(nowMs, completions);
    if (nowMs < this.nextLookMs) return;
    if (this.processor === NO_SEAT) this.consider(nowMs);
    else this.inspect(nowMs);
  }

  /** The thread's own again; it is about to do something else. */
  end(): void {
    this.leave(Number.POSITIVE_INFINITY);
  }

  // ── packets ───────────────────────────────────────────────────────────────────────────────────────────────────────

  private sample(nowMs: number, { count, kinds, sockets }: Completions): void {
    let index = 0;
    while (index < count && kinds[index] !== DONE_RECEIVE) index++;
    if (index === count) return;
    this.wakes += 1;
    if (this.wakes % WAKES_PER_SAMPLE !== 0) return;
    const processor = this.packets.packetProcessorOf(sockets[index]!);
    if (processor < 0) return;
    this.samples += 1;
    if (processor !== this.lastProcessor) {
      this.switches += 1;
      this.streak = 0;
    }
    this.lastProcessor = processor;
    this.streak += 1;
    if (this.processor !== NO_SEAT && this.processor !== processor && this.streak >= MOVE_STREAK)
      this.follow(nowMs, processor);
  }

  private follow(nowMs: number, processor: number): void {
    this.windowMoves += 1;
    if (this.windowMoves > MOVES_PER_WINDOW_MAX) this.leaveBadly(nowMs);
    else if (!this.take(processor)) this.leave(nowMs + PAUSE_MS);
  }

  /** Without it nothing has changed but the claim. */
  private take(processor: number): boolean {
    if (!this.claims.claim(processor)) return false;
    if (!this.place.bind(processor)) return false;
    this.processor = processor;
    this.moves += 1;
    // Busy is what the processor was in a whole window.
    this.idleMs = -1;
    return true;
  }

  // ── looks ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** The end of a window without a seat. */
  private consider(nowMs: number): void {
    const { place, candidate, idleMs, lastProcessor } = this;
    place.look();
    const spanMs = nowMs - this.windowMs;
    const isLight = (place.ranMs - this.ranMs) / spanMs < LOAD_MAX;
    if (!isLight || !this.isRegular(spanMs, SWITCHED_MAX)) {
      this.isPromising = false;
      if (isLight) this.openWindow(nowMs);
      else this.pausedUntilMs = nowMs + PAUSE_MS;
      return;
    }
    const wasPromising = this.isPromising && idleMs >= 0;
    const ownMs = place.ranMs - this.ranMs;
    this.openWindow(nowMs);
    this.isPromising = true;
    // Our own work comes to that of the processor, unless it was done there, which nobody tells.
    const busy = wasPromising ? 1 - (place.idleMsOf(candidate) - idleMs - ownMs) / spanMs : 1;
    if (busy > BUSY_MAX) {
      this.candidate = lastProcessor;
      this.idleMs = place.idleMsOf(lastProcessor);
      return;
    }
    this.isPromising = false;
    this.seatedMs = nowMs;
    if (this.take(candidate)) this.nextLookMs = nowMs + LOOK_MS;
    else this.leave(nowMs + PAUSE_MS);
  }

  private inspect(nowMs: number): void {
    const { place } = this;
    place.look();
    const lookMs = nowMs - this.lookMs;
    const load = (place.ranMs - this.lookRanMs) / lookMs;
    const delay = (place.delayedMs - this.lookDelayedMs) / lookMs;
    this.lookMs = nowMs;
    this.nextLookMs = nowMs + LOOK_MS;
    this.lookRanMs = place.ranMs;
    this.lookDelayedMs = place.delayedMs;
    if (load > STAY_LOAD_MAX) this.leave(nowMs + PAUSE_MS);
    else if (delay > DELAY_MAX) this.leaveBadly(nowMs);
    else if (nowMs - this.windowMs >= WINDOW_MS) this.review(nowMs);
  }

  /** The end of a window on a seat. */
  private review(nowMs: number): void {
    const { place, processor } = this;
    const spanMs = nowMs - this.windowMs;
    const idleMs = place.idleMsOf(processor);
    const busy = this.idleMs < 0 ? 0 : 1 - (idleMs - this.idleMs) / spanMs;
    const delayMs = place.delayedMs - this.delayedMs;
    const isSlow = delayMs > this.wakes * DELAY_PER_WAKE_MS_MAX;
    if (!this.isRegular(spanMs, STAY_SWITCHED_MAX)) this.leave(nowMs + PAUSE_MS);
    else if (isSlow || busy > STAY_BUSY_MAX) this.leaveBadly(nowMs);
    else {
      if (nowMs - this.seatedMs > GOOD_MS) this.badPauseMs = BAD_PAUSE_MS_MIN;
      this.openWindow(nowMs);
      this.idleMs = idleMs;
      this.nextLookMs = nowMs + LOOK_MS;
    }
  }

  private isRegular(spanMs: number, switchedMax: number): boolean {
    if (this.samples < SAMPLES_MIN || this.wakes < WAKES_PER_MS_MIN * spanMs) return false;
    return this.switches <= switchedMax * this.samples;
  }

  private leaveBadly(nowMs: number): void {
    const pauseMs = this.badPauseMs;
    this.badPauseMs = Math.min(BAD_PAUSE_MS_MAX, 2 * pauseMs);
    this.leave(nowMs + pauseMs);
  }

  private leave(pausedUntilMs: number): void {
    if (this.processor !== NO_SEAT) this.place.unbind();
    this.claims.drop();
    this.processor = NO_SEAT;
    this.isPromising = false;
    this.pausedUntilMs = pausedUntilMs;
  }

  /** `place` was looked at just now. */
  private openWindow(nowMs: number): void {
    this.windowMs = this.lookMs = nowMs;
    this.nextLookMs = nowMs + WINDOW_MS;
    this.wakes = this.samples = this.switches = this.windowMoves = 0;
    this.candidate = NO_SEAT;
    this.ranMs = this.lookRanMs = this.place.ranMs;
    this.delayedMs = this.lookDelayedMs = this.place.delayedMs;
    this.idleMs = -1;
  }
}
