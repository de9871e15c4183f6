/** What a start makes of gaps: those of a compaction stay, those of a power cut end the log. */
import { describe, expect, it } from 'vitest';
import { must } from '../../src/base/assert.ts';
import { buildMap } from '../../src/storage/compaction.ts';
import { boundCompaction, readBound } from '../../src/storage/compaction-bound.ts';
import { offsetName } from '../../src/storage/file-names.ts';
import type { Finding } from '../../src/storage/finding.ts';
import { checkPartition } from '../../src/storage/partition-check.ts';
import { recoverPartition } from '../../src/storage/recovery.ts';
import { READ_FLAG_FIRST_BATCH_WHOLE } from '../../src/zerocopy/layout.ts';
import { FakeDisk } from '../support/fake-disk.ts';
import { compact, entries, flush, HELP } from './compaction-kit.ts';
import { append, batch, crc, FOLDER, makeTools, NOW_MS, open, SMALL, TOPIC_ID } from './storage-kit.ts';

const COMPACTED = { ...SMALL, segmentBytesMax: 600, isCompacted: true };
const BOUND = `${FOLDER}/compaction-bound`;

function recover(disk: FakeDisk) {
  const { tools, warnings } = makeTools(disk);
  const report = recoverPartition(tools, {
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
  });
  return { report, warnings };
}

function fresh() {
  const disk = new FakeDisk();
  const { tools } = makeTools(disk);
  const log = open(tools, { settings: COMPACTED });
  for (const folder of ['', 'data']) disk.syncFolder(folder);
  return { disk, tools, log };
}

function keyed(key: string, options = {}): Uint8Array {
  return entries([{ key, value: 'x'.repeat(100) }], options);
}

describe('a gap in a compacted log', () => {
  it('ends it where nothing was compacted: a power cut took what was there', () => {
    const { disk, log } = fresh();
    for (let index = 0; index < 12; index++) append(log, keyed(`${index}`));
    disk.crash('kill');
    const names = disk.list(FOLDER).filter((name) => name.endsWith('.log'));
    expect(names.length).toBeGreaterThan(2);
    // The end of the first segment never reached the device, the next one did.
    const { tools } = makeTools(disk);
    const fd = disk.open(`${FOLDER}/${names[0]}`, 'read-write');
    disk.truncate(fd, keyed('0').length);
    disk.close(fd);
    expect(recover(disk).report).toMatchObject({ endOffset: 1, segmentsRemoved: names.length - 1 });
    expect(open(tools, { settings: COMPACTED }).watermarks.end).toBe(1);
  });

  it('is left alone where compaction made it, also when every checkpoint is gone', () => {
    const { disk, tools, log } = fresh();
    for (let index = 0; index < 30; index++) append(log, keyed(`${index % 2}`));
    flush(tools, log);
    compact(tools, makeTools(disk).tools, log);
    const { gapsBelow, flushed } = readBound(disk, FOLDER);
    expect(gapsBelow).toBeGreaterThan(20);
    expect(flushed).toBe(gapsBelow);
    append(log, keyed('2'));
    disk.crash('power');
    const { report } = recover(disk);
    expect(report.endOffset).toBeGreaterThanOrEqual(30);
    expect(report.recoveryPoint).toBe(gapsBelow);
    expect(report.segmentsRemoved).toBe(0);
  });

  it('is read where compaction made it and never came to its end, also when the log is compacted no more', () => {
    const { disk, tools, log } = fresh();
    for (let index = 0; index < 30; index++) append(log, keyed(`${index % 2}`));
    flush(tools, log);
    const stopped = () => {
      throw new Error('stopped');
    };
    expect(() =>
      compact(tools, makeTools(disk).tools, log, { beforeSwap: (group) => group === 1 && stopped() }),
    ).toThrow();
    expect(log.close(true)).toBe(0);
    const again = open(makeTools(disk).tools, { settings: { ...COMPACTED, isCompacted: false }, recoveryPoint: 30 });
    const errors = Array.from(
      { length: 30 },
      (_, offset) => again.read(offset, 1000, READ_FLAG_FIRST_BATCH_WHOLE).error,
    );
    expect(errors.filter((error) => error !== 0)).toEqual([]);
    const findings: Finding[] = [];
    const vouchers = { recoveryPoint: 30, logStartOffset: 0, writtenOffset: -1, cleanedOffset: 0, mayHaveGaps: false };
    checkPartition(
      { disk, crc, tell: (finding) => findings.push(finding), pace: () => {} },
      { folder: FOLDER, vouchers, isClean: true, isLive: false, mayHaveGaps: false, topicId: TOPIC_ID },
    );
    expect(findings).toEqual([]);
  });

  it('is believed where nobody can say up to where it was compacted', () => {
    const { disk, tools, log } = fresh();
    for (let index = 0; index < 30; index++) append(log, keyed(`${index % 2}`));
    flush(tools, log);
    compact(tools, makeTools(disk).tools, log);
    disk.crash('kill');
    disk.corrupt(BOUND, 3, Uint8Array.of(57));
    expect(readBound(disk, FOLDER)).toEqual({ gapsBelow: Number.POSITIVE_INFINITY, flushed: 0 });
    expect(recover(disk).report).toMatchObject({ endOffset: 30, segmentsRemoved: 0 });
    // The next compaction knows again.
    boundCompaction(disk, FOLDER, 28);
    expect(readBound(disk, FOLDER)).toEqual({ gapsBelow: 28, flushed: 28 });
  });
});

describe('a compaction', () => {
  it('takes no batch of a producer from a start that was not written down before', () => {
    const { disk, tools, log } = fresh();
    const producer = { producerId: 9, producerEpoch: 0 };
    for (let index = 0; index < 20; index++) append(log, keyed('a', { ...producer, baseSequence: index }));
    flush(tools, log);
    compact(tools, makeTools(disk).tools, log);
    expect(disk.isSynced(`${FOLDER}/${offsetName(readBound(disk, FOLDER).flushed)}.snapshot`)).toBe(true);
    disk.crash('power');
    recover(disk);
    const again = open(makeTools(disk).tools, { settings: COMPACTED });
    for (let index = 15; index < 20; index++) {
      append(again, keyed('a', { ...producer, baseSequence: index }));
      expect(again.appended, `batch ${index}`).toMatchObject({ baseOffset: index, isDuplicate: true });
    }
  });

  it('does not begin while its bound cannot be written', () => {
    const { disk, tools, log } = fresh();
    for (let index = 0; index < 30; index++) append(log, keyed(`${index % 2}`));
    flush(tools, log);
    const before = disk.list(FOLDER);
    disk.failNext('rename', 'EIO');
    expect(() => compact(tools, makeTools(disk).tools, log)).toThrow('compaction-bound');
    expect(disk.list(FOLDER).filter((name) => !name.startsWith('compaction-bound'))).toEqual(before);
  });

  // Nothing of the new topic was flushed up to there.
  it('leaves no bound in the folder of another topic that has the name by now', () => {
    const { disk, tools, log } = fresh();
    for (let index = 0; index < 30; index++) append(log, keyed(`${index % 2}`));
    flush(tools, log);
    const plan = must(log.cleaning.plan(NOW_MS), 'there is something to compact');
    log.close(false);
    disk.removeFolder(FOLDER);
    append(open(makeTools(disk).tools, { settings: COMPACTED }), keyed('a'));
    const wishes = { bytesMax: 100_000, loadFactor: 0.9, secret: new Uint8Array(16) };
    expect(() => buildMap(makeTools(disk).tools, plan, wishes, HELP)).toThrow('has not the segments any more');
    expect(readBound(disk, FOLDER)).toEqual({ gapsBelow: 0, flushed: 0 });
  });

  it('leaves no bound behind a log that was cut', () => {
    const { disk, tools, log } = fresh();
    for (let index = 0; index < 30; index++) append(log, keyed(`${index % 2}`));
    flush(tools, log);
    compact(tools, makeTools(disk).tools, log);
    log.truncateTo(10, NOW_MS);
    expect(readBound(disk, FOLDER).flushed).toBeLessThanOrEqual(10);
    append(log, batch({ key: Uint8Array.of(1) }));
  });
});
