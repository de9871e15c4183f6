/**
 * A log against an array: random appends, reads, cuts, rolls, flushes, clean stops, kills and power cuts (also in the
 * middle of any operation of the disk), with small segments so that every path is taken often. After each crash the log
 * must be the beginning of what the array has, with everything in it that was promised.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { batchBytes } from '../../src/protocol/batch.ts';
import type { Log } from '../../src/storage/log.ts';
import type { LogSettings } from '../../src/storage/log-settings.ts';
import type { StorageTools } from '../../src/storage/storage-tools.ts';
import { READ_FLAG_FIRST_BATCH_WHOLE } from '../../src/zerocopy/layout.ts';
import { FakeCrash, FakeDisk } from '../support/fake-disk.ts';
import { batch, makeTools, NOW_MS, open, queue, readBytes, SMALL } from './storage-kit.ts';

interface Written {
  readonly base: number;
  readonly last: number;
  readonly bytes: number;
  readonly timestamp: number;
}

type Step =
  | {
      readonly kind: 'append';
      readonly batches: readonly {
        readonly count: number;
        readonly valueBytes: number;
        readonly isIdempotent: boolean;
      }[];
    }
  | { readonly kind: 'read'; readonly at: number; readonly bytesMax: number }
  | { readonly kind: 'find'; readonly at: number }
  | { readonly kind: 'truncate' | 'start' | 'retain'; readonly at: number }
  | { readonly kind: 'sync' | 'roll' | 'checkpoint' | 'stop' | 'repeat' }
  | { readonly kind: 'crash'; readonly how: 'kill' | 'power'; readonly inOperation: number };

const fraction = fc.integer({ min: 0, max: 1000 }).map((value) => value / 1000);
const oneBatch = fc.record({
  count: fc.integer({ min: 1, max: 5 }),
  valueBytes: fc.integer({ min: 0, max: 150 }),
  isIdempotent: fc.boolean(),
});
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('append' as const),
      batches: fc.array(oneBatch, { minLength: 1, maxLength: 6 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('read' as const),
      at: fraction,
      bytesMax: fc.integer({ min: 1, max: 3000 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('find' as const), at: fraction }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constantFrom('truncate' as const, 'start' as const, 'retain' as const),
      at: fraction,
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constantFrom(
        'sync' as const,
        'roll' as const,
        'checkpoint' as const,
        'stop' as const,
        'repeat' as const,
      ),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('crash' as const),
      how: fc.constantFrom('kill' as const, 'power' as const),
      inOperation: fc.integer({ min: 0, max: 8 }),
    }),
  },
);

class Model {
  readonly disk: FakeDisk;
  tools: StorageTools;
  log: Log;
  written: Written[] = [];
  start = 0;
  epoch = 0;
  clock = 0;
  sequence = 0;
  lastIdempotent: { bytes: Uint8Array; base: number } | null = null;
  /** What the checkpoint files would say. */
  recoveryPoint = 0;
  writtenOffset = -1;
  savedStart = 0;
  private readonly settings: LogSettings;

  constructor(seed: number, settings: LogSettings) {
    this.settings = settings;
    this.disk = new FakeDisk({ seed });
    this.disk.faults.shortWrite = 0.05;
    this.tools = makeTools(this.disk, 4).tools;
    this.log = open(this.tools, { settings });
    this.disk.syncFolder('data');
    this.disk.syncFolder('.');
  }

  get end(): number {
    return (this.written.at(-1)?.last ?? this.cutEnd - 1) + 1;
  }

  cutEnd = 0;

  run(step: Step): void {
    if (step.kind === 'append') this.append(step.batches);
    else if (step.kind === 'read') this.read(step.at, step.bytesMax);
    else if (step.kind === 'find') this.find(step.at);
    else if (step.kind === 'truncate') this.truncate(step.at);
    else if (step.kind === 'start') this.moveStart(Math.floor(step.at * this.log.watermarks.high));
    else if (step.kind === 'retain') this.retain(step.at);
    else if (step.kind === 'crash') this.crash(step.how, step.inOperation);
    else this.runPlain(step.kind);
  }

  private runPlain(kind: 'sync' | 'roll' | 'checkpoint' | 'stop' | 'repeat'): void {
    if (kind === 'sync') this.sync();
    else if (kind === 'roll') expect(this.log.roll(this.now())).toBe(true);
    else if (kind === 'checkpoint') this.checkpoint();
    else if (kind === 'stop') this.stop();
    else this.repeat();
  }

  private checkpoint(): void {
    this.recoveryPoint = this.log.recoveryPoint;
    this.writtenOffset = this.log.watermarks.end;
    this.savedStart = this.start;
  }

  private now(): number {
    this.clock += 1;
    return NOW_MS + this.clock;
  }

  private append(batches: readonly { count: number; valueBytes: number; isIdempotent: boolean }[]): void {
    const queued: Written[] = [];
    let end = this.end;
    for (const { count, valueBytes, isIdempotent } of batches) {
      const timestamp = this.now();
      const producer = isIdempotent ? { producerId: 5, producerEpoch: 0, baseSequence: this.sequence } : {};
      const bytes = batch({ timestamps: new Array<number>(count).fill(timestamp), valueBytes, ...producer });
      expect(queue(this.log, bytes, 0, timestamp)).toBe(0);
      expect(this.log.appended.baseOffset).toBe(end);
      if (isIdempotent) {
        this.sequence += count;
        this.lastIdempotent = { bytes, base: end };
      }
      queued.push({ base: end, last: end + count - 1, bytes: bytes.length, timestamp });
      end += count;
    }
    // What lies in the file counts from here on: a crash in the write may keep or lose it.
    this.written.push(...queued);
    expect(this.log.flushWrites()).toBeGreaterThanOrEqual(0);
    expect(this.log.watermarks.end).toBe(end);
  }

  /** A producer that lost the answer sends its last batch again. */
  private repeat(): void {
    if (this.lastIdempotent === null) return;
    expect(queue(this.log, this.lastIdempotent.bytes.slice(), 0, this.now())).toBe(0);
    expect(this.log.appended).toMatchObject({ isDuplicate: true, baseOffset: this.lastIdempotent.base });
  }

  private read(at: number, bytesMax: number): void {
    const { start, high } = this.log.watermarks;
    const offset = Math.floor(start + at * (high - start));
    const found = readBytes(this.tools, this.log, offset, bytesMax, READ_FLAG_FIRST_BATCH_WHOLE);
    const expected = this.written.filter((entry) => entry.last >= offset && entry.last < high);
    if (expected.length === 0) {
      expect(found.length).toBe(0);
      return;
    }
    const view = new DataView(found.buffer, found.byteOffset, found.length);
    let at2 = 0;
    let index = 0;
    while (at2 < found.length) {
      const length = batchBytes(view, at2);
      expect(length).toBe(expected[index]?.bytes);
      at2 += length;
      index += 1;
    }
    expect(index).toBeGreaterThan(0);
    expect(index === 1 || found.length <= bytesMax).toBe(true);
  }

  private find(at: number): void {
    const { start, high } = this.log.watermarks;
    const timestamp = NOW_MS + Math.floor(at * this.clock);
    const expected = this.written.find((entry) => entry.timestamp >= timestamp && entry.last >= start);
    const offset = expected === undefined ? -1 : Math.max(expected.base, start);
    expect(this.log.findByTimestamp(timestamp, 0).offset).toBe(offset >= high ? -1 : offset);
  }

  private truncate(at: number): void {
    const { start } = this.log.watermarks;
    const offset = Math.floor(start + at * (this.end - start));
    this.log.truncateTo(offset, this.now());
    const holder = this.written.find((entry) => entry.last >= offset);
    const end = Math.min(offset, holder?.base ?? offset);
    this.cutTo(Math.max(end, start));
    expect(this.log.watermarks.end).toBe(this.end);
    this.forgetProducer();
  }

  private forgetProducer(): void {
    this.lastIdempotent = null;
    this.sequence = 0;
    this.log.expireProducers(Number.POSITIVE_INFINITY);
  }

  private cutTo(end: number): void {
    this.written = this.written.filter((entry) => entry.last < end);
    this.cutEnd = end;
    if (this.end !== end) this.written.push({ base: end, last: end - 1, bytes: 0, timestamp: -1 });
    this.start = Math.min(this.start, end);
    this.recoveryPoint = Math.min(this.recoveryPoint, end);
    this.writtenOffset = Math.min(this.writtenOffset, end);
    this.savedStart = Math.min(this.savedStart, end);
  }

  private moveStart(offset: number): void {
    if (offset <= this.start) return;
    expect(this.log.moveStart(offset)).toBe(0);
    this.start = offset;
  }

  /** What is older than a moment goes, segment by segment; the log begins where one of its segments does. */
  private retain(at: number): void {
    const ageMs = Math.floor(at * this.clock);
    this.log.configure({ ...this.settings, retentionMsMax: ageMs });
    while (this.log.upkeep.enforceRetention(this.now(), 2) > 0);
    this.log.configure(this.settings);
    const { start } = this.log.watermarks;
    const lost = this.written.filter((entry) => entry.base >= this.start && entry.last < start);
    expect(start).toBeGreaterThanOrEqual(this.start);
    expect(lost.every((entry) => NOW_MS + this.clock - entry.timestamp > ageMs)).toBe(true);
    this.start = start;
    for (const path of this.tools.removed.takeDue(Number.POSITIVE_INFINITY, 100, true)) {
      // A log that had to be put in order when it was opened has listed its old snapshots twice.
      if (this.disk.stat(path) !== null) this.disk.remove(path);
    }
  }

  private sync(): void {
    for (let round = 0; round < 50 && this.log.recoveryPoint < this.end; round++) {
      const count = this.log.beginSync(this.now());
      for (let index = 0; index < count; index++) this.disk.sync(this.log.sync.fds[index] ?? -1);
      this.log.endSync(0);
    }
    this.disk.syncFolder('data/orders-0');
    expect(this.log.recoveryPoint).toBe(this.end);
  }

  private stop(): void {
    expect(this.log.close(true)).toBe(0);
    expect(this.tools.files.openCount).toBe(0);
    this.disk.syncFolder('data/orders-0');
    this.recoveryPoint = this.end;
    this.writtenOffset = -1;
    this.savedStart = this.start;
    this.reopen(true, this.recoveryPoint, -1);
    expect(this.log.watermarks).toMatchObject({ start: this.start, end: this.end, high: this.end });
  }

  private crash(how: 'kill' | 'power', inOperation: number): void {
    const promised = how === 'kill' ? this.log.watermarks.end : this.log.recoveryPoint;
    if (inOperation > 0) {
      this.disk.crashAt(inOperation);
      try {
        this.append([{ count: 2, valueBytes: 100, isIdempotent: false }]);
        this.append([{ count: 1, valueBytes: 150, isIdempotent: false }]);
        this.log.roll(this.now());
      } catch (error) {
        if (!(error instanceof FakeCrash)) throw error;
      }
    }
    this.disk.crash(how);
    this.reopen(false, this.recoveryPoint, how === 'kill' ? this.writtenOffset : -1);
    const end = this.log.watermarks.end;
    expect(end).toBeGreaterThanOrEqual(promised);
    expect(end).toBeLessThanOrEqual(Math.max(this.end, this.log.watermarks.start));
    const isBorder =
      end === 0 || end === this.log.watermarks.start || this.written.some((entry) => entry.last + 1 === end);
    expect(isBorder).toBe(true);
    this.cutTo(end);
    this.forgetProducer();
  }

  private reopen(isClean: boolean, recoveryPoint: number, writtenOffset: number): void {
    this.tools = makeTools(this.disk, 4).tools;
    const logStartOffset = this.savedStart;
    this.epoch += 1;
    this.log = open(this.tools, {
      settings: this.settings,
      isClean,
      recoveryPoint,
      writtenOffset,
      logStartOffset,
      leaderEpoch: this.epoch,
      nowMs: this.now(),
    });
    this.start = this.log.watermarks.start;
  }
}

function check(steps: readonly Step[], seed: number, settings: LogSettings): void {
  const model = new Model(seed, settings);
  for (const each of steps) model.run(each);
  const { start, high } = model.log.watermarks;
  let offset = start;
  while (offset < high) {
    const result = model.log.read(offset, 4000, READ_FLAG_FIRST_BATCH_WHOLE);
    expect(result.length).toBeGreaterThan(0);
    model.log.releaseLease(result.lease);
    offset = result.endOffset;
  }
  expect(model.log.leaseCount).toBe(0);
}

describe('a log', () => {
  const steps = fc.array(step, { minLength: 1, maxLength: 40 });
  const seed = fc.integer({ min: 1, max: 1_000_000 });

  it('is what an array of batches would be, through stops, kills and power cuts', () => {
    fc.assert(
      fc.property(steps, seed, (list, disk) => check(list, disk, SMALL)),
      { numRuns: 1500 },
    );
  });

  it('is so as well where nothing counts before it was flushed', () => {
    const strict = { ...SMALL, isSyncedBeforeAck: true };
    fc.assert(
      fc.property(steps, seed, (list, disk) => check(list, disk, strict)),
      { numRuns: 700 },
    );
  });
});
