/**
 * The parts of all responses, as rows of numbers: a part is bytes of a block or a region of a file under a lease. Rows
 * are linked into queues by their index and reused; the table grows by doubling up to its maximum.
 */
import { assert } from '../base/assert.ts';

const BYTES = 1;
const REGION = 2;
const FREE = 0;
const NONE = -1;
const ROWS_START = 64;

export class PartPool {
  private readonly rowsMax: number;
  private kinds: Uint8Array;
  private next: Int32Array;
  private lengths: Int32Array;
  /** Block of bytes, or descriptor of a region. */
  private sources: Int32Array;
  private workers: Int32Array;
  private leases: Int32Array;
  private slots: Int32Array;
  /** `at` of bytes, or position of a region. */
  private positions: Float64Array;
  private freeHead = NONE;
  private usedRows = 0;
  private madeRows = 0;

  constructor(rowsMax: number) {
    assert(rowsMax > 0, 'there is at least one part');
    this.rowsMax = rowsMax;
    const rows = Math.min(ROWS_START, rowsMax);
    this.kinds = new Uint8Array(rows);
    this.next = new Int32Array(rows);
    this.lengths = new Int32Array(rows);
    this.sources = new Int32Array(rows);
    this.workers = new Int32Array(rows);
    this.leases = new Int32Array(rows);
    this.slots = new Int32Array(rows);
    this.positions = new Float64Array(rows);
  }

  get usedCount(): number {
    return this.usedRows;
  }

  get freeCount(): number {
    return this.rowsMax - this.usedRows;
  }

  takeBytes(block: number, at: number, length: number): number {
    const part = this.take(BYTES, length);
    this.sources[part] = block;
    this.positions[part] = at;
    return part;
  }

  takeRegion(fd: number, position: number, length: number, worker: number, lease: number, slot: number): number {
    const part = this.take(REGION, length);
    this.sources[part] = fd;
    this.positions[part] = position;
    this.workers[part] = worker;
    this.leases[part] = lease;
    this.slots[part] = slot;
    return part;
  }

  give(part: number): void {
    assert(this.kinds[part] !== FREE, 'a part is given back once');
    this.kinds[part] = FREE;
    this.next[part] = this.freeHead;
    this.freeHead = part;
    this.usedRows -= 1;
  }

  /** Shortens the part from its front; true when nothing of it is left. */
  advance(part: number, count: number): boolean {
    this.lengths[part] = this.lengths[part]! - count;
    this.positions[part] = this.positions[part]! + count;
    return this.lengths[part] === 0;
  }

  extend(part: number, length: number): void {
    assert(this.kinds[part] === BYTES, 'only bytes grow');
    this.lengths[part] = this.lengths[part]! + length;
  }

  /** The part's bytes end exactly at `at` of `block`. */
  endsAt(part: number, block: number, at: number): boolean {
    return (
      this.kinds[part] === BYTES && this.sources[part] === block && this.positions[part]! + this.lengths[part]! === at
    );
  }

  link(part: number, next: number): void {
    assert(this.next[part] === NONE, 'a queue has one end');
    this.next[part] = next;
  }

  isRegion(part: number): boolean {
    return this.kinds[part] === REGION;
  }

  nextOf(part: number): number {
    return this.next[part]!;
  }

  lengthOf(part: number): number {
    return this.lengths[part]!;
  }

  positionOf(part: number): number {
    return this.positions[part]!;
  }

  blockOf(part: number): number {
    return this.sources[part]!;
  }

  fdOf(part: number): number {
    return this.sources[part]!;
  }

  workerOf(part: number): number {
    return this.workers[part]!;
  }

  leaseOf(part: number): number {
    return this.leases[part]!;
  }

  slotOf(part: number): number {
    return this.slots[part]!;
  }

  private take(kind: number, length: number): number {
    assert(this.usedRows < this.rowsMax, 'whoever takes a part looked before');
    let part = this.freeHead;
    if (part === NONE) {
      if (this.madeRows === this.kinds.length) this.grow();
      part = this.madeRows;
      this.madeRows += 1;
    } else {
      this.freeHead = this.next[part]!;
    }
    this.usedRows += 1;
    this.kinds[part] = kind;
    this.next[part] = NONE;
    this.lengths[part] = length;
    return part;
  }

  private grow(): void {
    const rows = Math.min(this.kinds.length * 2, this.rowsMax);
    const kinds = new Uint8Array(rows);
    kinds.set(this.kinds);
    this.kinds = kinds;
    this.next = grown(this.next, rows);
    this.lengths = grown(this.lengths, rows);
    this.sources = grown(this.sources, rows);
    this.workers = grown(this.workers, rows);
    this.leases = grown(this.leases, rows);
    this.slots = grown(this.slots, rows);
    const positions = new Float64Array(rows);
    positions.set(this.positions);
    this.positions = positions;
  }
}

function grown(rows: Int32Array, count: number): Int32Array {
  const copy = new Int32Array(count);
  copy.set(rows);
  return copy;
}
