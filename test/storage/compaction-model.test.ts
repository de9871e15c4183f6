/**
 * A compacted log against a list of everything that was ever written: appends of all kinds (plain, idempotent, in
 * transactions that commit, abort or stay open, in every codec), rolls, compactions with large and tiny maps, restarts, and
 * kills and losses of power in the middle of any change of the disk. At any time:
 *
 *   every record in the log is one that was written, at its offset, and offsets go up
 *   a read-committed reader ends up with the last value of every key, and no key that was deleted last comes back
 *   reads from every offset, and look-ups of every time, find what a walk over the whole log finds
 *   behind a compaction no key is there twice in what it covered
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CODEC_GZIP, CODEC_LZ4, CODEC_NONE } from '../../src/protocol/batch.ts';
import type { BatchRecord } from '../../src/protocol/records.ts';
import type { Log } from '../../src/storage/log.ts';
import { DEFAULT_LOG_SETTINGS, type LogSettings } from '../../src/storage/log-settings.ts';
import type { StorageTools } from '../../src/storage/storage-tools.ts';
import { APPEND_FLAG_INTERNAL } from '../../src/zerocopy/layout.ts';
import { FakeCrash, FakeDisk } from '../support/fake-disk.ts';
import { compact, entries, flush, readAll, readCommitted } from './compaction-kit.ts';
import { append, FOLDER, makeTools, marker, NOW_MS, open, queue } from './storage-kit.ts';

const SETTINGS: LogSettings = {
  ...DEFAULT_LOG_SETTINGS,
  isCompacted: true,
  isDeleted: false,
  segmentBytesMax: 1200,
  indexIntervalBytes: 150,
  deleteRetentionMs: 20,
  fileDeleteDelayMs: 0,
};
const KEYS = 6;
const PRODUCERS = 3;
const TINY_MAP = 24 * 16 + 40;

interface Written {
  readonly offset: number;
  readonly key: string;
  readonly value: string | null;
  readonly timestamp: number;
  /** Of a transaction, -1 for none. */
  readonly producer: number;
  fate: 'plain' | 'open' | 'committed' | 'aborted';
}

const keyOf = fc.integer({ min: 0, max: KEYS - 1 });
const record = fc.record({ key: keyOf, isTombstone: fc.integer({ min: 0, max: 4 }).map((dice) => dice === 0) });
const step = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({
      kind: fc.constant('append' as const),
      records: fc.array(record, { minLength: 1, maxLength: 4 }),
      codec: fc.constantFrom(CODEC_NONE, CODEC_NONE, CODEC_LZ4, CODEC_GZIP),
      /** -1: plain; below PRODUCERS: idempotent; from there on in a transaction. */
      producer: fc.integer({ min: -1, max: PRODUCERS * 2 - 1 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('end' as const),
      producer: fc.integer({ min: 0, max: PRODUCERS - 1 }),
      isCommit: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('roll' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('later' as const) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('compact' as const),
      isTiny: fc.boolean(),
      /** 0: none. */
      crashAt: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 60 })),
      how: fc.constantFrom('kill' as const, 'power' as const),
      areIndexesLost: fc.boolean(),
    }),
  },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

class Model {
  readonly disk: FakeDisk;
  tools: StorageTools;
  log: Log;
  readonly written: Written[] = [];
  nowMs = NOW_MS;
  private readonly sequences = new Array<number>(PRODUCERS * 2).fill(0);
  private readonly openProducers = new Set<number>();
  private epoch = 0;
  private values = 0;
  private cleanedOffset = 0;

  constructor(seed: number) {
    this.disk = new FakeDisk({ seed, nowMs: () => this.nowMs });
    this.tools = makeTools(this.disk, 6).tools;
    this.log = open(this.tools, { settings: SETTINGS });
    this.disk.syncFolder('data');
    this.disk.syncFolder('.');
  }

  run(step: Step): void {
    this.nowMs += 1;
    if (step.kind === 'append') this.append(step.records, step.codec, step.producer);
    else if (step.kind === 'end') this.end(step.producer + PRODUCERS, step.isCommit);
    else if (step.kind === 'roll') expect(this.log.roll(this.nowMs)).toBe(true);
    else if (step.kind === 'later') this.nowMs += SETTINGS.deleteRetentionMs + 1;
    else if (step.kind === 'restart') this.restart();
    else this.compact(step.isTiny, step.crashAt, step.how, step.areIndexesLost);
  }

  private append(records: readonly { key: number; isTombstone: boolean }[], codec: number, producer: number): void {
    const isTransactional = producer >= PRODUCERS;
    const list = records.map(({ key, isTombstone }) => ({
      key: `key-${key}`,
      value: isTombstone ? null : `value-${this.values++}`,
      timestamp: this.nowMs,
    }));
    const sequence = this.sequences[producer] ?? 0;
    const numbered = producer < 0 ? {} : { producerId: producer, producerEpoch: 0, baseSequence: sequence };
    expect(append(this.log, entries(list, { ...numbered, codec, isTransactional }))).toBe(0);
    if (producer >= 0) this.sequences[producer] = sequence + list.length;
    if (isTransactional) this.openProducers.add(producer);
    const { baseOffset } = this.log.appended;
    for (const [index, { key, value, timestamp }] of list.entries()) {
      const fate = isTransactional ? 'open' : 'plain';
      this.written.push({ offset: baseOffset + index, key, value, timestamp, producer, fate });
    }
  }

  private end(producer: number, isCommit: boolean): void {
    if (!this.openProducers.delete(producer)) return;
    expect(queue(this.log, marker(producer, 0, isCommit), APPEND_FLAG_INTERNAL, this.nowMs)).toBe(0);
    expect(this.log.flushWrites()).toBeGreaterThan(0);
    for (const entry of this.written) {
      if (entry.producer === producer && entry.fate === 'open') entry.fate = isCommit ? 'committed' : 'aborted';
    }
  }

  private compact(isTiny: boolean, crashAt: number, how: 'kill' | 'power', areIndexesLost: boolean): void {
    flush(this.tools, this.log);
    this.disk.syncFolder(FOLDER);
    const pool = makeTools(this.disk, 6).tools;
    if (crashAt > 0) this.disk.crashAt(crashAt);
    try {
      const swapped = compact(this.tools, pool, this.log, {
        nowMs: this.nowMs,
        ...(isTiny ? { mapBytesMax: TINY_MAP } : {}),
      });
      for (const path of this.tools.removed.takeDue(this.nowMs, 1000, true)) this.disk.remove(path);
      this.disk.crashAt(1_000_000);
      if (swapped > 0) this.checkUnique();
      this.cleanedOffset = this.log.cleaning.cleanedOffset;
    } catch (error) {
      if (!(error instanceof FakeCrash)) throw error;
      const end = this.log.watermarks.end;
      this.disk.crash(how);
      if (areIndexesLost) this.loseIndexes();
      // Everything was flushed before, so neither a kill nor a loss of power may take anything.
      this.open(false, end);
      expect(this.log.watermarks.end).toBe(end);
    }
  }

  /** No key twice in what the compaction covered. */
  private checkUnique(): void {
    const seen = new Set<string>();
    for (const batch of readAll(this.tools, this.log)) {
      if (batch.isControl) continue;
      for (const { offset, key } of batch.records) {
        if (offset >= this.log.cleaning.cleanedOffset || offset < this.cleanedOffset) continue;
        const text = new TextDecoder().decode(key ?? new Uint8Array(0));
        expect(seen.has(text)).toBe(false);
        seen.add(text);
      }
    }
  }

  private loseIndexes(): void {
    for (const name of this.disk.list(FOLDER)) {
      if (name.endsWith('.index') || name.endsWith('.timeindex')) this.disk.remove(`${FOLDER}/${name}`);
    }
  }

  private restart(): void {
    expect(this.log.close(true)).toBe(0);
    this.disk.syncFolder(FOLDER);
    this.open(true, this.log.watermarks.end);
  }

  private open(isClean: boolean, recoveryPoint: number): void {
    this.tools = makeTools(this.disk, 6).tools;
    this.epoch += 1;
    this.log = open(this.tools, {
      settings: SETTINGS,
      isClean,
      recoveryPoint,
      leaderEpoch: this.epoch,
      nowMs: this.nowMs,
      cleanedOffset: this.cleanedOffset,
    });
  }

  check(): void {
    this.checkContent();
    this.checkLastValues();
    this.checkReads();
    this.checkTimes();
  }

  private checkContent(): void {
    const byOffset = new Map(this.written.map((entry) => [entry.offset, entry]));
    let last = -1;
    for (const batch of readAll(this.tools, this.log)) {
      expect(batch.baseOffset).toBeGreaterThan(last);
      last = batch.lastOffset;
      if (batch.isControl) continue;
      for (const found of batch.records) expect(shownOf(found)).toEqual(shownOfWritten(byOffset.get(found.offset)));
    }
  }

  private checkLastValues(): void {
    const { stable } = this.log.watermarks;
    const wanted = new Map<string, string>();
    for (const { key, value, fate, offset } of this.written) {
      if (offset >= stable || fate === 'aborted') continue;
      expect(fate).not.toBe('open');
      if (value === null) wanted.delete(key);
      else wanted.set(key, value);
    }
    const aborted = new Set(this.written.filter(({ fate }) => fate === 'aborted').map(({ offset }) => offset));
    const seen = new Map<string, string>();
    for (const found of readCommitted(this.tools, this.log)) {
      expect(aborted.has(found.offset)).toBe(false);
      const { key, value } = shownOf(found);
      if (value === null) seen.delete(key);
      else seen.set(key, value);
    }
    expect(seen).toEqual(wanted);
  }

  private checkReads(): void {
    const all = readAll(this.tools, this.log);
    const { end } = this.log.watermarks;
    for (let offset = 0; offset <= end; offset++) {
      const expected = all.find((batch) => batch.lastOffset >= offset);
      expect(readAll(this.tools, this.log, offset)[0]?.baseOffset).toBe(expected?.baseOffset);
    }
  }

  private checkTimes(): void {
    const all = readAll(this.tools, this.log).flatMap((batch) => batch.records);
    const { stable } = this.log.watermarks;
    for (let timestamp = NOW_MS - 1; timestamp <= this.nowMs; timestamp += 3) {
      const expected = all.find((found) => found.timestamp >= timestamp)?.offset ?? -1;
      expect(this.log.findByTimestamp(timestamp, 0).offset).toBe(expected >= this.log.watermarks.high ? -1 : expected);
    }
    expect(stable).toBeLessThanOrEqual(this.log.watermarks.high);
  }
}

function shownOf(found: BatchRecord): { key: string; value: string | null; timestamp: number } {
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return {
    key: text(found.key ?? new Uint8Array(0)),
    value: found.value === null ? null : text(found.value),
    timestamp: found.timestamp,
  };
}

function shownOfWritten(written: Written | undefined): object | undefined {
  if (written === undefined) return undefined;
  const { key, value, timestamp } = written;
  return { key, value, timestamp };
}

describe('a compacted log', () => {
  const { PERFBROKER_COMPACTION_RUNS } = process.env;
  const runs = Number(PERFBROKER_COMPACTION_RUNS ?? 200);

  it('keeps the last value of every key, in order and at its offset, whatever happens', () => {
    fc.assert(
      fc.property(
        fc.array(step, { minLength: 5, maxLength: 45 }),
        fc.integer({ min: 1, max: 1_000_000 }),
        (steps, seed) => {
          const model = new Model(seed);
          for (const each of steps) {
            model.run(each);
            if (each.kind === 'compact' || each.kind === 'restart') model.check();
          }
          model.check();
        },
      ),
      { numRuns: runs },
    );
  }, 600_000);

  it('is whole again after a stop at every single change of the disk that a compaction makes', () => {
    let crashes = 0;
    for (const how of ['kill', 'power'] as const) {
      for (let crashAt = 1; ; crashAt++) {
        const model = new Model(crashAt);
        for (let index = 0; index < 24; index++) {
          const producer = index % 5 === 4 ? PRODUCERS : -1;
          const records = [{ key: index % 4, isTombstone: index % 7 === 6 }];
          model.run({ kind: 'append', records, codec: CODEC_NONE, producer });
          if (producer >= 0) model.run({ kind: 'end', producer: 0, isCommit: index % 2 === 0 });
          if (index % 4 === 3) model.run({ kind: 'roll' });
        }
        model.run({ kind: 'compact', isTiny: false, crashAt, how, areIndexesLost: false });
        model.check();
        const isOver = model.log.cleaning.cleanedOffset > 0;
        model.run({ kind: 'compact', isTiny: false, crashAt: 0, how, areIndexesLost: false });
        model.check();
        if (isOver) break;
        crashes += 1;
      }
    }
    expect(crashes).toBeGreaterThan(40);
  });
});
