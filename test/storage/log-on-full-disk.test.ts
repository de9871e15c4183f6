/** A log whose disk is full or takes no writes, or whose process has no descriptor left: what of it goes on by itself, and what a start has to look at. */
import { describe, expect, it } from 'vitest';
import { batchBaseOffset, batchBytes } from '../../src/protocol/batch.ts';
import { AbortedList } from '../../src/storage/aborted-index.ts';
import type { Log } from '../../src/storage/log.ts';
import { APPEND_FLAG_INTERNAL } from '../../src/zerocopy/layout.ts';
import { FakeDisk, type FakeErrno } from '../support/fake-disk.ts';
import { append, batch, FOLDER, makeTools, marker, NOW_MS, open, queue, readBytes, SMALL } from './storage-kit.ts';

function fresh() {
  const disk = new FakeDisk();
  const log = open(makeTools(disk).tools);
  return { disk, log };
}

function failOpens(disk: FakeDisk, errno: FakeErrno): void {
  for (let time = 0; time < 20; time++) disk.failNext('open', errno);
}

function baseOffsets(bytes: Uint8Array): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const offsets: number[] = [];
  for (let at = 0; at < bytes.length; at += batchBytes(view, at)) offsets.push(batchBaseOffset(view, at));
  return offsets;
}

describe('a write that finds the disk full', () => {
  // Once the marker stayed in the file, and what came next got its offset: a start then cut the log there.
  it.each([-28, -122])(
    'give no offset out twice where there was no room to note an aborted transaction (%i)',
    (errno) => {
      const { disk, log } = fresh();
      const settings = { ...SMALL, segmentBytesMax: 1_000_000 };
      append(log, batch({ producerId: 7, producerEpoch: 0, baseSequence: 0, isTransactional: true }));
      const { write } = disk;
      disk.write = (fd, ...rest) => (disk.pathOf(fd).endsWith('.txnindex') ? errno : write.call(disk, fd, ...rest));
      queue(log, marker(7, 0, false), APPEND_FLAG_INTERNAL);
      log.flushWrites();
      disk.write = write;
      expect(log.heal(NOW_MS)).toBe(0);
      expect(append(log, batch(), batch())).toBe(0);
      expect(log.watermarks).toMatchObject({ stable: 4, end: 4 });
      expect(baseOffsets(disk.contentOf(`${FOLDER}/00000000000000000000.log`))).toEqual([0, 1, 2, 3]);
      log.close(true);
      const again = open(makeTools(disk).tools, { settings, recoveryPoint: 4 });
      const list = new AbortedList(4);
      again.collectAborted(0, 4, list);
      expect(list.count).toBe(1);
    },
  );
});

describe('an aborted transaction that there is no room to note', () => {
  const settings = { ...SMALL, segmentBytesMax: 1_000_000 };

  /** Its marker is followed by so many batches that a start which believes them does not come to it. */
  function noted() {
    const disk = new FakeDisk();
    const log = open(makeTools(disk).tools, { settings });
    append(log, batch({ producerId: 7, producerEpoch: 0, baseSequence: 0, isTransactional: true }));
    const { write } = disk;
    disk.write = (fd, ...rest) => (disk.pathOf(fd).endsWith('.txnindex') ? -28 : write.call(disk, fd, ...rest));
    queue(log, marker(7, 0, false), APPEND_FLAG_INTERNAL);
    for (let count = 0; count < 150; count++) append(log, batch({ valueBytes: 300 }));
    expect(log.watermarks).toMatchObject({ stable: 152, end: 152 });
    const makeRoom = (): void => {
      disk.write = write;
    };
    return { disk, log, makeRoom };
  }

  function flush(disk: FakeDisk, log: Log): void {
    const count = log.beginSync(NOW_MS);
    for (const fd of log.sync.fds.subarray(0, count)) expect(disk.sync(fd)).toBe(0);
    log.endSync(0);
  }

  // Flushed and written down as such, the batches were not looked at again, and readers of committed records got aborted ones.
  it('is found by the start after a crash, whatever was flushed and written down since', () => {
    const { disk, log, makeRoom } = noted();
    flush(disk, log);
    expect(log.sync).toMatchObject({ offset: 152, recoveryPoint: 1, waitingFrom: 1 });
    disk.crash('kill');
    makeRoom();
    const vouchers = { recoveryPoint: log.recoveryPoint, writtenOffset: log.sync.waitingFrom };
    const again = open(makeTools(disk).tools, { settings, isClean: false, ...vouchers });
    const list = new AbortedList(4);
    again.collectAborted(0, 152, list);
    expect(list.count).toBe(1);
  });

  it('keeps no log from going on that has no descriptor for it now', () => {
    const { disk, log } = fresh();
    append(log, batch({ producerId: 7, producerEpoch: 0, baseSequence: 0, isTransactional: true }));
    queue(log, marker(7, 0, false), APPEND_FLAG_INTERNAL);
    disk.failNext('open', 'EMFILE');
    expect(log.flushWrites()).toBeGreaterThan(0);
    expect(append(log, batch())).toBe(0);
    expect(log.close(true)).toBe(0);
    expect(disk.stat(`${FOLDER}/00000000000000000000.txnindex`)).toMatchObject({ sizeBytes: 34 });
  });

  it('is on the device before the log is said to be, once there is room', () => {
    const { disk, log, makeRoom } = noted();
    flush(disk, log);
    makeRoom();
    expect(log.roll(NOW_MS)).toBe(true);
    expect(log.recoveryPoint).toBe(1);
    expect(disk.isSynced(`${FOLDER}/00000000000000000000.txnindex`)).toBe(false);
    expect(log.close(true)).toBe(0);
    expect(log.recoveryPoint).toBe(152);
    expect(disk.isSynced(`${FOLDER}/00000000000000000000.txnindex`)).toBe(true);
  });
});

describe('a batch that is sent again to a log that takes no more', () => {
  const producer = { producerId: 7, producerEpoch: 0 };

  // Refused as well, it came again when five others stood behind it in the log, and its producer could not go on.
  it('is answered as the first time when readers have seen it, and others are not', () => {
    const { disk, log } = fresh();
    expect(append(log, batch({ ...producer, baseSequence: 0 }))).toBe(0);
    disk.failNext('write', 'EIO');
    queue(log, batch({ ...producer, baseSequence: 1 }));
    expect(log.flushWrites()).toBe(-5);
    expect(queue(log, batch({ ...producer, baseSequence: 1 }))).toBe(56);
    expect(queue(log, batch({ ...producer, baseSequence: 0 }))).toBe(0);
    expect(log.appended).toMatchObject({ isDuplicate: true, baseOffset: 0, lastOffset: 0 });
    expect(queue(log, batch())).toBe(56);
    expect(log.appended).toMatchObject({ isDuplicate: false, baseOffset: -1 });
    expect(log.watermarks.end).toBe(1);
  });
});

describe('a log that cannot go on in a new segment', () => {
  it.each([
    ['ENOSPC', -28],
    ['EMFILE', -24],
  ] as const)('takes appends again once there is what was missing (%s)', (name, error) => {
    const { disk, log } = fresh();
    append(log, batch());
    failOpens(disk, name);
    expect(log.roll(NOW_MS)).toBe(false);
    expect(queue(log, batch())).toBe(56);
    expect(log.isPoisoned).toBe(true);
    expect([0, error]).toContain(log.heal(NOW_MS));
    disk.forgive();
    expect(log.heal(NOW_MS)).toBe(0);
    expect(append(log, batch())).toBe(0);
    expect(log.roll(NOW_MS)).toBe(true);
    expect(append(log, batch())).toBe(0);
    log.close(true);
    const again = open(makeTools(disk).tools, { recoveryPoint: 3 });
    expect(again.watermarks).toMatchObject({ end: 3 });
  });

  it('stays closed for any other reason', () => {
    const { disk, log } = fresh();
    append(log, batch());
    failOpens(disk, 'EIO');
    expect(log.roll(NOW_MS)).toBe(false);
    expect(log.heal(NOW_MS)).toBe(-5);
  });
});

// Its flush within the window would have come, had the broker gone on.
it('is flushed by a stop that has no room for its indexes', () => {
  const { disk, log } = fresh();
  append(log, batch(), batch({ valueBytes: 300 }), batch());
  const { write } = disk;
  disk.write = (fd, ...rest) => (disk.pathOf(fd).endsWith('.log') ? write.call(disk, fd, ...rest) : -28);
  expect(log.close(true)).toBeLessThan(0);
  expect(disk.isSynced(`${FOLDER}/00000000000000000000.log`)).toBe(true);
  expect(log.recoveryPoint).toBe(3);
});

describe('a flush that failed on a full disk', () => {
  const note = `${FOLDER}/flush-failed`;

  // Where blocks are found late (thin volumes, network file systems) it is the flush that meets the full disk.
  it('poisons the log for good as any other', () => {
    const { disk, log } = fresh();
    append(log, batch());
    disk.failNext('write', 'ENOSPC');
    queue(log, batch());
    expect(log.flushWrites()).toBe(-28);
    log.beginSync(NOW_MS);
    log.endSync(-28);
    expect(log.heal(NOW_MS)).toBe(-28);
    expect(queue(log, batch())).toBe(56);
  });

  it('is noted for the next start though there is no room', () => {
    const { disk, log } = fresh();
    append(log, batch());
    log.beginSync(NOW_MS);
    disk.capacityBytes = disk.usedBytesTotal;
    log.endSync(-5);
    expect(disk.stat(note)).not.toBeNull();
  });

  it('is noted later where the disk refuses that too', () => {
    const { disk, log } = fresh();
    append(log, batch());
    log.beginSync(NOW_MS);
    disk.failNext('open', 'ENOSPC');
    log.endSync(-5);
    expect(disk.stat(note)).toBeNull();
    expect(log.heal(NOW_MS)).toBe(-5);
    expect(disk.stat(note)).not.toBeNull();
  });
});

describe('a log on a file system that has become read-only', () => {
  // Files that nobody had open were opened for writes as well, which is refused there: nothing of them was served.
  it('serves what nobody has open, and takes no appends until it can be written again', () => {
    const disk = new FakeDisk();
    const before = open(makeTools(disk).tools);
    append(before, batch());
    expect(before.roll(NOW_MS)).toBe(true);
    before.close(true);
    const { tools, warnings } = makeTools(disk, 1);
    const log = open(tools, { recoveryPoint: 1 });
    const openNow = disk.open;
    disk.open = (path, mode) => {
      if (mode !== 'read') disk.failNext('open', 'EROFS');
      return openNow.call(disk, path, mode);
    };
    expect(baseOffsets(readBytes(tools, log, 0))).toEqual([0]);
    for (let count = 0; count < 2; count++) expect(queue(log, batch())).toBe(56);
    expect(warnings.at(-1)).toContain('its file system is read-only');
    disk.open = openNow;
    expect(append(log, batch())).toBe(0);
    expect(log.watermarks.end).toBe(2);
  });
});
