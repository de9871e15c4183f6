import { beforeEach, describe, expect, it } from 'vitest';
import { SeatClaims } from '../../src/net/seat-claims.ts';
import { NO_SEAT, type PacketSource, type SeatPlace, ThreadSeat } from '../../src/net/thread-seat.ts';
import { type Completions, DONE_RECEIVE, DONE_SEND } from '../../src/net/transport.ts';

const PROCESSORS = 4;

/** A machine whose processors are as busy as the test says, and packets that come in where it says. */
class FakeMachine implements SeatPlace, PacketSource {
  nowMs = 1_000_000;
  ranMs = 0;
  delayedMs = 0;
  bound = NO_SEAT;
  binds = 0;
  packetsAt = 1;
  /** Of the thread, and of others by processor: parts of the time. */
  load = 0.3;
  delay = 0;
  readonly others = new Float64Array(PROCESSORS);
  mayBind = true;

  private realRanMs = 0;
  private realDelayedMs = 0;
  private readonly idleMs = new Float64Array(PROCESSORS);

  pass(ms: number): void {
    this.nowMs += ms;
    this.realRanMs += ms * this.load;
    this.realDelayedMs += ms * this.delay;
    for (let processor = 0; processor < PROCESSORS; processor++) {
      const own = this.bound === processor ? this.load : 0;
      this.idleMs[processor]! += ms * Math.max(0, 1 - this.others[processor]! - own);
    }
  }

  look(): void {
    this.ranMs = this.realRanMs;
    this.delayedMs = this.realDelayedMs;
  }

  idleMsOf(processor: number): number {
    return this.idleMs[processor] ?? -1;
  }

  bind(processor: number): boolean {
    if (!this.mayBind) return false;
    this.bound = processor;
    this.binds += 1;
    return true;
  }

  unbind(): void {
    this.bound = NO_SEAT;
  }

  packetProcessorOf(): number {
    return this.packetsAt;
  }
}

const received: Completions = tableOf([DONE_SEND, DONE_RECEIVE]);
const onlySent: Completions = tableOf([DONE_SEND]);

function tableOf(kinds: readonly number[]): Completions {
  const { length } = kinds;
  return {
    count: length,
    kinds: Int32Array.from(kinds),
    sockets: new Int32Array(length),
    results: new Int32Array(length),
  };
}

describe('a seat', () => {
  let machine: FakeMachine;
  let claims: SharedArrayBuffer;
  let seat: ThreadSeat;

  beforeEach(() => {
    machine = new FakeMachine();
    claims = new SharedArrayBuffer(SeatClaims.bytesFor(2));
    seat = seatOf(machine, 0);
  });

  function seatOf(at: FakeMachine, front: number): ThreadSeat {
    return new ThreadSeat(at, at, new SeatClaims(claims, front), at.nowMs);
  }

  /** Wake-ups by a packet, so many a millisecond. */
  function serve(ms: number, each: (wake: number) => void = () => {}, perMs = 2): void {
    for (let wake = 0; wake < ms * perMs; wake++) {
      each(wake);
      machine.pass(1 / perMs);
      seat.woken(machine.nowMs, received);
    }
  }

  function sitDown(): void {
    serve(2000);
    expect(machine.bound).toBe(1);
  }

  it('is taken where the packets of a light load come in', () => {
    sitDown();
    expect(seat.processor).toBe(1);
    serve(5000);
    expect([machine.bound, machine.binds, seat.moves]).toEqual([1, 1, 1]);
  });

  it('follows the client within some dozen packets when the scheduler has moved it', () => {
    sitDown();
    machine.packetsAt = 3;
    serve(16);
    expect([machine.bound, seat.processor, seat.moves]).toEqual([3, 3, 2]);
  });

  it('is kept when single packets come from elsewhere', () => {
    sitDown();
    serve(3000, (wake) => {
      machine.packetsAt = wake % 64 < 6 ? 2 : 1;
    });
    expect([machine.bound, seat.moves]).toEqual([1, 1]);
  });

  it('is not taken before two windows have agreed', () => {
    serve(900);
    expect(machine.binds).toBe(0);
  });

  it.each<[string, () => void]>([
    ['the thread has much to do', () => (machine.load = 0.45)],
    ['others keep that processor busy', () => machine.others.fill(0.65)],
    ['the system refuses', () => (machine.mayBind = false)],
    ['the processor is not told of', () => (machine.packetsAt = PROCESSORS + 1)],
    ['nobody knows where packets come in', () => (machine.packetsAt = -1)],
    ['another front sits there', () => new SeatClaims(claims, 1).claim(1)],
  ])('is not taken when %s', (_, arrange) => {
    arrange();
    serve(5000);
    expect([machine.bound, seat.processor]).toEqual([NO_SEAT, NO_SEAT]);
  });

  it('is not taken when packets come in all over', () => {
    serve(5000, (wake) => {
      machine.packetsAt = (wake >> 2) % 2;
    });
    expect(machine.binds).toBe(0);
  });

  it('is not taken for a handful of requests, nor for answers that left', () => {
    serve(5000, () => {}, 0.1);
    for (let wake = 0; wake < 5000; wake++) {
      machine.pass(1);
      seat.woken(machine.nowMs, onlySent);
    }
    expect(machine.binds).toBe(0);
  });

  it.each<[string, number, () => void]>([
    ['there is much to do', 120, () => (machine.load = 0.6)],
    ['the thread waits for the processor', 120, () => (machine.delay = 0.3)],
    ['its wake-ups wait for it', 600, () => (machine.delay = 0.22)],
    ['the processor is busy', 1000, () => machine.others.fill(0.9)],
  ])('is given up when %s', (_, withinMs, arrange) => {
    sitDown();
    arrange();
    serve(withinMs);
    expect([machine.bound, seat.processor]).toEqual([NO_SEAT, NO_SEAT]);
    // Others may have it now.
    expect(new SeatClaims(claims, 1).claim(1)).toBe(true);
  });

  it('is given up when clients fall silent', () => {
    sitDown();
    machine.pass(300);
    seat.woken(machine.nowMs, tableOf([]));
    expect(machine.bound).toBe(NO_SEAT);
  });

  it('is given up when another front has the one to move to', () => {
    sitDown();
    new SeatClaims(claims, 1).claim(2);
    machine.packetsAt = 2;
    serve(16);
    expect(machine.bound).toBe(NO_SEAT);
  });

  it('is given up when packets come in all over', () => {
    sitDown();
    serve(1000, (wake) => {
      machine.packetsAt = (wake >> 4) % 2;
    });
    expect(machine.bound).toBe(NO_SEAT);
  });

  it('is given up for longer and longer when it was a bad one', () => {
    const pauses: number[] = [];
    for (let round = 0; round < 6; round++) {
      while (machine.bound === NO_SEAT) serve(50);
      machine.delay = 0.5;
      while (machine.bound !== NO_SEAT) serve(50);
      machine.delay = 0;
      const sinceMs = machine.nowMs;
      while (machine.bound === NO_SEAT) serve(50);
      pauses.push(Math.floor((machine.nowMs - sinceMs) / 1000));
    }
    expect(pauses).toEqual([5, 10, 20, 40, 60, 60]);
  });

  it('is taken again at once when a burst is over', () => {
    sitDown();
    machine.load = 0.6;
    serve(300);
    expect(machine.bound).toBe(NO_SEAT);
    machine.load = 0.3;
    serve(1500);
    expect(machine.bound).toBe(1);
  });

  it('is given back at the end, for good', () => {
    sitDown();
    seat.end();
    serve(5000);
    expect(machine.bound).toBe(NO_SEAT);
  });
});

describe('claims', () => {
  it('give a processor to one front at a time', () => {
    const memory = new SharedArrayBuffer(SeatClaims.bytesFor(3));
    const [first, second] = [new SeatClaims(memory, 0), new SeatClaims(memory, 2)];
    expect([first.claim(0), second.claim(0), second.claim(5), first.claim(5)]).toEqual([true, false, true, false]);
    second.drop();
    expect(first.claim(5)).toBe(true);
  });
});
