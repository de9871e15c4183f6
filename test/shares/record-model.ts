/**
 * A share partition said plainly: one row for every offset that was handed out. The oracle of the model test; slow, and
 * so short that one can see that it is right.
 */
import type { Acknowledgement, AcquireWish, ShareLimits } from '../../src/shares/share-partition.ts';

export interface Row {
  state: 'available' | 'acquired' | 'acknowledged' | 'archived';
  count: number;
  memberId: string;
  dueMs: number;
}

export class RecordModel {
  readonly rows = new Map<number, Row>();
  start: number;
  end: number;

  constructor(start: number) {
    this.start = start;
    this.end = start - 1;
  }

  get nextOffset(): number {
    let offset = this.start;
    while (offset <= this.end && !this.isFree(offset)) offset++;
    return offset;
  }

  acquire(wish: AcquireWish, limits: ShareLimits, nowMs: number): { offset: number; count: number }[] {
    const given: { offset: number; count: number }[] = [];
    const room = limits.locksMax - (this.end - this.start + 1);
    const limit = room <= 0 ? wish.recordsMax : Math.min(wish.recordsMax, room);
    const lastOffset = room <= 0 ? this.end : Number.POSITIVE_INFINITY;
    let cursor = Math.max(wish.fromOffset, this.start);
    let isOver = false;
    let apartLeft = 0;
    let isApart = false;
    for (const batch of wish.batches) {
      if (batch.last < cursor || isOver || given.length >= limit) continue;
      for (; cursor < batch.first; cursor++) this.hide(cursor);
      if (cursor > lastOffset) break;
      for (; cursor <= batch.last; cursor++) {
        if (batch.isHidden) this.hide(cursor);
        else if (cursor <= lastOffset && !isOver && this.isFree(cursor)) {
          const count = (this.rows.get(cursor)?.count ?? 0) + 1;
          apartLeft = apartLeft > 0 ? apartLeft : this.together(cursor, Math.min(batch.last, lastOffset), limits);
          if (apartLeft > 0 && given.length > 0 && !isApart) {
            isOver = true;
            continue;
          }
          isApart = apartLeft > 0;
          this.put(cursor, { state: 'acquired', count, memberId: wish.memberId, dueMs: nowMs + limits.lockMs });
          given.push({ offset: cursor, count });
          apartLeft -= 1;
          isOver = (isApart && apartLeft === 0) || (wish.isExact && given.length >= limit);
        }
      }
    }
    this.advance();
    return given;
  }

  /** How many records from here on are delivered without others; 0: this is no such record. */
  private together(offset: number, last: number, { deliveryCountMax }: ShareLimits): number {
    const before = this.rows.get(offset)?.count ?? 0;
    const freely = Math.max(2, Math.ceil(deliveryCountMax / 2));
    if (before === 0 || before < freely) return 0;
    if (before + 1 >= deliveryCountMax) return 1;
    let alike = 0;
    while (offset + alike <= last && this.isFree(offset + alike) && this.rows.get(offset + alike)?.count === before) {
      alike++;
    }
    return Math.max(1, Math.floor(alike / 2 ** (before - freely + 1)));
  }

  canAcknowledge(memberId: string, { firstOffset, lastOffset }: Acknowledgement): boolean {
    for (let offset = Math.max(firstOffset, this.start); offset <= lastOffset; offset++) {
      const row = this.rows.get(offset);
      if (row?.state !== 'acquired' || row.memberId !== memberId) return false;
    }
    return true;
  }

  acknowledge({ firstOffset, lastOffset, types }: Acknowledgement, limits: ShareLimits, nowMs: number): void {
    for (let offset = firstOffset; offset <= lastOffset; offset++) {
      const row = this.rows.get(offset);
      if (row === undefined || offset < this.start) continue;
      const type = types.length === 1 ? types[0] : types[offset - firstOffset];
      if (type === 4) row.dueMs = nowMs + limits.lockMs;
      else if (type === 2) this.giveBack(row, limits);
      else this.finish(row, type === 1 ? 'acknowledged' : 'archived');
    }
    this.advance();
  }

  giveBackWhere(wanted: (row: Row) => boolean, limits: ShareLimits): void {
    for (const row of this.rows.values()) if (row.state === 'acquired' && wanted(row)) this.giveBack(row, limits);
    this.advance();
  }

  moveStart(logStart: number): void {
    for (; this.start < logStart; this.start++) this.rows.delete(this.start);
    this.end = Math.max(this.end, this.start - 1);
    this.advance();
  }

  /** The broker went away: what was held, and what was hidden without being stored, is as if it was never handed out. */
  forgetUnstored(stored: ReadonlyMap<number, Row>): void {
    this.rows.clear();
    this.end = this.start - 1;
    for (const [offset, row] of stored) {
      if (offset < this.start) continue;
      this.rows.set(offset, { ...row });
      this.end = Math.max(this.end, offset);
    }
    this.advance();
  }

  private isFree(offset: number): boolean {
    const row = this.rows.get(offset);
    return row === undefined || row.state === 'available';
  }

  private put(offset: number, row: Row): void {
    this.rows.set(offset, row);
    this.end = Math.max(this.end, offset);
  }

  private hide(offset: number): void {
    const count = this.rows.get(offset)?.count ?? 0;
    if (this.isFree(offset)) this.put(offset, { state: 'archived', count, memberId: '', dueMs: 0 });
  }

  private giveBack(row: Row, limits: ShareLimits): void {
    this.finish(row, row.count >= limits.deliveryCountMax ? 'archived' : 'available');
  }

  private finish(row: Row, state: Row['state']): void {
    Object.assign(row, { state, memberId: '', dueMs: 0 });
  }

  private advance(): void {
    for (;;) {
      const row = this.rows.get(this.start);
      if (row?.state !== 'acknowledged' && row?.state !== 'archived') break;
      this.rows.delete(this.start);
      this.start++;
    }
    this.end = Math.max(this.end, this.start - 1);
  }
}
