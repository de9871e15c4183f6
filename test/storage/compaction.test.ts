import { describe, expect, it } from 'vitest';
import {
  ATTRIBUTE_DELETE_HORIZON,
  batchBaseTimestamp,
  batchMaxTimestamp,
  CODEC_GZIP,
  CODEC_LZ4,
  CODEC_NONE,
  CODEC_SNAPPY,
  CODEC_ZSTD,
} from '../../src/protocol/batch.ts';
import { memoryOver } from '../../src/protocol/records.ts';
import { boundCompaction } from '../../src/storage/compaction-bound.ts';
import { DEFAULT_LOG_SETTINGS, type LogSettings } from '../../src/storage/log-settings.ts';
import { APPEND_FLAG_INTERNAL, READ_FLAG_FIRST_BATCH_WHOLE } from '../../src/zerocopy/layout.ts';
import { FakeDisk } from '../support/fake-disk.ts';
import { compact, type Entry, entries, flush, readAll, readCommitted, shown } from './compaction-kit.ts';
import { append, FOLDER, makeTools, marker, NOW_MS, open, queue } from './storage-kit.ts';

const COMPACTED: LogSettings = {
  ...DEFAULT_LOG_SETTINGS,
  isCompacted: true,
  isDeleted: false,
  segmentBytesMax: 100_000,
  indexIntervalBytes: 200,
  deleteRetentionMs: 1000,
  fileDeleteDelayMs: 0,
};

function fresh(settings: Partial<LogSettings> = {}) {
  const disk = new FakeDisk();
  const { tools, warnings } = makeTools(disk);
  const pool = makeTools(disk).tools;
  const log = open(tools, { settings: { ...COMPACTED, ...settings } });
  return { disk, tools, pool, warnings, log };
}

type Rig = ReturnType<typeof fresh>;

function put(rig: Rig, ...batches: Uint8Array[]): void {
  for (const bytes of batches) expect(append(rig.log, bytes)).toBe(0);
}

/** As a coordinator writes it. */
function putInternal(rig: Rig, bytes: Uint8Array): void {
  expect(queue(rig.log, bytes, APPEND_FLAG_INTERNAL)).toBe(0);
  expect(rig.log.flushWrites()).toBeGreaterThan(0);
}

const one = (key: string | null, value: string | null): Entry => ({ key, value });

/** Everything so far can be compacted. */
function close(rig: Rig): void {
  expect(rig.log.roll(NOW_MS)).toBe(true);
}

function run(rig: Rig, nowMs = NOW_MS): number {
  return compact(rig.tools, rig.pool, rig.log, { nowMs });
}

describe('compaction', () => {
  it('keeps the last value of every key, in order, at the offsets they had', () => {
    const rig = fresh();
    put(
      rig,
      entries([one('a', '1'), one('b', '1'), one('a', '2')]),
      entries([one('c', '1')]),
      entries([one('b', '2')]),
    );
    close(rig);
    put(rig, entries([one('a', '3')]));
    expect(run(rig)).toBe(1);
    expect(shown(readCommitted(rig.tools, rig.log))).toEqual(['2 a=2', '3 c=1', '4 b=2', '5 a=3']);
    expect(rig.log.watermarks).toMatchObject({ start: 0, end: 6 });
    expect(rig.log.cleaning.cleanedOffset).toBe(5);
  });

  it('leaves a batch that keeps all its records as it is, byte for byte', () => {
    const rig = fresh();
    put(rig, entries([one('a', '1'), one('b', '1')], { codec: CODEC_LZ4 }), entries([one('c', '2')]));
    const before = readAll(rig.tools, rig.log);
    close(rig);
    run(rig);
    expect(readAll(rig.tools, rig.log)).toEqual(before);
  });

  it('removes records without a key', () => {
    const rig = fresh({ isCompacted: false });
    put(rig, entries([one(null, 'x'), one('a', '1')]));
    rig.log.configure(COMPACTED);
    close(rig);
    run(rig);
    expect(shown(readCommitted(rig.tools, rig.log))).toEqual(['1 a=1']);
  });

  for (const codec of [CODEC_NONE, CODEC_GZIP, CODEC_SNAPPY, CODEC_LZ4, CODEC_ZSTD]) {
    it(`makes batches of codec ${codec} anew in their codec, with timestamps and headers as they were`, () => {
      const rig = fresh();
      const list = [
        { key: 'a', value: 'old', timestamp: NOW_MS - 5 },
        { key: 'b', value: 'x'.repeat(300), timestamp: NOW_MS + 7 },
        { key: 'c', value: null, timestamp: NOW_MS - 100_000 },
      ];
      put(rig, entries(list, { codec }), entries([one('a', 'new')]));
      close(rig);
      run(rig);
      const [first] = readAll(rig.tools, rig.log);
      expect(first?.attributes).toBe(codec | ATTRIBUTE_DELETE_HORIZON);
      expect(first?.records.map(({ offset, timestamp }) => [offset, timestamp])).toEqual([
        [1, NOW_MS + 7],
        [2, NOW_MS - 100_000],
      ]);
      expect(first).toMatchObject({ baseOffset: 0, lastOffset: 2 });
      expect(batchMaxTimestamp(memoryOver(first?.bytes ?? new Uint8Array(61)).view, 0)).toBe(NOW_MS + 7);
    });
  }

  it('keeps append times', () => {
    const rig = fresh({ isLogAppendTime: true });
    put(rig, entries([one('a', '1'), one('b', null)]), entries([one('a', '2')]));
    const times = readCommitted(rig.tools, rig.log).map(({ timestamp }) => timestamp);
    close(rig);
    run(rig, NOW_MS + 500);
    expect(readCommitted(rig.tools, rig.log).map(({ timestamp }) => timestamp)).toEqual(times.slice(1));
  });
});

describe('a tombstone', () => {
  it('stays until the delete horizon of its batch, delete.retention.ms after it was first compacted', () => {
    const rig = fresh();
    put(rig, entries([one('a', '1')]), entries([one('a', null), one('b', '1')]));
    close(rig);
    run(rig, NOW_MS);
    expect(shown(readCommitted(rig.tools, rig.log))).toEqual(['1 a=-', '2 b=1']);
    const [batch] = readAll(rig.tools, rig.log);
    const { view } = memoryOver(batch?.bytes ?? new Uint8Array(61));
    expect((batch?.attributes ?? 0) & ATTRIBUTE_DELETE_HORIZON).toBe(ATTRIBUTE_DELETE_HORIZON);
    expect(batchBaseTimestamp(view, 0)).toBe(NOW_MS + 1000);

    put(rig, entries([one('c', '1')]));
    close(rig);
    run(rig, NOW_MS + 999);
    expect(shown(readCommitted(rig.tools, rig.log))).toContain('1 a=-');
    put(rig, entries([one('d', '1')]));
    close(rig);
    run(rig, NOW_MS + 1000);
    expect(shown(readCommitted(rig.tools, rig.log))).toEqual(['2 b=1', '3 c=1', '4 d=1']);
  });

  it('never goes where delete.retention.ms has no end', () => {
    const rig = fresh({ deleteRetentionMs: Number.POSITIVE_INFINITY });
    put(rig, entries([one('a', null)]));
    close(rig);
    run(rig);
    put(rig, entries([one('b', '1')]));
    close(rig);
    run(rig, Number.MAX_SAFE_INTEGER - 1);
    expect(shown(readCommitted(rig.tools, rig.log))).toEqual(['0 a=-', '1 b=1']);
  });
});

describe('producers in a compacted log', () => {
  it('keep their last batch, without records if need be, so that its repetition is recognised after a restart', () => {
    const rig = fresh();
    const idempotent = (baseSequence: number) =>
      entries([one('a', `${baseSequence}`)], { producerId: 9, producerEpoch: 0, baseSequence });
    put(rig, idempotent(0), idempotent(1), entries([one('a', 'other')]));
    close(rig);
    run(rig);
    const batches = readAll(rig.tools, rig.log);
    expect(batches.map(({ baseOffset, records }) => [baseOffset, records.length])).toEqual([
      [1, 0],
      [2, 1],
    ]);
    rig.log.close(true);
    for (const name of rig.disk.list(FOLDER)) if (name.endsWith('.snapshot')) rig.disk.remove(`${FOLDER}/${name}`);
    const again = open(makeTools(rig.disk).tools, { settings: COMPACTED, recoveryPoint: 3, leaderEpoch: 1 });
    expect(queue(again, idempotent(1))).toBe(0);
    expect(again.appended).toMatchObject({ isDuplicate: true, baseOffset: 1 });
  });

  it('lose batches that are not their last', () => {
    const rig = fresh();
    const idempotent = (key: string, baseSequence: number) =>
      entries([one(key, '1')], { producerId: 9, producerEpoch: 0, baseSequence });
    put(rig, idempotent('a', 0), idempotent('a', 1), idempotent('b', 2));
    close(rig);
    run(rig);
    expect(readAll(rig.tools, rig.log).map(({ baseOffset }) => baseOffset)).toEqual([1, 2]);
  });
});

describe('transactions in a compacted log', () => {
  const inTransaction = (key: string, value: string, baseSequence: number, producerId = 5) =>
    entries([one(key, value)], { producerId, producerEpoch: 0, baseSequence, isTransactional: true });

  it('lose what was aborted; the marker goes when nothing of its transaction is left and its horizon has passed', () => {
    const rig = fresh();
    put(rig, entries([one('a', '1')]), inTransaction('a', 'aborted', 0));
    putInternal(rig, marker(5, 0, false));
    put(rig, inTransaction('b', 'committed', 1));
    putInternal(rig, marker(5, 0, true));
    close(rig);
    run(rig);
    expect(shown(readCommitted(rig.tools, rig.log))).toEqual(['0 a=1', '3 b=committed']);
    const offsets = () => readAll(rig.tools, rig.log).map(({ baseOffset }) => baseOffset);
    // The markers stay: this pass still met the data of both.
    expect(offsets()).toEqual([0, 2, 3, 4]);

    put(rig, entries([one('c', '1')]));
    close(rig);
    run(rig, NOW_MS + 10);
    expect(offsets()).toEqual([0, 2, 3, 4, 5]);
    const abort = readAll(rig.tools, rig.log)[1];
    expect(abort?.isControl).toBe(true);
    expect(batchBaseTimestamp(memoryOver(abort?.bytes ?? new Uint8Array(61)).view, 0)).toBe(NOW_MS + 1010);

    put(rig, entries([one('d', '1')]));
    close(rig);
    run(rig, NOW_MS + 1010);
    expect(offsets()).toEqual([0, 3, 4, 5, 6]);
    expect(shown(readCommitted(rig.tools, rig.log))).toEqual(['0 a=1', '3 b=committed', '5 c=1', '6 d=1']);
  });

  it('do not count for the last value of a key when they were aborted', () => {
    const rig = fresh();
    put(rig, entries([one('a', 'kept')]));
    close(rig);
    put(rig, inTransaction('a', 'aborted', 0));
    close(rig);
    putInternal(rig, marker(5, 0, false));
    close(rig);
    run(rig);
    expect(shown(readCommitted(rig.tools, rig.log))).toEqual(['0 a=kept']);
  });

  it('are left alone from the first undecided one on', () => {
    const rig = fresh();
    put(rig, entries([one('a', '1')]), entries([one('a', '2')]));
    close(rig);
    put(rig, inTransaction('a', 'open', 0));
    close(rig);
    put(rig, entries([one('a', '3')]));
    close(rig);
    run(rig);
    expect(rig.log.cleaning.cleanedOffset).toBe(2);
    expect(readAll(rig.tools, rig.log).map(({ baseOffset }) => baseOffset)).toEqual([1, 2, 3]);
  });

  it('whose abort is only told in the active segment wait for that to be left', () => {
    const rig = fresh();
    put(rig, entries([one('a', '1')]));
    close(rig);
    put(rig, inTransaction('a', 'aborted', 0));
    close(rig);
    putInternal(rig, marker(5, 0, false));
    run(rig);
    expect(rig.log.cleaning.cleanedOffset).toBe(1);
    close(rig);
    run(rig);
    expect(rig.log.cleaning.cleanedOffset).toBe(3);
    expect(shown(readCommitted(rig.tools, rig.log))).toEqual(['0 a=1']);
  });
});

describe('what is compacted, and when', () => {
  it('is measured in bytes; the active segment does not count', () => {
    const rig = fresh();
    put(rig, entries([one('a', '1')]));
    flush(rig.tools, rig.log);
    expect(rig.log.cleaning.measure(NOW_MS)).toBeNull();
    close(rig);
    flush(rig.tools, rig.log);
    const dirtyBytes = rig.log.totalBytes;
    expect(rig.log.cleaning.measure(NOW_MS)).toEqual({ cleanBytes: 0, dirtyBytes, isOverdue: false });
    run(rig);
    expect(rig.log.cleaning.measure(NOW_MS)).toBeNull();
    put(rig, entries([one('a', '2')]));
    close(rig);
    flush(rig.tools, rig.log);
    expect(rig.log.cleaning.measure(NOW_MS)).toEqual({ cleanBytes: dirtyBytes, dirtyBytes, isOverdue: false });
  });

  it('leaves alone what is younger than min.compaction.lag.ms, and hurries for what is older than the max', () => {
    const rig = fresh({ compactionLagMsMin: 1000, compactionLagMsMax: 5000, segmentMsMax: 1e9 });
    put(rig, entries([{ key: 'a', value: '1', timestamp: NOW_MS }]));
    close(rig);
    put(rig, entries([{ key: 'a', value: '2', timestamp: NOW_MS + 500 }]));
    close(rig);
    flush(rig.tools, rig.log);
    expect(rig.log.cleaning.measure(NOW_MS + 999)).toBeNull();
    const first = rig.log.cleaning.measure(NOW_MS + 1000);
    expect(first).toMatchObject({ isOverdue: false });
    expect(rig.log.cleaning.measure(NOW_MS + 1500)?.dirtyBytes).toBe((first?.dirtyBytes ?? 0) * 2);
    expect(rig.log.cleaning.measure(NOW_MS + 5001)).toMatchObject({ isOverdue: true });
  });

  it('is nothing in a log that is not compacted, nor while it is compacted already', () => {
    const rig = fresh();
    put(rig, entries([one('a', '1')]));
    close(rig);
    flush(rig.tools, rig.log);
    expect(rig.log.cleaning.plan(NOW_MS)).not.toBeNull();
    expect(rig.log.cleaning.plan(NOW_MS)).toBeNull();
    rig.log.cleaning.end(-1);
    rig.log.configure({ ...COMPACTED, isCompacted: false });
    expect(rig.log.cleaning.plan(NOW_MS)).toBeNull();
  });

  it('is nothing that is not on the device yet', () => {
    const rig = fresh();
    put(rig, entries([one('a', '1')]));
    close(rig);
    expect(rig.log.cleaning.measure(NOW_MS)).toBeNull();
  });

  it('is begun again where a map too small for all keys ended', () => {
    const rig = fresh();
    for (let index = 0; index < 40; index++) put(rig, entries([one(`k${index % 20}`, `${index}`)]));
    close(rig);
    const small = { mapBytesMax: 24 * 16 + 40 };
    let passes = 0;
    while (compact(rig.tools, rig.pool, rig.log, small) >= 0 && passes < 20) passes += 1;
    expect(passes).toBeGreaterThan(2);
    expect(rig.log.cleaning.cleanedOffset).toBe(40);
    // Every key is last seen in the second half; a map of 14 keys finds so in a few passes.
    expect(readCommitted(rig.tools, rig.log).map(({ offset }) => offset)).toEqual(
      Array.from({ length: 20 }, (_, index) => index + 20),
    );
  });
});

describe('the segments of a compacted log', () => {
  it('are put together when they are small, and found through their indexes', () => {
    const rig = fresh({ segmentBytesMax: 3000 });
    for (let index = 0; index < 60; index++) {
      put(rig, entries([{ key: `k${index}`, value: 'x'.repeat(100), timestamp: NOW_MS + index * 10 }]));
      if (index % 3 === 2) close(rig);
    }
    const before = rig.log.segmentCount;
    run(rig);
    expect(rig.log.segmentCount).toBeLessThan(before / 2);
    for (let offset = 0; offset < 60; offset++) {
      expect(readAll(rig.tools, rig.log, offset)[0]?.baseOffset).toBe(offset);
      expect(rig.log.findByTimestamp(NOW_MS + offset * 10 - 5, 0).offset).toBe(offset);
    }
    const left = rig.disk.list(FOLDER).filter((name) => /cleaned|swap/.test(name));
    expect(left).toEqual([]);
  });

  it('stay with the readers that have them', () => {
    const rig = fresh();
    put(rig, entries([one('a', '1')]), entries([one('a', '2')]));
    close(rig);
    const { lease, fd, length } = rig.log.read(0, 10_000, READ_FLAG_FIRST_BATCH_WHOLE);
    run(rig);
    expect(rig.tools.removed.takeDue(NOW_MS, 100, false)).toEqual([]);
    expect(rig.disk.read(fd, 0, rig.disk.allocate(length), 0, length)).toBe(length);
    rig.log.releaseLease(lease);
    expect(rig.tools.removed.takeDue(NOW_MS, 100, false).length).toBeGreaterThan(0);
  });

  it('leave under names that are free: those of an older compaction may still wait to be removed', () => {
    const rig = fresh({ fileDeleteDelayMs: 1_000_000 });
    for (let round = 0; round < 3; round++) {
      put(rig, entries([one('a', `${round}`)]));
      close(rig);
      run(rig);
    }
    const left = rig.disk.list(FOLDER).filter((name) => name.endsWith('.log.deleted') || name.endsWith('.2.deleted'));
    expect(left).toContain('00000000000000000000.log.deleted');
    expect(left).toContain('00000000000000000000.log.2.deleted');
    expect(rig.tools.removed.takeDue(NOW_MS, 100, true).filter((path) => path.includes('0.log.'))).toHaveLength(3);
  });

  it('may lose all their records; offsets go on behind them', () => {
    const rig = fresh();
    put(rig, entries([one('a', '1')]));
    close(rig);
    put(rig, entries([one('a', '2')]));
    close(rig);
    put(rig, entries([one('b', '1')]));
    rig.log.configure({ ...COMPACTED, segmentBytesMax: 80 });
    expect(run(rig)).toBe(2);
    expect(shown(readCommitted(rig.tools, rig.log))).toEqual(['1 a=2', '2 b=1']);
    expect(rig.log.findByTimestamp(-2, 0).offset).toBe(0);
    rig.log.close(true);
    const again = open(makeTools(rig.disk).tools, { settings: COMPACTED, recoveryPoint: 3, leaderEpoch: 1 });
    expect(again.watermarks).toMatchObject({ start: 0, end: 3 });
  });
});

describe('retention by time in a log that is compacted and deleted', () => {
  const HOUR_MS = 3_600_000;

  it('goes by when what a segment was made of was written, where it has no timestamps or nothing is left', () => {
    for (const left of [one('old', 'x'), one(null, 'x')]) {
      const clock = { nowMs: NOW_MS };
      const disk = new FakeDisk({ nowMs: () => clock.nowMs });
      const { tools } = makeTools(disk);
      const settings = { ...COMPACTED, isDeleted: true, retentionMsMax: 10 * HOUR_MS };
      const log = open(tools, { settings });
      expect(queue(log, entries([{ ...left, timestamp: -1 }]), APPEND_FLAG_INTERNAL)).toBe(0);
      expect(log.flushWrites()).toBeGreaterThan(0);
      expect(log.roll(clock.nowMs)).toBe(true);
      expect(
        queue(log, entries([{ ...one('new', '1'), timestamp: NOW_MS + 20 * HOUR_MS }]), APPEND_FLAG_INTERNAL),
      ).toBe(0);
      expect(log.flushWrites()).toBeGreaterThan(0);
      clock.nowMs += 9 * HOUR_MS;
      expect(compact(tools, makeTools(disk).tools, log, { nowMs: clock.nowMs })).toBe(1);
      expect(log.upkeep.enforceRetention(clock.nowMs, 100)).toBe(0);
      clock.nowMs += 2 * HOUR_MS;
      expect(log.upkeep.enforceRetention(clock.nowMs, 100)).toBe(1);
      expect(shown(readCommitted(tools, log))).toEqual(['1 new=1']);
    }
  });
});

describe('what happens to a log while it is compacted', () => {
  function twoSegments(settings: Partial<LogSettings> = {}): Rig {
    const rig = fresh(settings);
    put(rig, entries([one('a', '1')]));
    close(rig);
    put(rig, entries([one('a', '2')]));
    close(rig);
    return rig;
  }

  it('a start that moves on makes the result worthless, and it is dropped', () => {
    const rig = twoSegments();
    const beforeSwap = () => expect(rig.log.moveStart(1)).toBe(0);
    expect(compact(rig.tools, rig.pool, rig.log, { beforeSwap })).toBe(0);
    expect(shown(readCommitted(rig.tools, rig.log))).toEqual(['1 a=2']);
    expect(rig.log.cleaning.cleanedOffset).toBe(0);
    expect(rig.disk.list(FOLDER).filter((name) => name.includes('cleaned'))).toEqual([]);
  });

  it('so does a cut', () => {
    const rig = twoSegments();
    const beforeSwap = () => rig.log.truncateTo(1, NOW_MS);
    expect(compact(rig.tools, rig.pool, rig.log, { beforeSwap })).toBe(0);
    expect(shown(readCommitted(rig.tools, rig.log))).toEqual(['0 a=1']);
  });

  it('appends go on, and retention waits', () => {
    const rig = twoSegments({ isDeleted: true, retentionMsMax: 1000 });
    const beforeSwap = () => {
      put(rig, entries([one('a', '3')]));
      expect(rig.log.upkeep.enforceRetention(NOW_MS + 10_000, 10)).toBe(0);
    };
    expect(compact(rig.tools, rig.pool, rig.log, { beforeSwap })).toBe(1);
    expect(shown(readCommitted(rig.tools, rig.log))).toEqual(['1 a=2', '2 a=3']);
    expect(rig.log.upkeep.enforceRetention(NOW_MS + 10_000, 10)).toBe(1);
  });

  it('a damaged batch ends it with a sentence, and a full disk too; nothing is left behind', () => {
    const rig = twoSegments();
    flush(rig.tools, rig.log);
    boundCompaction(rig.disk, FOLDER, rig.log.watermarks.end);
    rig.disk.failNext('write', 'ENOSPC');
    expect(() => run(rig)).toThrow('error 28');
    rig.log.cleaning.end(-1);
    // Of what cannot be read now nobody says that it is damaged: it is tried again, and damage would not be.
    rig.disk.failNext('read', 'EIO');
    expect(() => run(rig)).toThrow(expect.objectContaining({ code: 'PB_DISK_ERROR' }));
    rig.log.cleaning.end(-1);
    rig.disk.corrupt(`${FOLDER}/00000000000000000000.log`, 66, new Uint8Array([99]));
    expect(() => run(rig)).toThrow('no whole batch');
    rig.log.cleaning.end(-1);
    expect(rig.disk.list(FOLDER).filter((name) => name.includes('cleaned'))).toEqual([]);
  });
});
