import { describe, expect, it } from 'vitest';
import {
  batchBaseOffset,
  batchBytes,
  batchLeaderEpoch,
  CODEC_LZ4,
  CODEC_ZSTD,
  stampTimestamp,
} from '../../src/protocol/batch.ts';
import { AbortedList } from '../../src/storage/aborted-index.ts';
import { EntryFile } from '../../src/storage/entry-file.ts';
import { FileHandle } from '../../src/storage/file-cache.ts';
import { INDEX_PAGES } from '../../src/storage/index-pages.ts';
import {
  APPEND_FLAG_INTERNAL,
  READ_FLAG_COMMITTED,
  READ_FLAG_FIRST_BATCH_WHOLE,
  READ_FLAG_ZSTD_REFUSED,
} from '../../src/zerocopy/layout.ts';
import { FakeCrash, FakeDisk } from '../support/fake-disk.ts';
import {
  append,
  batch,
  FOLDER,
  inMemory,
  makeTools,
  marker,
  NOW_MS,
  open,
  queue,
  readBytes,
  SMALL,
} from './storage-kit.ts';

function fresh(settings = SMALL) {
  const disk = new FakeDisk();
  const { tools, warnings } = makeTools(disk);
  return { disk, tools, warnings, log: open(tools, { settings }) };
}

function baseOffsets(bytes: Uint8Array): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const offsets: number[] = [];
  for (let at = 0; at < bytes.length; at += batchBytes(view, at)) offsets.push(batchBaseOffset(view, at));
  return offsets;
}

describe('appending', () => {
  it('gives offsets in order, stamps them into the received bytes and writes once a turn', () => {
    const { disk, tools, log } = fresh();
    const memory = inMemory(batch({ count: 3 }));
    expect(log.append(memory, 0, memory.bytes.length, 0, NOW_MS)).toBe(0);
    expect(log.appended).toMatchObject({ baseOffset: 0, lastOffset: 2, logAppendTimeMs: -1, isDuplicate: false });
    expect(queue(log, batch({ count: 2 }))).toBe(0);
    expect(log.appended.baseOffset).toBe(3);
    expect(log.watermarks.end).toBe(0);
    const writes = disk.counts.write;
    expect(log.flushWrites()).toBeGreaterThan(0);
    expect(disk.counts.write).toBe(writes + 1);
    expect(log.watermarks).toMatchObject({ start: 0, stable: 5, high: 5, end: 5 });
    expect(batchBaseOffset(memory.view, 0)).toBe(0);
    expect(batchLeaderEpoch(memory.view, 0)).toBe(0);
    expect(baseOffsets(readBytes(tools, log, 0))).toEqual([0, 3]);
  });

  it('refuses a damaged batch and says why', () => {
    const { log } = fresh();
    const bytes = batch();
    bytes[70] = (bytes[70] ?? 0) ^ 1;
    expect(queue(log, bytes)).toBe(2);
    expect(log.appended.reason).toBeGreaterThan(0);
    expect(log.flushWrites()).toBe(0);
  });

  it('refuses a batch that no segment can hold', () => {
    const { log } = fresh();
    expect(queue(log, batch({ valueBytes: 3000 }))).toBe(18);
  });

  it('stamps append time where the topic wants it', () => {
    const { log } = fresh({ ...SMALL, isLogAppendTime: true });
    expect(append(log, batch({ timestamps: [5] }))).toBe(0);
    expect(log.appended.logAppendTimeMs).toBe(NOW_MS);
    expect(log.findByTimestamp(NOW_MS, 0)).toMatchObject({ offset: 0, timestamp: NOW_MS });
  });

  it('rolls by size and keeps every batch readable across segments', () => {
    const { tools, log } = fresh();
    for (let index = 0; index < 60; index++) expect(append(log, batch({ valueBytes: 100 }))).toBe(0);
    expect(log.segmentCount).toBeGreaterThan(4);
    let offset = 0;
    while (offset < 60) {
      const found = baseOffsets(readBytes(tools, log, offset));
      expect(found[0]).toBe(offset);
      offset += found.length;
    }
    expect(offset).toBe(60);
  });

  it('rolls by record time', () => {
    const { log } = fresh({ ...SMALL, segmentMsMax: 1000 });
    append(log, batch({ timestamps: [NOW_MS] }));
    append(log, batch({ timestamps: [NOW_MS + 1000] }));
    expect(log.segmentCount).toBe(1);
    append(log, batch({ timestamps: [NOW_MS + 1001] }));
    expect(log.segmentCount).toBe(2);
  });

  it('rolls within a turn without losing the order', () => {
    const { tools, log } = fresh();
    for (let index = 0; index < 40; index++) expect(queue(log, batch({ valueBytes: 100 }))).toBe(0);
    expect(log.flushWrites()).toBeGreaterThan(0);
    expect(log.watermarks.end).toBe(40);
    expect(baseOffsets(readBytes(tools, log, 0))[0]).toBe(0);
  });

  it('takes more batches in a turn than one write call takes', () => {
    const { log } = fresh({ ...SMALL, segmentBytesMax: 1_000_000 });
    for (let index = 0; index < 1000; index++) expect(queue(log, batch())).toBe(0);
    expect(log.flushWrites()).toBeGreaterThan(0);
    expect(log.watermarks.end).toBe(1000);
  });
});

describe('reading', () => {
  it('ends on a whole batch, and gives the first one whole only when asked', () => {
    const { log } = fresh();
    const length = batch().length;
    append(log, batch(), batch(), batch());
    const result = log.read(0, length * 2 + 5, 0);
    expect(result).toMatchObject({ position: 0, length: length * 2, endOffset: 2, error: 0 });
    log.releaseLease(result.lease);
    expect(log.read(0, length - 1, 0).length).toBe(0);
    const whole = log.read(1, 1, READ_FLAG_FIRST_BATCH_WHOLE);
    expect(whole).toMatchObject({ position: length, length, endOffset: 2 });
    log.releaseLease(whole.lease);
  });

  it('answers the end with nothing and the outside with an error', () => {
    const { log } = fresh();
    append(log, batch());
    expect(log.read(1, 100, 0)).toMatchObject({ error: 0, length: 0, lease: -1 });
    expect(log.read(2, 100, 0).error).toBe(1);
    expect(log.moveStart(1)).toBe(0);
    expect(log.read(0, 100, 0).error).toBe(1);
  });

  it('finds the batch that holds an offset in its middle', () => {
    const { tools, log } = fresh();
    append(log, batch({ count: 10 }), batch({ count: 10 }));
    expect(baseOffsets(readBytes(tools, log, 14))).toEqual([10]);
  });

  it('asks the disk nothing when a consumer reads on', () => {
    const { disk, tools, log } = fresh();
    append(log, batch());
    readBytes(tools, log, 0);
    append(log, batch());
    const reads = disk.counts.read;
    const result = log.read(1, 1_000_000, 0);
    expect(result.length).toBe(batch().length);
    expect(disk.counts.read).toBe(reads);
    log.releaseLease(result.lease);
  });

  it('keeps zstd from clients that cannot read it', () => {
    const { log } = fresh();
    append(log, batch({ codec: CODEC_ZSTD }), batch());
    expect(log.read(0, 1000, READ_FLAG_ZSTD_REFUSED).error).toBe(76);
    append(log, batch({ codec: CODEC_ZSTD }));
    const result = log.read(1, 1000, READ_FLAG_ZSTD_REFUSED);
    expect(result).toMatchObject({ error: 0, endOffset: 2, length: batch().length });
    log.releaseLease(result.lease);
  });

  it('keeps a removed segment open until its lease comes back', () => {
    const { disk, tools, log } = fresh();
    for (let index = 0; index < 30; index++) append(log, batch({ valueBytes: 100 }));
    const { fd, lease, position, length } = log.read(0, 1_000_000, 0);
    expect(log.moveStart(29)).toBe(0);
    expect(disk.stat(`${FOLDER}/00000000000000000000.log`)).toBeNull();
    const memory = tools.disk.allocate(length);
    expect(disk.read(fd, position, memory, 0, length)).toBe(length);
    log.releaseLease(lease);
    expect(() => disk.sizeBytes(fd)).toThrow();
    expect(log.leaseCount).toBe(0);
  });
});

describe('transactions', () => {
  const transactional = { producerId: 7, producerEpoch: 0, isTransactional: true };

  it('hold the stable offset back until the marker is written', () => {
    const { log } = fresh();
    append(log, batch(), batch({ ...transactional, baseSequence: 0, count: 2 }), batch());
    expect(log.watermarks).toMatchObject({ stable: 1, high: 4 });
    expect(log.read(1, 1000, READ_FLAG_COMMITTED).length).toBe(0);
    expect(queue(log, marker(7, 0, false), APPEND_FLAG_INTERNAL)).toBe(0);
    expect(log.watermarks.stable).toBe(1);
    log.flushWrites();
    expect(log.watermarks).toMatchObject({ stable: 5, high: 5 });
  });

  it('list the aborted ones that overlap a range, also after opening again', () => {
    const { disk, log } = fresh();
    append(log, batch({ ...transactional, baseSequence: 0, count: 2 }));
    queue(log, marker(7, 0, false), APPEND_FLAG_INTERNAL);
    log.flushWrites();
    append(log, batch({ ...transactional, baseSequence: 2 }));
    queue(log, marker(7, 0, true), APPEND_FLAG_INTERNAL);
    log.flushWrites();
    const list = new AbortedList(8);
    log.collectAborted(0, 5, list);
    expect(list.count).toBe(1);
    expect([list.producerIds[0], list.firstOffsets[0]]).toEqual([7, 0]);
    log.collectAborted(3, 5, list);
    expect(list.count).toBe(0);
    disk.crash('kill');
    const again = open(makeTools(disk).tools, { isClean: false });
    again.collectAborted(0, 5, list);
    expect(list.count).toBe(1);
    expect(again.watermarks.stable).toBe(5);
  });

  it('are never left without their file by a kill while it is made anew', () => {
    const disk = new FakeDisk();
    const first = open(makeTools(disk).tools);
    append(first, batch({ ...transactional, baseSequence: 0 }));
    queue(first, marker(7, 0, false), APPEND_FLAG_INTERNAL);
    first.flushWrites();
    first.close(true);
    const path = `${FOLDER}/00000000000000000000.txnindex`;
    const whole = disk.contentOf(path);
    // Another producer: nothing in the log says so.
    disk.corrupt(path, 9, Uint8Array.of(8));
    for (let change = 1; change < 4; change++) {
      const log = open(makeTools(disk).tools);
      disk.crashAt(change);
      const list = new AbortedList(8);
      try {
        log.collectAborted(0, 2, list);
      } catch (error) {
        expect(error).toBeInstanceOf(FakeCrash);
      }
      disk.crash('kill');
      const again = open(makeTools(disk).tools);
      again.collectAborted(0, 2, list);
      expect(list.count, `killed at change ${change}`).toBe(1);
      expect([...list.producerIds.subarray(0, 1)]).toEqual([7]);
      expect(disk.contentOf(path)).toEqual(whole);
      again.close(true);
      disk.corrupt(path, 9, Uint8Array.of(8));
    }
  });

  it('refuse a plain batch of a producer that has one open, and an old coordinator', () => {
    const { log } = fresh();
    append(log, batch({ ...transactional, baseSequence: 0 }));
    expect(queue(log, batch({ producerId: 7, producerEpoch: 0, baseSequence: 1 }))).toBe(48);
    expect(queue(log, marker(7, 0, true, 3), APPEND_FLAG_INTERNAL)).toBe(0);
    expect(queue(log, marker(7, 0, true, 2), APPEND_FLAG_INTERNAL)).toBe(52);
  });
});

describe('looking up', () => {
  it('finds the first record at or after a timestamp, inside compressed batches too', () => {
    for (const codec of [0, CODEC_LZ4]) {
      const { log } = fresh();
      append(
        log,
        batch({ codec, timestamps: [NOW_MS, NOW_MS + 5, NOW_MS + 3] }),
        batch({ codec, timestamps: [NOW_MS + 9] }),
      );
      expect(log.findByTimestamp(NOW_MS + 1, 0)).toMatchObject({
        offset: 1,
        timestamp: NOW_MS + 5,
        error: 0,
        leaderEpoch: 0,
      });
      expect(log.findByTimestamp(NOW_MS + 6, 0)).toMatchObject({ offset: 3 });
      expect(log.findByTimestamp(NOW_MS + 10, 0)).toMatchObject({ offset: -1, timestamp: -1, error: 0 });
      expect(log.findByTimestamp(-3, 0)).toMatchObject({ offset: 3, timestamp: NOW_MS + 9 });
    }
  });

  it('opens one batch at most, though their headers state times that none of their records has', () => {
    const { disk, log } = fresh({ ...SMALL, segmentBytesMax: 1 << 20 });
    append(log, batch({ codec: CODEC_LZ4, timestamps: [NOW_MS] }));
    for (let index = 0; index < 5; index++) {
      const memory = inMemory(batch({ codec: CODEC_LZ4, timestamps: [NOW_MS + 1] }));
      stampTimestamp(memory, 0, memory.bytes.length, false, NOW_MS + 1000, makeTools(disk).tools.crc);
      append(log, memory.bytes);
    }
    const reads = disk.counts.read;
    expect(log.findByTimestamp(NOW_MS + 500, 0)).toMatchObject({ error: 0, offset: 1, timestamp: NOW_MS + 1000 });
    expect(disk.counts.read - reads).toBeLessThanOrEqual(3);
    expect(log.findByTimestamp(-3, 0)).toMatchObject({ error: 0, offset: 1, timestamp: NOW_MS + 1000 });
    expect(log.findByTimestamp(NOW_MS, 0)).toMatchObject({ offset: 0, timestamp: NOW_MS });
    expect(log.findByTimestamp(NOW_MS + 1001, 0).offset).toBe(-1);
  });

  it('finds the first of several records with the largest timestamp', () => {
    const { log } = fresh();
    append(
      log,
      batch({ timestamps: [NOW_MS, NOW_MS + 5, NOW_MS + 5] }),
      batch({ timestamps: [NOW_MS + 5, NOW_MS + 2] }),
    );
    expect(log.findByTimestamp(-3, 0)).toMatchObject({ offset: 1, timestamp: NOW_MS + 5 });
  });

  it('knows the ends', () => {
    const { log } = fresh();
    expect(log.findByTimestamp(-3, 0).offset).toBe(-1);
    append(log, batch({ count: 4 }));
    expect(log.findByTimestamp(-1, 0)).toMatchObject({ offset: 4, timestamp: -1 });
    expect(log.findByTimestamp(-2, 0)).toMatchObject({ offset: 0, timestamp: -1 });
    expect(log.findByTimestamp(-4, 0).offset).toBe(0);
    expect(log.findByTimestamp(-5, 0).offset).toBe(-1);
  });

  it('tells where an epoch ended', () => {
    const { log } = fresh();
    append(log, batch({ count: 4 }));
    log.beginEpoch(3);
    append(log, batch({ count: 2 }));
    expect(log.findEpochEnd(0)).toEqual({ epoch: 0, endOffset: 4 });
    expect(log.findEpochEnd(2)).toEqual({ epoch: 0, endOffset: 4 });
    expect(log.findEpochEnd(3)).toEqual({ epoch: 3, endOffset: 6 });
    expect(log.findEpochEnd(4)).toEqual({ epoch: -1, endOffset: -1 });
  });
});

describe('failing writes', () => {
  it('resume after short ones', () => {
    const { disk, tools, log } = fresh();
    disk.faults.shortWrite = 0.9;
    for (let index = 0; index < 20; index++) {
      expect(queue(log, batch({ count: 2 }))).toBe(0);
      expect(queue(log, batch())).toBe(0);
      expect(log.flushWrites()).toBeGreaterThan(0);
    }
    expect(log.watermarks.end).toBe(60);
    expect(baseOffsets(readBytes(tools, log, 0))[0]).toBe(0);
  });

  it('poison the log, leave the file as it was, and acknowledge nothing', () => {
    const { disk, log } = fresh();
    append(log, batch());
    disk.failNext('write', 'EIO');
    expect(queue(log, batch())).toBe(0);
    expect(log.flushWrites()).toBe(-5);
    expect(log.watermarks.end).toBe(1);
    expect(queue(log, batch())).toBe(56);
    expect(log.flushWrites()).toBe(-5);
    expect(disk.contentOf(`${FOLDER}/00000000000000000000.log`).length).toBe(batch().length);
    expect(log.heal(NOW_MS)).toBe(-5);
  });

  it('do not keep what was acknowledged before from the device when the log is closed', () => {
    const { disk, log } = fresh();
    append(log, batch());
    disk.failNext('write', 'ENOSPC');
    queue(log, batch());
    expect(log.flushWrites()).toBe(-28);
    expect(log.close(true)).toBe(-28);
    expect(disk.durableContentOf(`${FOLDER}/00000000000000000000.log`).length).toBe(batch().length);
  });

  it('heal once a full disk has room again, and know their producers as before', () => {
    const { disk, log } = fresh();
    const producer = { producerId: 9, producerEpoch: 0 };
    append(log, batch({ ...producer, baseSequence: 0 }));
    disk.failNext('write', 'ENOSPC');
    expect(queue(log, batch({ ...producer, baseSequence: 1 }))).toBe(0);
    expect(log.flushWrites()).toBe(-28);
    expect(log.heal(NOW_MS)).toBe(0);
    expect(append(log, batch({ ...producer, baseSequence: 1 }))).toBe(0);
    expect(log.appended).toMatchObject({ baseOffset: 1, isDuplicate: false });
  });

  it('hide a marker whose aborted transaction could not be noted, and keep the stable offset before it', () => {
    const { disk, tools, log } = fresh();
    const transactional = { producerId: 7, producerEpoch: 0, isTransactional: true };
    append(log, batch(), batch({ ...transactional, baseSequence: 0 }));
    queue(log, marker(7, 0, false), APPEND_FLAG_INTERNAL);
    disk.failNext('open', 'EIO');
    expect(log.flushWrites()).toBe(-5);
    expect(baseOffsets(disk.contentOf(`${FOLDER}/00000000000000000000.log`))).toEqual([0, 1, 2]);
    expect(log.watermarks).toMatchObject({ stable: 1, high: 2, end: 2 });
    expect(baseOffsets(readBytes(tools, log, 0))).toEqual([0, 1]);
    expect(baseOffsets(readBytes(tools, log, 0, 1_000_000, READ_FLAG_COMMITTED))).toEqual([0]);
    expect(log.read(2, 1_000_000, 0)).toMatchObject({ error: 0, length: 0 });
    log.configure({ ...SMALL, flushRecordsMax: 5 });
    expect(log.watermarks.stable).toBe(1);
  });
});

describe('an index that cannot be read for a moment', () => {
  /** A hundred batches found on disk, each a millisecond later than the one before. */
  function found() {
    const disk = new FakeDisk();
    const { tools } = makeTools(disk);
    const settings = { ...SMALL, segmentBytesMax: 1_000_000 };
    const log = open(tools, { settings });
    for (let index = 0; index < 100; index++) append(log, batch({ timestamps: [NOW_MS + index] }));
    log.close(true);
    return { disk, tools, open: () => open(tools, { settings }) };
  }

  /** The n-th read of such a file from now on fails. */
  function failRead(disk: FakeDisk, suffix: string, n: number): void {
    const read = FakeDisk.prototype.read;
    let left = n;
    disk.read = (fd, position, memory, at, length) =>
      disk.pathOf(fd).endsWith(suffix) && --left === 0 ? -5 : read.call(disk, fd, position, memory, at, length);
  }

  it.each([1, 2, 3])('leads no reader past a record (read %i fails)', (n) => {
    const { disk, tools, open: openAgain } = found();
    for (let offset = 1; offset < 100; offset += 3) {
      const log = openAgain();
      // Of what opening has read nothing is remembered.
      for (let number = 0; number < INDEX_PAGES; number++) tools.indexPages.take(tools, number);
      failRead(disk, '.index', n);
      expect(baseOffsets(readBytes(tools, log, offset))[0], `offset ${offset}`).toBe(offset);
      disk.read = FakeDisk.prototype.read;
      log.close(true);
    }
  });

  it.each([1, 2, 3])('nor a search by time (read %i fails)', (n) => {
    const { disk, open: openAgain } = found();
    for (let offset = 1; offset < 100; offset += 3) {
      const log = openAgain();
      failRead(disk, '.timeindex', n);
      const { error, offset: answer } = log.findByTimestamp(NOW_MS + offset, 0);
      if (error === 0) expect(answer, `offset ${offset}`).toBe(offset);
      disk.read = FakeDisk.prototype.read;
      log.close(true);
    }
  });
});

describe('a file that cannot be opened', () => {
  /** One file may be open at a time, so that each use of another one opens it. */
  function crowded() {
    const disk = new FakeDisk();
    const { tools } = makeTools(disk, 1);
    return { disk, tools, log: open(tools) };
  }

  it('refuses the batch, and takes the same one when it opens', () => {
    const { disk, tools, log } = crowded();
    append(log, batch());
    log.close(true);
    const again = open(tools);
    for (const file of ['the batches', 'the offset index', 'the time index']) {
      disk.failNext('open', 'EMFILE');
      expect(append(again, batch()), file).toBe(56);
      expect(again.isPoisoned).toBe(false);
    }
    expect(append(again, batch())).toBe(0);
    expect(baseOffsets(readBytes(tools, again, 0))).toEqual([0, 1]);
  });

  it('leaves out index entries that have nowhere to go', () => {
    const { tools } = crowded();
    const file = new EntryFile(tools, new FileHandle(`${FOLDER}/gone.index`), 8, 0);
    for (let index = 0; index < 128; index++) expect(file.claim()).toBe(index * 8);
    expect(file.claim()).toBe(-1);
    expect(file.flush()).toBe(-5);
    expect(file.count).toBe(128);
  });

  it('answers a search by time with a storage error', () => {
    const { disk, log } = crowded();
    append(log, batch({ timestamps: [NOW_MS] }));
    for (const timestamp of [NOW_MS, -3]) {
      disk.failNext('read', 'EIO');
      disk.failNext('open', 'EMFILE');
      expect(log.findByTimestamp(timestamp, 0).error, String(timestamp)).toBe(56);
      disk.forgive();
      expect(log.findByTimestamp(timestamp, 0)).toMatchObject({ error: 0, offset: 0 });
    }
  });

  it('shows no aborted record as a committed one', () => {
    const { disk, tools, log } = crowded();
    append(log, batch({ producerId: 7, producerEpoch: 0, isTransactional: true, baseSequence: 0 }));
    queue(log, marker(7, 0, false), APPEND_FLAG_INTERNAL);
    log.flushWrites();
    log.close(true);
    const again = open(tools);
    const list = new AbortedList(8);
    for (const operation of ['open', 'read'] as const) {
      // The first look is whether the file can be right, the second for what it says.
      for (let look = 0; look < 2; look++) disk.failNext(operation, 'EIO');
      expect(() => again.collectAborted(0, 2, list), operation).toThrow();
      disk.forgive();
    }
    again.collectAborted(0, 2, list);
    expect(list.count).toBe(1);
  });
});

describe('flushing', () => {
  it('holds the high watermark back until the device has the bytes', () => {
    const { disk, log } = fresh({ ...SMALL, isSyncedBeforeAck: true });
    append(log, batch(), batch());
    expect(log.watermarks).toMatchObject({ high: 0, end: 2 });
    expect(log.owesSync(NOW_MS)).toBe(true);
    expect(log.beginSync(NOW_MS)).toBe(1);
    append(log, batch());
    expect(disk.sync(log.sync.fds[0] ?? -1)).toBe(0);
    log.endSync(0);
    expect(log.watermarks).toMatchObject({ high: 2, end: 3 });
    expect(log.recoveryPoint).toBe(2);
    expect(log.owesSync(NOW_MS)).toBe(true);
  });

  it('counts records between flushes', () => {
    const { log } = fresh({ ...SMALL, flushRecordsMax: 3 });
    append(log, batch({ count: 2 }));
    expect(log.watermarks.high).toBe(2);
    append(log, batch());
    expect(log.watermarks).toMatchObject({ high: 2, end: 3 });
    log.beginSync(NOW_MS);
    log.endSync(0);
    expect(log.watermarks.high).toBe(3);
  });

  it('poisons the log for good when the device refuses', () => {
    const { log } = fresh({ ...SMALL, isSyncedBeforeAck: true });
    append(log, batch());
    log.beginSync(NOW_MS);
    log.endSync(-5);
    expect(log.watermarks.high).toBe(0);
    expect(queue(log, batch())).toBe(56);
    expect(log.heal(NOW_MS)).toBe(-5);
  });
});

describe('shrinking', () => {
  it('cuts a log back to an offset and goes on from there', () => {
    const { disk, tools, log } = fresh();
    for (let index = 0; index < 40; index++) append(log, batch({ valueBytes: 100 }));
    log.truncateTo(13, NOW_MS);
    // A snapshot that knows of batches which are gone would vouch for them.
    const snapshots = disk.list(FOLDER).filter((name) => name.endsWith('.snapshot'));
    expect(snapshots.every((name) => Number.parseInt(name, 10) <= 13)).toBe(true);
    expect(log.watermarks).toMatchObject({ end: 13, high: 13 });
    append(log, batch());
    expect(baseOffsets(readBytes(tools, log, 13))).toEqual([13]);
    log.truncateTo(0, NOW_MS);
    append(log, batch());
    expect(baseOffsets(readBytes(tools, log, 0))).toEqual([0]);
  });

  it('keeps no snapshot and no descriptor of what was cut off', () => {
    const { disk, log: first } = fresh();
    for (let index = 0; index < 40; index++) append(first, batch({ valueBytes: 100 }));
    expect(first.close(true)).toBe(0);
    expect(disk.stat(`${FOLDER}/00000000000000000040.snapshot`)).not.toBeNull();
    const { tools } = makeTools(disk);
    const log = open(tools);
    for (let index = 0; index < 40; index++) append(log, batch({ valueBytes: 100 }));
    log.truncateTo(13, NOW_MS);
    expect(disk.stat(`${FOLDER}/00000000000000000040.snapshot`)).toBeNull();
    expect(log.close(true)).toBe(0);
    expect(tools.files.openCount).toBe(0);
  });
});
