import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Log } from '../../src/storage/log.ts';
import type { LogSettings } from '../../src/storage/log-settings.ts';
import { READ_FLAG_FIRST_BATCH_WHOLE } from '../../src/zerocopy/layout.ts';
import { FakeDisk } from '../support/fake-disk.ts';
import { append, batch, FOLDER, makeTools, NOW_MS, open, queue, SMALL } from './storage-kit.ts';

const HOUR_MS = 3_600_000;
const ALL = 1000;

function fresh(settings: Partial<LogSettings> = {}, more: { nowMs?: () => number } = {}) {
  const disk = new FakeDisk(more);
  const { tools, warnings } = makeTools(disk);
  const log = open(tools, { settings: { ...SMALL, ...settings } });
  return { disk, tools, warnings, log };
}

/** One segment of one record for each timestamp, the last of them active. */
function segments(log: Log, timestamps: readonly number[], valueBytes = 100): void {
  for (const [index, timestamp] of timestamps.entries()) {
    if (index > 0) expect(log.roll(NOW_MS)).toBe(true);
    expect(append(log, batch({ timestamps: [timestamp], valueBytes }))).toBe(0);
  }
}

function names(disk: FakeDisk, ending: string): string[] {
  return disk.list(FOLDER).filter((name) => name.endsWith(ending));
}

function flush(log: Log, disk: FakeDisk): void {
  const due = log.beginSync(NOW_MS);
  for (let index = 0; index < due; index++) disk.sync(log.sync.fds[index] ?? -1);
  log.endSync(0);
}

describe('producers whose batches go', () => {
  const producer = { producerId: 9, producerEpoch: 0 };
  const sent = (baseSequence: number) => batch({ ...producer, baseSequence, valueBytes: 100 });

  /** Three segments of a batch each and an empty one, whose snapshot the disk did not take. */
  function withoutSnapshot(settings: Partial<LogSettings> = {}) {
    const all = fresh(settings);
    const { log, disk } = all;
    for (let sequence = 0; sequence < 3; sequence++) {
      expect(append(log, sent(sequence))).toBe(0);
      if (sequence === 2) disk.failNext('rename', 'EIO');
      expect(log.roll(NOW_MS)).toBe(true);
    }
    expect(names(disk, '.snapshot')).toHaveLength(2);
    return all;
  }

  it('are written down first', () => {
    const { log, tools } = withoutSnapshot();
    expect(log.moveStart(3)).toBe(0);
    expect(log.segmentCount).toBe(1);
    log.close(false);
    const next = open(tools, { isClean: false, logStartOffset: 3 });
    expect(queue(next, sent(2))).toBe(0);
    expect(next.appended).toMatchObject({ isDuplicate: true, baseOffset: 2 });
  });

  it('keep the segments that are needed to know them, while a full disk takes nothing else', () => {
    const { log, disk } = withoutSnapshot();
    disk.failNext('write', 'ENOSPC');
    expect(queue(log, sent(3))).toBe(0);
    expect(log.flushWrites()).toBe(-28);
    expect(log.moveStart(3)).toBe(0);
    expect(log.watermarks.start).toBe(3);
    expect(log.segmentCount).toBe(2);
    expect(log.heal(NOW_MS)).toBe(0);
    expect(append(log, sent(3))).toBe(0);
    expect(log.appended).toMatchObject({ baseOffset: 3, isDuplicate: false });
    expect(log.upkeep.enforceRetention(NOW_MS, ALL)).toBe(1);
    expect(log.segmentCount).toBe(1);
  });

  it('are on the device before, where acknowledgements wait for it', () => {
    const { log, disk } = withoutSnapshot({ isSyncedBeforeAck: true });
    flush(log, disk);
    expect(log.moveStart(3)).toBe(0);
    expect(log.segmentCount).toBe(1);
    expect(disk.isSynced(`${FOLDER}/00000000000000000003.snapshot`)).toBe(true);
  });

  it('stay written down when the log goes on in a new segment, whose snapshot the power may still take', () => {
    const { log, disk } = withoutSnapshot({ isSyncedBeforeAck: true });
    expect(append(log, sent(3))).toBe(0);
    flush(log, disk);
    expect(log.moveStart(3)).toBe(0);
    expect(names(disk, '.log')).toEqual(['00000000000000000003.log']);
    expect(append(log, sent(4))).toBe(0);
    expect(log.roll(NOW_MS)).toBe(true);
    flush(log, disk);
    disk.crash('kill');
    disk.remove(`${FOLDER}/00000000000000000005.snapshot`);
    const next = open(makeTools(disk).tools, { isClean: false, logStartOffset: 3 });
    expect(queue(next, sent(2))).toBe(0);
    expect(next.appended).toMatchObject({ isDuplicate: true, baseOffset: 2 });
  });

  it('count as written down by no snapshot that a power cut has damaged', () => {
    const { log, disk } = fresh();
    for (let sequence = 0; sequence < 3; sequence++) {
      expect(append(log, sent(sequence))).toBe(0);
      if (sequence < 2) expect(log.roll(NOW_MS)).toBe(true);
    }
    log.close(false);
    disk.crash('kill');
    const next = open(makeTools(disk).tools, { settings: SMALL });
    // As a power cut leaves the newest that the log was opened with.
    for (const name of ['00000000000000000001', '00000000000000000002'])
      disk.corrupt(`${FOLDER}/${name}.snapshot`, 12, new Uint8Array(8).fill(255));
    expect(next.moveStart(2)).toBe(0);
    expect(names(disk, '.snapshot')).toContain('00000000000000000003.snapshot');
  });

  it('are not written down on the device by a snapshot of batches that are not there yet', () => {
    const { log, disk } = fresh({ flushRecordsMax: 5 });
    expect(append(log, sent(0))).toBe(0);
    expect(log.roll(NOW_MS)).toBe(true);
    disk.remove(`${FOLDER}/00000000000000000001.snapshot`);
    flush(log, disk);
    expect(append(log, sent(1))).toBe(0);
    expect(log.roll(NOW_MS)).toBe(true);
    expect(log.moveStart(1)).toBe(0);
    expect(log.segmentCount).toBe(3);
    flush(log, disk);
    expect(log.upkeep.enforceRetention(NOW_MS, ALL)).toBe(1);
  });
});

describe('retention by time', () => {
  it('lets go of segments whose largest timestamp is older than retention.ms, and of no record that is not', () => {
    const { log, disk } = fresh({ retentionMsMax: HOUR_MS });
    segments(log, [NOW_MS - 3 * HOUR_MS, NOW_MS - 2 * HOUR_MS, NOW_MS - HOUR_MS, NOW_MS]);
    expect(log.upkeep.enforceRetention(NOW_MS, ALL)).toBe(2);
    expect(log.watermarks).toMatchObject({ start: 2, end: 4 });
    expect(names(disk, '.log')).toHaveLength(2);
    expect(log.upkeep.enforceRetention(NOW_MS, ALL)).toBe(0);
    expect(log.upkeep.enforceRetention(NOW_MS + 1, ALL)).toBe(1);
  });

  it('stops at the first segment that has not expired, as Kafka does', () => {
    const { log } = fresh({ retentionMsMax: HOUR_MS });
    segments(log, [NOW_MS, NOW_MS - 9 * HOUR_MS, NOW_MS]);
    expect(log.upkeep.enforceRetention(NOW_MS, ALL)).toBe(0);
  });

  it('rolls an active segment that has expired and lets it go as well; offsets go on', () => {
    const { log } = fresh({ retentionMsMax: HOUR_MS });
    segments(log, [NOW_MS - 3 * HOUR_MS, NOW_MS - 2 * HOUR_MS]);
    expect(log.upkeep.enforceRetention(NOW_MS, ALL)).toBe(1);
    expect(log.upkeep.enforceRetention(NOW_MS, ALL)).toBe(1);
    expect(log.upkeep.enforceRetention(NOW_MS, ALL)).toBe(0);
    expect(log.watermarks).toMatchObject({ start: 2, stable: 2, high: 2, end: 2 });
    expect(append(log, batch())).toBe(0);
    expect(log.appended.baseOffset).toBe(2);
    expect(log.segmentCount).toBe(1);
  });

  it('keeps a record from the future until that has passed, and then lets it go', () => {
    const { log } = fresh({ retentionMsMax: HOUR_MS, timestampAfterMaxMs: Number.POSITIVE_INFINITY });
    segments(log, [NOW_MS + 5 * HOUR_MS, NOW_MS]);
    expect(log.upkeep.enforceRetention(NOW_MS, ALL)).toBe(0);
    expect(log.upkeep.enforceRetention(NOW_MS + 6 * HOUR_MS, ALL)).toBe(0);
    expect(log.upkeep.enforceRetention(NOW_MS + 6 * HOUR_MS + 1, ALL)).toBe(1);
  });

  it('goes by when a file was written last where records have no timestamps', () => {
    let nowMs = NOW_MS;
    const { log } = fresh({ retentionMsMax: HOUR_MS }, { nowMs: () => nowMs });
    expect(append(log, batch({ timestamps: [-1] }))).toBe(0);
    nowMs += 2 * HOUR_MS;
    expect(append(log, batch({ timestamps: [-1] }))).toBe(0);
    expect(log.upkeep.enforceRetention(nowMs, ALL)).toBe(0);
    expect(log.upkeep.enforceRetention(nowMs + HOUR_MS + 1, ALL)).toBe(1);
  });

  it('never expires anything with a policy that does not delete, or without a limit', () => {
    for (const settings of [
      { retentionMsMax: HOUR_MS, isDeleted: false },
      { retentionMsMax: Number.POSITIVE_INFINITY },
    ]) {
      const { log } = fresh(settings);
      segments(log, [1, 2, NOW_MS]);
      expect(log.upkeep.enforceRetention(NOW_MS, ALL)).toBe(0);
    }
  });

  it('takes new settings at once', () => {
    const { log } = fresh({ retentionMsMax: Number.POSITIVE_INFINITY });
    segments(log, [1, NOW_MS]);
    log.configure({ ...SMALL, retentionMsMax: HOUR_MS });
    expect(log.upkeep.enforceRetention(NOW_MS, ALL)).toBe(1);
  });
});

describe('retention by time, where the time index could not be written to its end', () => {
  const settings = { ...SMALL, segmentBytesMax: 1_000_000, indexIntervalBytes: 100, retentionMsMax: HOUR_MS };
  const atMinute = (minute: number) => NOW_MS + (minute - 300) * 60_000;

  /** A segment of 300 minutes and the next one; writes number `from` to `upTo` of its time index are refused. */
  function sealed(from: number, upTo: number, errno: 'EIO' | 'ENOSPC') {
    const { disk, log } = fresh(settings);
    const { write } = disk;
    let count = 0;
    disk.write = (fd, ...rest) => {
      const isTimes = disk.pathOf(fd) === `${FOLDER}/00000000000000000000.timeindex`;
      if (isTimes && count >= from && count < upTo) disk.failNext('write', errno);
      if (isTimes) count += 1;
      return write.call(disk, fd, ...rest);
    };
    for (let minute = 0; minute < 300; minute++) {
      expect(append(log, batch({ timestamps: [atMinute(minute)], valueBytes: 100 }))).toBe(0);
    }
    expect(log.roll(NOW_MS)).toBe(true);
    expect(append(log, batch({ timestamps: [atMinute(300)] }))).toBe(0);
    disk.write = write;
    return { disk, log, count };
  }

  it.each(['EIO', 'ENOSPC'] as const)('goes by the batches after a start (%s)', (errno) => {
    for (let from = 0; from < sealed(0, 0, errno).count + 1; from++) {
      for (const length of [1, 2, ALL]) {
        const { disk, log } = sealed(from, from + length, errno);
        expect(log.close(true)).toBe(0);
        const again = open(makeTools(disk).tools, { settings, recoveryPoint: 301 });
        expect(again.upkeep.enforceRetention(atMinute(359), ALL), `${from} ${length}`).toBe(0);
        expect(again.findByTimestamp(atMinute(299), 0).offset).toBe(299);
        expect(again.upkeep.enforceRetention(atMinute(359.5), ALL)).toBe(1);
      }
    }
  });
});

describe('retention by time, where a damaged batch hides later ones', () => {
  const settings = { ...SMALL, segmentBytesMax: 1_000_000, retentionMsMax: HOUR_MS };

  it.each([
    ['after a clean stop', true],
    ['after a crash', false],
  ])('goes by when the file was written last: %s', (_when, isClean) => {
    for (const damage of ['missing', 'rotten'] as const) {
      let nowMs = NOW_MS;
      const { disk, log } = fresh(settings, { nowMs: () => nowMs });
      for (let minute = 0; minute < 120; minute++) {
        expect(append(log, batch({ timestamps: [NOW_MS + (minute - 120) * 60_000], valueBytes: 100 }))).toBe(0);
      }
      expect(log.roll(NOW_MS)).toBe(true);
      expect(append(log, batch({ timestamps: [NOW_MS] }))).toBe(0);
      expect(log.close(true)).toBe(0);
      const stem = `${FOLDER}/00000000000000000000`;
      disk.corrupt(`${stem}.log`, batch({ valueBytes: 100 }).length * 3 + 16, new Uint8Array([9]));
      for (const suffix of ['index', 'timeindex']) {
        if (damage === 'missing') disk.remove(`${stem}.${suffix}`);
        else disk.corrupt(`${stem}.${suffix}`, 0, new Uint8Array(disk.contentOf(`${stem}.${suffix}`).length).fill(255));
      }
      for (let start = 0; start < 2; start++) {
        const parts = { settings, recoveryPoint: 121, isClean: isClean || start === 1 };
        const again = open(makeTools(disk).tools, parts);
        expect(again.upkeep.enforceRetention(NOW_MS + 0.9 * HOUR_MS, ALL), `${damage} ${start}`).toBe(0);
        expect(again.close(true)).toBe(0);
      }
      const last = open(makeTools(disk).tools, { settings, recoveryPoint: 121 });
      nowMs = NOW_MS + 1.1 * HOUR_MS;
      expect(last.upkeep.enforceRetention(nowMs, 1)).toBe(1);
    }
  });
});

describe('retention by size', () => {
  it('keeps at least retention.bytes: a segment goes only when the rest still has as many', () => {
    const { log } = fresh({ retentionMsMax: Number.POSITIVE_INFINITY });
    segments(log, [1, 2, 3, 4]);
    const segmentBytes = log.totalBytes / 4;
    log.configure({ ...SMALL, retentionMsMax: Number.POSITIVE_INFINITY, retentionBytesMax: 2 * segmentBytes + 1 });
    expect(log.upkeep.enforceRetention(NOW_MS, ALL)).toBe(1);
    log.configure({ ...SMALL, retentionMsMax: Number.POSITIVE_INFINITY, retentionBytesMax: 2 * segmentBytes });
    expect(log.upkeep.enforceRetention(NOW_MS, ALL)).toBe(1);
    expect(log.watermarks.start).toBe(2);
  });

  it('counts no bytes that a failed flush has put in doubt, until a start has looked at them', () => {
    const { log, disk } = fresh({ retentionBytesMax: 400 });
    segments(log, [NOW_MS, NOW_MS, NOW_MS, NOW_MS]);
    const due = log.beginSync(NOW_MS);
    expect(due).toBeGreaterThan(0);
    log.endSync(-5);
    expect(log.upkeep.enforceRetention(NOW_MS, ALL)).toBe(0);
    expect(names(disk, '.log')).toHaveLength(4);
  });

  it('of 0 lets everything go', () => {
    const { log } = fresh({ retentionBytesMax: 0 });
    segments(log, [NOW_MS, NOW_MS]);
    while (log.upkeep.enforceRetention(NOW_MS, ALL) > 0);
    expect(log.watermarks).toMatchObject({ start: 2, end: 2 });
    expect(log.totalBytes).toBe(0);
  });
});

describe('what retention must not do', () => {
  it('passes neither the high watermark nor its budget', () => {
    const { log } = fresh({ retentionMsMax: HOUR_MS, isSyncedBeforeAck: true });
    segments(log, [1, 2, 3]);
    expect(log.watermarks.high).toBe(0);
    expect(log.upkeep.enforceRetention(NOW_MS, ALL)).toBe(0);
    log.configure({ ...SMALL, retentionMsMax: HOUR_MS });
    expect(log.upkeep.enforceRetention(NOW_MS, 1)).toBe(1);
    expect(log.watermarks.start).toBe(1);
  });

  it('takes a file from a reader, or removes it before file.delete.delay.ms has passed', () => {
    const { log, tools } = fresh({ retentionMsMax: HOUR_MS, fileDeleteDelayMs: 1000 });
    segments(log, [1, NOW_MS]);
    const lease = log.read(0, 10_000, READ_FLAG_FIRST_BATCH_WHOLE);
    const { fd, position, length } = lease;
    expect(log.upkeep.enforceRetention(NOW_MS, ALL)).toBe(1);
    expect(tools.removed.takeDue(NOW_MS, ALL, false)).toEqual([]);
    expect(tools.removed.takeDue(NOW_MS + 1000, ALL, false)).toEqual([]);
    const memory = tools.disk.allocate(length);
    expect(tools.disk.read(fd, position, memory, 0, length)).toBe(length);
    log.releaseLease(lease.lease);
    const paths = tools.removed.takeDue(NOW_MS + 1000, ALL, false);
    expect(paths).toContain(`${FOLDER}/00000000000000000000.log.deleted`);
    for (const path of paths) tools.disk.remove(path);
    expect(tools.disk.list(FOLDER).filter((name) => name.includes('.deleted'))).toEqual([]);
  });

  it('leaves snapshots of producers or epochs of removed segments behind', () => {
    const { log, disk } = fresh({ retentionMsMax: HOUR_MS });
    segments(log, [1, 2, NOW_MS]);
    expect(names(disk, '.snapshot')).toHaveLength(2);
    log.upkeep.enforceRetention(NOW_MS, ALL);
    expect(names(disk, '.snapshot')).toEqual(['00000000000000000002.snapshot']);
    expect(new TextDecoder().decode(disk.contentOf(`${FOLDER}/leader-epoch-checkpoint`))).toMatch(/^0\n1\n0 2\s+$/);
  });

  it('comes undone by a restart; what waited to be removed is swept away', () => {
    const { log, disk } = fresh({ retentionMsMax: HOUR_MS });
    segments(log, [1, NOW_MS]);
    log.upkeep.enforceRetention(NOW_MS, ALL);
    disk.crash('kill');
    const again = open(makeTools(disk).tools, { isClean: false, leaderEpoch: 1 });
    expect(again.watermarks).toMatchObject({ start: 1, end: 2 });
    expect(names(disk, '.deleted')).toEqual([]);
  });

  it('needs room on the disk: where there is none for another name, files go at once', () => {
    const { log, disk } = fresh({ retentionMsMax: HOUR_MS });
    segments(log, [1, NOW_MS]);
    expect(log.moveStart(1)).toBe(0);
    segments(log, [NOW_MS]);
    log.roll(NOW_MS);
    for (let count = 0; count < 8; count++) disk.failNext('rename', 'ENOSPC');
    expect(log.upkeep.enforceRetention(NOW_MS + 2 * HOUR_MS, ALL)).toBeGreaterThan(0);
    expect(names(disk, '.log')).toHaveLength(1);
  });

  it('harms a log whose disk refuses', () => {
    const { log, disk } = fresh({ retentionMsMax: HOUR_MS });
    segments(log, [1, 2, NOW_MS]);
    // The epochs, which are only worth a warning, are written down first, then the oldest segment gets its other name.
    disk.failNext('write', 'EIO');
    disk.failNext('rename', 'EIO');
    expect(() => log.upkeep.enforceRetention(NOW_MS, ALL)).toThrow('.log');
    expect(log.segmentCount).toBe(3);
    expect(log.read(2, 1000, READ_FLAG_FIRST_BATCH_WHOLE).length).toBeGreaterThan(0);
    while (log.upkeep.enforceRetention(NOW_MS, ALL) > 0);
    expect(log.segmentCount).toBe(1);
  });
});

describe('the age of segments', () => {
  it('is shortened by a part of segment.jitter.ms that differs from segment to segment', () => {
    const settings = { ...SMALL, segmentMsMax: 1000, segmentJitterMsMax: 900 };
    const rolls: number[] = [];
    const { log } = fresh(settings);
    let last = NOW_MS;
    for (let passed = 0; passed < 30_000; passed += 10) {
      const before = log.segmentCount;
      queue(log, batch({ timestamps: [NOW_MS + passed], valueBytes: 1 }), 0, NOW_MS + passed);
      log.flushWrites();
      if (log.segmentCount === before) continue;
      rolls.push(NOW_MS + passed - last);
      last = NOW_MS + passed;
    }
    expect(Math.max(...rolls)).toBeLessThanOrEqual(1010);
    expect(Math.min(...rolls)).toBeGreaterThanOrEqual(100);
    expect(new Set(rolls).size).toBeGreaterThan(3);
  });

  it('is max.compaction.lag.ms at most where the log is compacted', () => {
    for (const isCompacted of [false, true]) {
      const { log } = fresh({ isCompacted, compactionLagMsMax: 500 });
      const key = new Uint8Array([1]);
      expect(append(log, batch({ timestamps: [NOW_MS], key }))).toBe(0);
      expect(append(log, batch({ timestamps: [NOW_MS + 501], key }))).toBe(0);
      expect(log.segmentCount).toBe(isCompacted ? 2 : 1);
    }
  });

  it('is not taken off whole by a jitter that is longer', () => {
    const { log } = fresh({ isCompacted: true, compactionLagMsMax: 1000, segmentJitterMsMax: HOUR_MS });
    for (let count = 0; count < 20; count++) {
      expect(append(log, batch({ timestamps: [NOW_MS], key: new Uint8Array([1]), valueBytes: 1 }))).toBe(0);
    }
    expect(log.segmentCount).toBe(1);
  });
});

it('whatever the timestamps, sizes and limits: what is left is a suffix, and nothing unexpired is gone', () => {
  const segment = fc.record({ age: fc.integer({ min: -5, max: 20 }), bytes: fc.integer({ min: 1, max: 800 }) });
  const limits = fc.record({
    ms: fc.constantFrom(0, 5, 10, Number.POSITIVE_INFINITY),
    bytes: fc.constantFrom(0, 700, 2000, Number.POSITIVE_INFINITY),
    countMax: fc.integer({ min: 1, max: 4 }),
  });
  fc.assert(
    fc.property(fc.array(segment, { minLength: 1, maxLength: 12 }), limits, (list, { ms, bytes, countMax }) => {
      const { log } = fresh({ retentionMsMax: ms, retentionBytesMax: bytes });
      const sizes: number[] = [];
      for (const [index, { age, bytes: valueBytes }] of list.entries()) {
        if (index > 0) log.roll(NOW_MS);
        const before = log.totalBytes;
        append(log, batch({ timestamps: [NOW_MS - age], valueBytes }));
        sizes.push(log.totalBytes - before);
      }
      while (log.upkeep.enforceRetention(NOW_MS, countMax) > 0);
      const { start } = log.watermarks;
      for (let index = 0; index < start; index++) {
        const isOld = (list[index]?.age ?? 0) > ms;
        const left = sizes.slice(index + 1).reduce((sum, size) => sum + size, 0);
        expect(isOld || left >= bytes).toBe(true);
      }
      if (start < list.length) {
        const left = sizes.slice(start + 1).reduce((sum, size) => sum + size, 0);
        expect((list[start]?.age ?? 0) > ms || left >= bytes).toBe(false);
      }
    }),
    { numRuns: 300 },
  );
});
