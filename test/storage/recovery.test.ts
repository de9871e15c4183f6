import { describe, expect, it } from 'vitest';
import { AbortedList } from '../../src/storage/aborted-index.ts';
import { noteFailedFlush } from '../../src/storage/failed-flush.ts';
import { recoverPartition } from '../../src/storage/recovery.ts';
import { APPEND_FLAG_INTERNAL } from '../../src/zerocopy/layout.ts';
import { FakeDisk } from '../support/fake-disk.ts';
import { append, batch, FOLDER, makeTools, marker, NOW_MS, open, queue, readBytes, SMALL } from './storage-kit.ts';

const ARGS = {
  folder: FOLDER,
  partitionName: 'orders-0',
  recoveryPoint: 0,
  writtenOffset: -1,
  indexIntervalBytes: 200,
  mayHaveGaps: false,
  cleanedOffset: 0,
  isSynced: false,
  isFlushShared: false,
  nowMs: NOW_MS,
};
const LOG_FILE = `${FOLDER}/00000000000000000000.log`;

function written(...batches: Uint8Array[]): FakeDisk {
  const disk = new FakeDisk();
  const { tools } = makeTools(disk);
  const log = open(tools);
  append(log, ...batches);
  disk.crash('kill');
  return disk;
}

function cut(disk: FakeDisk, sizeBytes: number): void {
  const fd = disk.open(LOG_FILE, 'read-write');
  disk.truncate(fd, sizeBytes);
  disk.close(fd);
}

describe('recovery', () => {
  it('cuts a tail torn at any byte back to the last whole batch', () => {
    const one = batch({ count: 2 });
    const two = batch({ count: 1, valueBytes: 33 });
    const three = batch({ count: 3 });
    const ends = [0, one.length, one.length + two.length, one.length + two.length + three.length];
    const offsets = [0, 2, 3, 6];
    for (let size = 0; size <= (ends[3] ?? 0); size++) {
      const disk = written(one, two, three);
      cut(disk, size);
      const report = recoverPartition(makeTools(disk).tools, ARGS);
      const index = ends.findLastIndex((end) => end <= size);
      expect(report.endOffset).toBe(offsets[index]);
      expect(report.bytesCut).toBe(size - (ends[index] ?? 0));
      expect(disk.contentOf(LOG_FILE).length).toBe(ends[index]);
    }
  });

  it('cuts at a flipped bit anywhere in the last batch but its leader epoch', () => {
    const one = batch({ count: 2 });
    const two = batch({ count: 1, valueBytes: 5 });
    for (let at = 0; at < two.length; at++) {
      if (at >= 12 && at < 16) continue;
      const disk = written(one, two);
      const byte = disk.contentOf(LOG_FILE)[one.length + at] ?? 0;
      disk.corrupt(LOG_FILE, one.length + at, new Uint8Array([byte ^ 1]));
      const { endOffset } = recoverPartition(makeTools(disk).tools, ARGS);
      // A base offset outside the checksum may only have become larger: then the batch is whole, and the log has a gap.
      if (at < 8 && endOffset !== 2) expect(endOffset).toBeGreaterThan(3);
      else expect(endOffset).toBe(2);
    }
  });

  describe('where the disk does not give the bytes', () => {
    const logs = (disk: FakeDisk) => disk.list(FOLDER).filter((name) => name.endsWith('.log'));
    const sizes = (disk: FakeDisk) => logs(disk).map((name) => disk.contentOf(`${FOLDER}/${name}`).length);

    /** `isRefused`: of the reads of batches, counted from 0. */
    function failReads(disk: FakeDisk, isRefused: (count: number) => boolean): () => void {
      const { read } = disk;
      let count = 0;
      disk.read = (fd, ...rest) => {
        if (disk.pathOf(fd).endsWith('.log') && isRefused(count++)) disk.failNext('read', 'EIO');
        return read.call(disk, fd, ...rest);
      };
      return () => {
        disk.read = read;
      };
    }

    it('cuts nothing off, whichever read it is, and finds all when it is asked again', () => {
      for (const writtenOffset of [-1, 35]) {
        for (let refused = 0, wasRefused = true; wasRefused; refused++) {
          const disk = written(...Array.from({ length: 40 }, () => batch({ valueBytes: 100 })));
          const before = sizes(disk);
          expect(before.length).toBeGreaterThan(3);
          wasRefused = false;
          const stop = failReads(disk, (count) => {
            if (count === refused) wasRefused = true;
            return count === refused;
          });
          try {
            expect(recoverPartition(makeTools(disk).tools, { ...ARGS, writtenOffset }).endOffset).toBe(40);
          } catch (error) {
            expect(String(error)).toContain('could not be read');
          }
          stop();
          expect(sizes(disk)).toEqual(before);
          expect(recoverPartition(makeTools(disk).tools, { ...ARGS, writtenOffset }).endOffset).toBe(40);
        }
      }
    });

    it('does not open the log', () => {
      const disk = written(batch());
      failReads(disk, () => true);
      expect(() => open(makeTools(disk).tools, { isClean: false })).toThrow(
        /00000.log could not be read behind byte 0: EIO/,
      );
    });

    // Its end was taken for lost, and the log went on in another segment.
    it('does not open a log that was closed well either', () => {
      const disk = new FakeDisk();
      const log = open(makeTools(disk).tools);
      append(log, batch(), batch());
      log.close(true);
      const snapshot = `${FOLDER}/00000000000000000002.snapshot`;
      for (const firstRefused of [0, 1]) {
        // The second read is the one for the producers.
        if (firstRefused === 1) disk.remove(snapshot);
        const stop = failReads(disk, (count) => count >= firstRefused);
        expect(() => open(makeTools(disk).tools, { recoveryPoint: 2 })).toThrow(/could not be read behind byte 0: EIO/);
        stop();
        expect(logs(disk)).toHaveLength(1);
      }
      expect(open(makeTools(disk).tools, { recoveryPoint: 2 }).watermarks.end).toBe(2);
    });

    it('does not forget an open transaction that it cannot read', () => {
      for (let refused = 0; refused < 40; refused++) {
        const disk = new FakeDisk();
        const log = open(makeTools(disk).tools);
        append(log, batch({ producerId: 4, producerEpoch: 0, baseSequence: 0, isTransactional: true }));
        for (let index = 0; index < 50; index++) append(log, batch({ valueBytes: 100 }));
        disk.crash('kill');
        for (const name of disk.list(FOLDER)) if (name.endsWith('.snapshot')) disk.remove(`${FOLDER}/${name}`);
        const stop = failReads(disk, (count) => count === refused);
        let stable = 0;
        try {
          stable = open(makeTools(disk).tools, { isClean: false, recoveryPoint: 50, writtenOffset: 51 }).watermarks
            .stable;
        } catch (error) {
          expect(String(error)).toContain('could not be read');
        }
        stop();
        expect(stable).toBe(0);
      }
    });
  });

  it('cuts nothing out of a segment that is vouched for, though its index and a batch of it are damaged', () => {
    const disk = written(...Array.from({ length: 40 }, () => batch({ valueBytes: 100 })));
    const size = disk.contentOf(LOG_FILE).length;
    disk.corrupt(LOG_FILE.replace('.log', '.index'), 0, new Uint8Array(16).fill(255));
    disk.corrupt(LOG_FILE, batch({ valueBytes: 100 }).length * 2 + 16, new Uint8Array([9]));
    expect(recoverPartition(makeTools(disk).tools, { ...ARGS, recoveryPoint: 40 })).toMatchObject({
      endOffset: 40,
      bytesCut: 0,
    });
    expect(disk.contentOf(LOG_FILE).length).toBe(size);
  });

  // Once all was scanned from its beginning, and cut at the rotten record, though the checkpoint vouches for what is behind it.
  it('of a log that was closed well and has bytes behind its end cuts off nothing but those', () => {
    const disk = new FakeDisk();
    const log = open(makeTools(disk).tools);
    for (let index = 0; index < 40; index++) append(log, batch({ valueBytes: 100 }));
    expect(log.close(true)).toBe(0);
    const last = `${FOLDER}/${disk.list(FOLDER).findLast((name) => name.endsWith('.log'))}`;
    const size = disk.contentOf(last).length;
    disk.corrupt(last, size, new Uint8Array(10).fill(7));
    disk.corrupt(LOG_FILE, batch({ valueBytes: 100 }).length * 3 + 80, new Uint8Array([1, 2, 3]));
    const { tools } = makeTools(disk);
    const again = open(tools, { recoveryPoint: 40 });
    expect(again.watermarks).toMatchObject({ start: 0, high: 40, end: 40 });
    expect(disk.contentOf(last).length).toBe(size);
    expect(readBytes(tools, again, 39).length).toBe(batch({ valueBytes: 100 }).length);
  });

  it('cuts zeros that a power cut left behind the last write', () => {
    const disk = written(batch());
    const size = disk.contentOf(LOG_FILE).length;
    disk.corrupt(LOG_FILE, size, new Uint8Array(5000));
    expect(recoverPartition(makeTools(disk).tools, ARGS)).toMatchObject({ endOffset: 1, bytesCut: 5000 });
  });

  // What a power cut left there would come back with the next one: `test/crash/stale-end` shows it on a file system.
  it.each([
    ['after another boot', { writtenOffset: -1 }, true, true],
    ['where all is flushed afterwards', { writtenOffset: -1, isFlushShared: true }, true, false],
    ['not under the same boot', { writtenOffset: 1 }, false, false],
  ])('clears what lies behind the end of the last file, on the device: %s', (_when, args, isCleared, isFlushed) => {
    const disk = written(batch());
    const size = disk.contentOf(LOG_FILE).length;
    const sizes: number[] = [];
    const { truncate } = disk;
    disk.truncate = (fd, sizeBytes) => {
      if (disk.pathOf(fd) === LOG_FILE) sizes.push(sizeBytes);
      truncate.call(disk, fd, sizeBytes);
    };
    expect(recoverPartition(makeTools(disk).tools, { ...ARGS, ...args }).endOffset).toBe(1);
    expect(sizes).toEqual(isCleared ? [size + 4096, size] : []);
    expect(disk.isSynced(LOG_FILE)).toBe(isFlushed);
    expect(disk.contentOf(LOG_FILE).length).toBe(size);
  });

  it('scans nothing before what was written under this boot', () => {
    const disk = new FakeDisk();
    const log = open(makeTools(disk).tools, { settings: { ...SMALL, segmentBytesMax: 1_000_000 } });
    for (let index = 0; index < 3000; index++) append(log, batch());
    disk.crash('kill');
    const { bytesScanned, endOffset } = recoverPartition(makeTools(disk).tools, { ...ARGS, writtenOffset: 2990 });
    expect(endOffset).toBe(3000);
    expect(bytesScanned).toBeLessThan(40_000);
  });

  // Some file systems drop the pages of a flush that failed: what was written is not what is read.
  it('believes nothing of what was written, where a flush failed that is not known to be flushed', () => {
    const disk = written(batch(), batch({ valueBytes: 300 }), batch());
    noteFailedFlush(makeTools(disk).tools, FOLDER);
    const { sizeBytes } = disk.stat(LOG_FILE)!;
    disk.corrupt(LOG_FILE, sizeBytes - 200, new Uint8Array(32));
    const report = recoverPartition(makeTools(disk).tools, { ...ARGS, recoveryPoint: 1, writtenOffset: 3 });
    expect(report).toMatchObject({ endOffset: 1, recoveryPoint: 1 });
  });

  it('makes damaged and missing index files anew, byte for byte', () => {
    const disk = new FakeDisk();
    const log = open(makeTools(disk).tools, { settings: { ...SMALL, segmentBytesMax: 1_000_000 } });
    for (let index = 0; index < 300; index++) append(log, batch({ timestamps: [NOW_MS + index] }));
    expect(log.close(true)).toBe(0);
    const names = ['index', 'timeindex'].map((suffix) => `${FOLDER}/00000000000000000000.${suffix}`);
    const before = names.map((name) => disk.contentOf(name));
    expect(before[0]?.length).toBeGreaterThan(500);
    disk.corrupt(names[0] ?? '', 100, new Uint8Array(64).fill(255));
    disk.remove(names[1] ?? '');
    recoverPartition(makeTools(disk).tools, ARGS);
    expect(names.map((name) => disk.contentOf(name))).toEqual(before);
  });

  it('takes an unclean folder of Kafka, whose indexes are filled with zeros in advance', () => {
    const disk = new FakeDisk();
    const log = open(makeTools(disk).tools, { settings: { ...SMALL, segmentBytesMax: 1_000_000 } });
    for (let index = 0; index < 300; index++) append(log, batch({ timestamps: [NOW_MS + index] }));
    expect(log.close(true)).toBe(0);
    for (const suffix of ['index', 'timeindex']) {
      const path = `${FOLDER}/00000000000000000000.${suffix}`;
      disk.corrupt(path, disk.contentOf(path).length, new Uint8Array(12_000));
    }
    for (const isClean of [true, false]) {
      const { tools } = makeTools(disk);
      const again = open(tools, { isClean, settings: { ...SMALL, segmentBytesMax: 1_000_000 } });
      expect(again.watermarks.end).toBe(300);
      expect(again.findByTimestamp(NOW_MS + 250, 0).offset).toBe(250);
      expect(readBytes(tools, again, 299).length).toBeGreaterThan(0);
      again.close(true);
    }
  });

  it('remembers producers, their last batch and their open transactions', () => {
    const producer = { producerId: 4, producerEpoch: 1 };
    const disk = written(
      batch({ ...producer, baseSequence: 0, count: 3 }),
      batch({ ...producer, baseSequence: 3, count: 2, isTransactional: true }),
    );
    const log = open(makeTools(disk).tools, { isClean: false });
    expect(log.watermarks).toMatchObject({ stable: 3, high: 5 });
    expect(queue(log, batch({ ...producer, baseSequence: 3, count: 2, isTransactional: true }))).toBe(0);
    expect(log.appended).toMatchObject({ isDuplicate: true, baseOffset: 3 });
    expect(queue(log, batch({ ...producer, baseSequence: 6, isTransactional: true }))).toBe(45);
    expect(queue(log, batch({ ...producer, producerEpoch: 0, baseSequence: 0 }))).toBe(47);
  });

  it('keeps the aborted transactions of older segments whose other indexes it makes anew', () => {
    const disk = new FakeDisk();
    const log = open(makeTools(disk).tools, { settings: { ...SMALL, segmentBytesMax: 1_000_000 } });
    append(log, batch({ producerId: 7, producerEpoch: 0, baseSequence: 0, isTransactional: true, valueBytes: 300 }));
    queue(log, marker(7, 0, false), APPEND_FLAG_INTERNAL);
    log.flushWrites();
    append(log, batch({ valueBytes: 300 }), batch());
    log.roll(NOW_MS);
    append(log, batch());
    disk.crash('kill');
    disk.corrupt(`${FOLDER}/00000000000000000000.index`, 0, new Uint8Array(16).fill(255));
    const again = open(makeTools(disk).tools, { isClean: false, recoveryPoint: 4 });
    const list = new AbortedList(4);
    again.collectAborted(0, 5, list);
    expect(list.count).toBe(1);
    expect(again.watermarks).toMatchObject({ stable: 5, end: 5 });
  });

  it('trusts a producer snapshot under the same boot, and replays only what lies behind it', () => {
    const disk = new FakeDisk();
    const producer = { producerId: 4, producerEpoch: 0 };
    const log = open(makeTools(disk).tools, { settings: { ...SMALL, segmentBytesMax: 1_000_000 } });
    append(log, batch({ ...producer, baseSequence: 0, count: 3 }));
    log.roll(NOW_MS);
    append(log, batch({ ...producer, baseSequence: 3, count: 2 }));
    disk.crash('kill');
    const again = open(makeTools(disk).tools, { isClean: false, writtenOffset: 0 });
    expect(again.watermarks.end).toBe(5);
    expect(queue(again, batch({ ...producer, baseSequence: 3, count: 2 }))).toBe(0);
    expect(again.appended).toMatchObject({ isDuplicate: true, baseOffset: 3 });
    expect(queue(again, batch({ ...producer, baseSequence: 5 }))).toBe(0);
    expect(again.appended.isDuplicate).toBe(false);
  });

  describe('of a log whose first segments are gone', () => {
    const settings = { ...SMALL, segmentBytesMax: 1_000_000 };
    const producer = { producerId: 7, producerEpoch: 0 };
    const snapshot = (offset: number) => `${FOLDER}/0000000000000000000${offset}.snapshot`;

    /** Offsets: 0 opens a transaction, 1 ends it, then a batch for each of 2 … 4, each with a segment of its own; 2 is the first. */
    function withoutFirst(): FakeDisk {
      const disk = new FakeDisk();
      const begun = open(makeTools(disk).tools, { settings });
      append(begun, batch({ ...producer, baseSequence: 0, isTransactional: true }));
      disk.crash('kill');
      // What a start finds it writes down: a snapshot that knows of the open transaction.
      const log = open(makeTools(disk).tools, { settings, isClean: false });
      expect(disk.stat(snapshot(1))).not.toBeNull();
      queue(log, marker(7, 0, true), APPEND_FLAG_INTERNAL);
      log.flushWrites();
      for (let sequence = 0; sequence < 3; sequence++) {
        expect(log.roll(NOW_MS)).toBe(true);
        append(log, batch({ producerId: 9, producerEpoch: 0, baseSequence: sequence }));
      }
      expect(log.moveStart(2)).toBe(0);
      expect(log.segmentCount).toBe(3);
      disk.crash('kill');
      return disk;
    }

    it('does not believe a snapshot from before them: nobody would end the transactions that it has open', () => {
      const disk = withoutFirst();
      // As a power cut leaves it.
      disk.remove(snapshot(2));
      const log = open(makeTools(disk).tools, { settings, isClean: false, logStartOffset: 2 });
      expect(log.watermarks).toMatchObject({ start: 2, stable: 5, end: 5 });
    });

    it('goes on with the first sound snapshot behind the first segment left, whoever vouches for it', () => {
      const disk = withoutFirst();
      disk.remove(snapshot(2));
      const log = open(makeTools(disk).tools, { settings, isClean: false, logStartOffset: 2 });
      expect(queue(log, batch({ ...producer, baseSequence: 1 }))).toBe(0);
      expect(queue(log, batch({ producerId: 9, producerEpoch: 0, baseSequence: 0 }))).toBe(0);
      expect(log.appended).toMatchObject({ isDuplicate: true, baseOffset: 2 });
      log.flushWrites();
      expect(log.watermarks.stable).toBe(6);
    });

    it('forgets what a snapshot knows of batches that are lost', () => {
      const disk = withoutFirst();
      for (const offset of [2, 3]) disk.remove(snapshot(offset));
      const lost = `${FOLDER}/00000000000000000003.log`;
      disk.corrupt(lost, 20, new Uint8Array(4).fill(255));
      const log = open(makeTools(disk).tools, { settings, isClean: false, logStartOffset: 2 });
      expect(log.watermarks).toMatchObject({ start: 2, stable: 3, end: 3 });
      expect(disk.stat(snapshot(4))).toBeNull();
      expect(queue(log, batch({ producerId: 9, producerEpoch: 0, baseSequence: 1 }))).toBe(0);
      expect(log.appended).toMatchObject({ isDuplicate: false, baseOffset: 3 });
    });
  });

  it('puts the producers it found on the device, where acknowledgements wait for that, as a clean stop does', () => {
    const disk = written(batch({ producerId: 4, producerEpoch: 0, baseSequence: 0, count: 3 }));
    recoverPartition(makeTools(disk).tools, { ...ARGS, isSynced: true });
    expect(disk.isSynced(`${FOLDER}/00000000000000000003.snapshot`)).toBe(true);
    const log = open(makeTools(disk).tools, { settings: { ...SMALL, isSyncedBeforeAck: true } });
    append(log, batch({ producerId: 4, producerEpoch: 0, baseSequence: 3 }));
    expect(log.close(true)).toBe(0);
    expect(disk.isSynced(`${FOLDER}/00000000000000000004.snapshot`)).toBe(true);
  });

  // Batches that are vouched for are not asked: the epoch then began where the log ended, and who had read lost records did not hear of it.
  it('has the epoch that began behind a cut on the device when the log is closed well', () => {
    const epochs = `${FOLDER}/leader-epoch-checkpoint`;
    const disk = written(batch());
    const log = open(makeTools(disk).tools, { isClean: false, leaderEpoch: 1 });
    append(log, batch());
    expect(disk.isSynced(epochs)).toBe(false);
    expect(log.close(true)).toBe(0);
    expect(disk.isSynced(epochs)).toBe(true);
  });

  it('collects epochs from the batches when their file is lost', () => {
    const disk = new FakeDisk();
    const log = open(makeTools(disk).tools);
    append(log, batch({ count: 3 }));
    log.beginEpoch(4);
    append(log, batch());
    disk.crash('kill');
    disk.remove(`${FOLDER}/leader-epoch-checkpoint`);
    const again = open(makeTools(disk).tools, { isClean: false, leaderEpoch: 5 });
    expect(again.findEpochEnd(0)).toEqual({ epoch: 0, endOffset: 3 });
    expect(again.findEpochEnd(4)).toEqual({ epoch: 4, endOffset: 4 });
  });

  it('says so when a log that was closed well turns out damaged, and recovers it', () => {
    const disk = written(batch(), batch());
    cut(disk, disk.contentOf(LOG_FILE).length - 1);
    const { tools, warnings } = makeTools(disk);
    expect(open(tools, { isClean: true }).watermarks.end).toBe(1);
    expect(warnings.join()).toContain('said to be closed well');
  });

  it('refuses a folder that belongs to another topic of the same name', () => {
    const disk = written(batch());
    expect(() => open(makeTools(disk).tools, { topicId: 'BBBBBBBBBBBBBBBBBBBBBQ' })).toThrow(/belongs to topic id/);
  });
});
