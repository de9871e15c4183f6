/**
 * What a worker has asked of the disk aide and waits for: cold reads by ticket, and flushes by ticket. A ticket is an
 * index into these tables; it travels with the job and comes back with the receipt. Both tables are bounded by the
 * aide lane's slots: with no ticket left, the read stays in its job ring until one comes back.
 */
import { assert } from '../base/assert.ts';

export class ReadTickets {
  readonly lane: Int32Array;
  readonly exchange: Int32Array;
  readonly entry: Int32Array;
  readonly partition: Int32Array;
  readonly fd: Int32Array;
  readonly length: Int32Array;
  readonly lease: Int32Array;
  readonly position: Float64Array;
  /** Of a read that waits for a stretch on its way, and has no region yet. */
  readonly offset: Float64Array;
  readonly bytesMax: Int32Array;
  readonly flags: Int32Array;
  private readonly freeTickets: Int32Array;
  private freeCount: number;

  constructor(count: number) {
    this.lane = new Int32Array(count);
    this.exchange = new Int32Array(count);
    this.entry = new Int32Array(count);
    this.partition = new Int32Array(count);
    this.fd = new Int32Array(count);
    this.length = new Int32Array(count);
    this.lease = new Int32Array(count);
    this.position = new Float64Array(count);
    this.offset = new Float64Array(count);
    this.bytesMax = new Int32Array(count);
    this.flags = new Int32Array(count);
    this.freeTickets = new Int32Array(count);
    for (let ticket = 0; ticket < count; ticket++) this.freeTickets[ticket] = count - 1 - ticket;
    this.freeCount = count;
  }

  get hasFree(): boolean {
    return this.freeCount > 0;
  }

  get outstanding(): number {
    return this.freeTickets.length - this.freeCount;
  }

  take(): number {
    assert(this.freeCount > 0, 'a read ticket is taken only when one is free');
    this.freeCount -= 1;
    return this.freeTickets[this.freeCount]!;
  }

  giveBack(ticket: number): void {
    assert(this.freeCount < this.freeTickets.length, 'a read ticket comes back once');
    this.freeTickets[this.freeCount] = ticket;
    this.freeCount += 1;
  }
}
