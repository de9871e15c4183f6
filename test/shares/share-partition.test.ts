/** The acquisition state machine: by example, and long random lives beside a plain model from one seed. */
import { describe, expect, it } from 'vitest';
import {
  type Acknowledgement,
  type AcquiredRange,
  type LogBatch,
  type ShareLimits,
  SharePartition,
  type StateBatch,
} from '../../src/shares/share-partition.ts';
import { Prng } from '../support/prng.ts';
import { RecordModel, type Row } from './record-model.ts';

const limits: ShareLimits = { deliveryCountMax: 5, lockMs: 30_000, locksMax: 2000 };
const batch = (first: number, last: number, isHidden = false): LogBatch => ({ first, last, isHidden });

function acquire(
  partition: SharePartition,
  batches: LogBatch[],
  wish: { memberId?: string; recordsMax?: number; isExact?: boolean; rangeRecords?: number; nowMs?: number } = {},
  bounds = limits,
): AcquiredRange[] {
  const { memberId = 'a', recordsMax = 500, isExact = false, rangeRecords = 500, nowMs = 0 } = wish;
  const fromOffset = partition.nextOffset;
  return partition.acquire({ memberId, batches, fromOffset, recordsMax, rangeRecords, isExact }, bounds, nowMs);
}

const accept = (firstOffset: number, lastOffset: number, type = 1): Acknowledgement => ({
  firstOffset,
  lastOffset,
  types: [type],
});

describe('a share partition', () => {
  it('hands out whole batches, once', () => {
    const partition = new SharePartition(0);
    const log = [batch(0, 9), batch(10, 19), batch(20, 29)];
    expect(acquire(partition, log, { recordsMax: 15 })).toEqual([{ firstOffset: 0, lastOffset: 19, deliveryCount: 1 }]);
    expect(partition.nextOffset).toBe(20);
    expect(acquire(partition, log, { memberId: 'b' })).toEqual([{ firstOffset: 20, lastOffset: 29, deliveryCount: 1 }]);
    expect(acquire(partition, log)).toEqual([]);
  });

  it('hands out an exact count when asked', () => {
    const partition = new SharePartition(0);
    expect(acquire(partition, [batch(0, 9)], { recordsMax: 3, isExact: true })).toEqual([
      { firstOffset: 0, lastOffset: 2, deliveryCount: 1 },
    ]);
    expect(partition.nextOffset).toBe(3);
  });

  it('cuts ranges where batches end once they have as many records as the member likes', () => {
    const log = [batch(0, 3), batch(4, 7), batch(8, 11)];
    expect(acquire(new SharePartition(0), log, { rangeRecords: 6 })).toEqual([
      { firstOffset: 0, lastOffset: 7, deliveryCount: 1 },
      { firstOffset: 8, lastOffset: 11, deliveryCount: 1 },
    ]);
  });

  it('moves its start over what is done with, and stores the rest', () => {
    const partition = new SharePartition(0);
    acquire(partition, [batch(0, 9)]);
    expect(partition.acknowledge('a', [accept(5, 6)], limits, 0)).toBeNull();
    expect(partition.takeChanges()).toEqual({
      startOffset: 0,
      deliveryCompleteCount: 2,
      stateBatches: [{ firstOffset: 5, lastOffset: 6, deliveryState: 2, deliveryCount: 1 }],
    });
    expect(partition.acknowledge('a', [accept(0, 4)], limits, 0)).toBeNull();
    expect(partition.takeChanges()).toEqual({ startOffset: 7, deliveryCompleteCount: 0, stateBatches: [] });
    expect(partition.takeChanges()).toBeNull();
  });

  it('delivers again what was released, one delivery later, and not what was rejected', () => {
    const partition = new SharePartition(0);
    acquire(partition, [batch(0, 9)]);
    partition.acknowledge('a', [{ firstOffset: 0, lastOffset: 2, types: [2, 3, 1] }], limits, 0);
    expect(acquire(partition, [batch(0, 9)], { memberId: 'b' })).toEqual([
      { firstOffset: 0, lastOffset: 0, deliveryCount: 2 },
    ]);
  });

  it('takes locks away when their time is over', () => {
    const partition = new SharePartition(0);
    for (let count = 1; count < 4; count++) {
      const ranges = acquire(partition, [batch(0, 9)], { nowMs: count * 30_000 });
      expect(ranges).toEqual([{ firstOffset: 0, lastOffset: 9, deliveryCount: count }]);
      expect(partition.nextDueMs).toBe((count + 1) * 30_000);
      partition.expire(limits, (count + 1) * 30_000 - 1);
      expect(partition.nextOffset).toBe(10);
      partition.expire(limits, (count + 1) * 30_000);
      expect(partition.nextOffset).toBe(0);
    }
  });

  it('delivers a record that fails again and again with fewer neighbours, at last alone, and then no more', () => {
    const partition = new SharePartition(0);
    const fail = (): AcquiredRange[] => {
      const ranges = acquire(partition, [batch(0, 9)]);
      partition.release('a', limits);
      return ranges;
    };
    for (let count = 1; count < 4; count++) fail();
    expect(fail()).toEqual([{ firstOffset: 0, lastOffset: 4, deliveryCount: 4 }]);
    for (let offset = 0; offset < 5; offset++) {
      expect(fail()).toEqual([{ firstOffset: offset, lastOffset: offset, deliveryCount: 5 }]);
      expect(partition.startOffset).toBe(offset + 1);
    }
    expect(fail()).toEqual([{ firstOffset: 5, lastOffset: 6, deliveryCount: 4 }]);
  });

  it('renews a lock', () => {
    const partition = new SharePartition(0);
    acquire(partition, [batch(0, 9)]);
    expect(partition.acknowledge('a', [accept(0, 9, 4)], limits, 20_000)).toBeNull();
    partition.expire(limits, 30_000);
    expect(partition.nextDueMs).toBe(50_000);
    expect(partition.takeChanges()).toBeNull();
  });

  it('refuses all of a request when one part of it is wrong', () => {
    const partition = new SharePartition(0);
    expect(partition.acknowledge('a', [accept(0, 0)], limits, 0)).toBe('not-found');
    acquire(partition, [batch(0, 9)]);
    expect(partition.acknowledge('b', [accept(0, 9)], limits, 0)).toBe('not-owner');
    expect(partition.acknowledge('a', [accept(0, 3), accept(5, 10)], limits, 0)).toBe('beyond-acquired');
    expect(partition.acknowledge('a', [accept(10, 11)], limits, 0)).toBe('before-acquired');
    expect(partition.takeChanges()).toBeNull();
    expect(partition.acknowledge('a', [accept(3, 3)], limits, 0)).toBeNull();
    expect(partition.acknowledge('a', [accept(3, 3)], limits, 0)).toBe('not-acquired');
  });

  it('passes over markers, aborted records and what compaction took', () => {
    const partition = new SharePartition(0);
    expect(acquire(partition, [batch(3, 5), batch(6, 6, true), batch(9, 9)])).toEqual([
      { firstOffset: 3, lastOffset: 5, deliveryCount: 1 },
      { firstOffset: 9, lastOffset: 9, deliveryCount: 1 },
    ]);
    partition.acknowledge('a', [accept(3, 5)], limits, 0);
    expect(partition.startOffset).toBe(9);
  });

  it('stops at the number of locks, and still hands out what lies free before that', () => {
    const few = { ...limits, locksMax: 10 };
    const partition = new SharePartition(0);
    acquire(partition, [batch(0, 9)], {}, few);
    expect(partition.canAcquire(10)).toBe(false);
    partition.acknowledge('a', [accept(4, 5, 2)], few, 0);
    expect(partition.canAcquire(10)).toBe(true);
    expect(acquire(partition, [batch(0, 9), batch(10, 19)], {}, few)).toEqual([
      { firstOffset: 4, lastOffset: 5, deliveryCount: 2 },
    ]);
  });

  it('follows a log that begins later', () => {
    const partition = new SharePartition(0);
    acquire(partition, [batch(0, 9)]);
    partition.moveStart(5);
    expect(partition.acknowledge('a', [accept(0, 9)], limits, 0)).toBeNull();
    expect(partition.startOffset).toBe(10);
    partition.moveStart(100);
    expect([partition.startOffset, partition.nextOffset, partition.endOffset]).toEqual([100, 100, 99]);
  });
});

// ── beside the model ────────────────────────────────────────────────────────────────────────────────────────────────

const SEED = Number(process.env['PERFBROKER_SEED'] ?? 20_932);
const LIVES = 30;
const STEPS = 200;
const names = { 0: 'available', 1: 'acquired', 2: 'acknowledged', 4: 'archived' } as const;

class Life {
  readonly random: Prng;
  readonly log: LogBatch[] = [];
  readonly limits: ShareLimits;
  partition: SharePartition;
  readonly model: RecordModel;
  nowMs = 0;
  private logEnd: number;
  /** By offset, as the stored batches left it. */
  private stored = new Map<number, Row>();

  constructor(seed: number) {
    this.random = new Prng(seed);
    this.limits = {
      deliveryCountMax: 2 + this.random.nextInt(4),
      lockMs: 100,
      locksMax: 20 + this.random.nextInt(100),
    };
    this.logEnd = this.random.nextInt(50);
    this.partition = new SharePartition(this.logEnd);
    this.model = new RecordModel(this.logEnd);
  }

  step(): void {
    this.nowMs += this.random.nextInt(12);
    const dice = this.random.nextInt(100);
    if (dice < 25) this.produce();
    else if (dice < 60) this.fetch();
    else if (dice < 85) this.acknowledge();
    else if (dice < 92) this.expire();
    else if (dice < 96) this.leave();
    else if (dice < 98) this.trim();
    else this.restart();
    this.store();
    this.compare();
  }

  private produce(): void {
    const first = this.logEnd + (this.random.nextBoolean(0.1) ? this.random.nextInt(5) : 0);
    const last = first + this.random.nextInt(8);
    this.log.push({ first, last, isHidden: this.random.nextBoolean(0.1) });
    this.logEnd = last + 1;
  }

  private fetch(): void {
    const fromOffset = this.partition.nextOffset;
    const from = this.log.findIndex((one) => one.last >= fromOffset);
    const wish = {
      memberId: this.member(),
      batches: from < 0 ? [] : this.log.slice(from, from + 1 + this.random.nextInt(6)),
      fromOffset,
      recordsMax: 1 + this.random.nextInt(30),
      rangeRecords: 1 + this.random.nextInt(30),
      isExact: this.random.nextBoolean(),
    };
    const ranges = this.partition.acquire(wish, this.limits, this.nowMs);
    const flat = ranges.flatMap(({ firstOffset, lastOffset, deliveryCount }) =>
      Array.from({ length: lastOffset - firstOffset + 1 }, (_, index) => ({
        offset: firstOffset + index,
        count: deliveryCount,
      })),
    );
    expect(flat).toEqual(this.model.acquire(wish, this.limits, this.nowMs));
  }

  private acknowledge(): void {
    const { start, end } = this.model;
    const firstOffset = Math.max(0, start - 2 + this.random.nextInt(end - start + 5));
    const lastOffset = firstOffset + this.random.nextInt(6);
    const isEach = this.random.nextBoolean();
    const types = Array.from({ length: isEach ? lastOffset - firstOffset + 1 : 1 }, () => this.random.nextInt(5));
    const acknowledgement = { firstOffset, lastOffset, types };
    const memberId = this.member();
    const isGood = this.model.canAcknowledge(memberId, acknowledgement);
    const problem = this.partition.acknowledge(memberId, [acknowledgement], this.limits, this.nowMs);
    expect(problem === null, `${problem}`).toBe(isGood);
    if (isGood) this.model.acknowledge(acknowledgement, this.limits, this.nowMs);
  }

  private expire(): void {
    this.partition.expire(this.limits, this.nowMs);
    this.model.giveBackWhere((row) => row.dueMs <= this.nowMs, this.limits);
  }

  private leave(): void {
    const memberId = this.member();
    this.partition.release(memberId, this.limits);
    this.model.giveBackWhere((row) => row.memberId === memberId, this.limits);
  }

  private trim(): void {
    const logStart = Math.min(this.logEnd, this.model.start + this.random.nextInt(10));
    this.partition.moveStart(logStart);
    this.model.moveStart(logStart);
  }

  private restart(): void {
    const batches: StateBatch[] = [...this.stored]
      .filter(([offset]) => offset >= this.model.start)
      .sort(([a], [b]) => a - b)
      .map(([offset, row]) => ({
        firstOffset: offset,
        lastOffset: offset,
        deliveryState: { available: 0, acquired: 1, acknowledged: 2, archived: 4 }[row.state],
        deliveryCount: row.count,
      }));
    this.partition = new SharePartition(this.model.start, batches);
    this.model.forgetUnstored(this.stored);
  }

  private store(): void {
    const changes = this.partition.takeChanges();
    if (changes === null) return;
    expect(changes.startOffset).toBe(this.model.start);
    for (const { firstOffset, lastOffset, deliveryState, deliveryCount } of changes.stateBatches) {
      const state = names[deliveryState as keyof typeof names];
      expect(state).not.toBe('acquired');
      for (let offset = firstOffset; offset <= lastOffset; offset++) {
        this.stored.set(offset, { state, count: deliveryCount, memberId: '', dueMs: 0 });
      }
    }
    const done = [...this.model.rows.values()].filter(({ state }) => state === 'acknowledged' || state === 'archived');
    expect(changes.deliveryCompleteCount).toBe(done.length);
  }

  private compare(): void {
    const { partition, model } = this;
    expect([partition.startOffset, partition.endOffset, partition.nextOffset]).toEqual([
      model.start,
      model.end,
      model.nextOffset,
    ]);
    const rows = partition.runs.flatMap(({ first, last, state, deliveryCount, memberId, dueMs }) =>
      Array.from({ length: last - first + 1 }, (_, index) => [
        first + index,
        { state: names[state], count: deliveryCount, memberId, dueMs: state === 1 ? dueMs : 0 },
      ]),
    );
    expect(rows).toEqual([...model.rows].sort(([a], [b]) => a - b));
    const dues = [...model.rows.values()].flatMap((row) => (row.state === 'acquired' ? [row.dueMs] : []));
    expect(partition.nextDueMs).toBe(Math.min(Number.POSITIVE_INFINITY, ...dues));
  }

  private member(): string {
    return ['a', 'b', 'c'][this.random.nextInt(3)]!;
  }
}

it(`a share partition lives as its model does (seed ${SEED})`, () => {
  for (let index = 0; index < LIVES; index++) {
    const life = new Life(SEED + index);
    for (let step = 0; step < STEPS; step++) {
      try {
        life.step();
      } catch (error) {
        throw new Error(`seed ${SEED + index}, step ${step}`, { cause: error });
      }
    }
  }
});
