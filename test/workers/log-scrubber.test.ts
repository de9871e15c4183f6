/** The scrubber's rounds over a fake disk: what it takes, what it leaves alone, what it says. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Fault } from '../../src/base/fault.ts';
import type { Finding } from '../../src/storage/finding.ts';
import { GentleDisk } from '../../src/storage/gentle-disk.ts';
import type { SegmentToCheck } from '../../src/storage/segment-check.ts';
import { scrubSegment } from '../../src/storage/segment-scrub.ts';
import { LogScrubber, type LogToScrub } from '../../src/workers/log-scrubber.ts';
import { bitFlipped } from '../damage/breaking.ts';
import { diskWith, FOLDER, makeSmallFolder } from '../damage/small-folder.ts';
import { crc } from '../storage/storage-kit.ts';

const SECOND = `${FOLDER}/00000000000000000016.log`;
const STABLE_AT = 26;
const folder = makeSmallFolder({ isClean: true });

function makeRig(files: ReadonlyMap<string, Uint8Array>, more: Partial<LogToScrub> = {}, otherFolders: string[] = []) {
  const disk = diskWith(files);
  const lines: string[] = [];
  const taken: number[] = [];
  const forgotten: string[] = [];
  const gentle = new GentleDisk(disk, (_fd, position, length) => forgotten.push(`${position} ${length}`));
  const say = (message: string): void => void lines.push(message);
  const rig = { disk, lines, taken, forgotten, nowMs: 0, everyMs: 100_000, fails: false };
  const scrubber = new LogScrubber({
    disk,
    logs: () => {
      const log = { recoveryPoint: folder.end, logStart: 0, cleanedOffset: 0, isCompacted: false, ...more };
      return Promise.resolve([FOLDER, ...otherFolders].map((path) => ({ ...log, folder: path })));
    },
    check: (segment: SegmentToCheck) => {
      taken.push(segment.baseOffset);
      if (rig.fails) return Promise.reject(new Fault('PB_STARVED', 'no processor time was left'));
      const findings: Finding[] = [];
      const tell = (finding: Finding): void => void findings.push(finding);
      const checked = scrubSegment(gentle, crc, segment, tell, () => {});
      return Promise.resolve({ bytes: checked.bytes, findings });
    },
    settings: () => ({ everyMs: rig.everyMs }),
    nowMs: () => rig.nowMs,
    logger: { debug: say, info: say, warn: say, error: say },
  });
  return Object.assign(rig, { scrubber });
}

describe('the scrubber', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('reads every segment that is sealed and flushed, and names what it finds', async () => {
    const { scrubber, taken, lines } = makeRig(bitFlipped(folder.files, SECOND, 100 * 8));
    await scrubber.round();
    expect(taken).toEqual([0, 16, 32]);
    expect(lines.join()).toContain(`damage found: ${SECOND} at byte 0: a batch whose checksum does not fit`);
    expect(scrubber.figures).toMatchObject({ rounds: 1, segments: 3, findings: 1 });
    expect(scrubber.figures.bytes).toBeGreaterThan(2000);
  });

  // Once nobody looked into these files before a reader needed them.
  it('finds every bit that rots in the aborted transactions, and the file when it is gone', async () => {
    const path = `${FOLDER}/00000000000000000000.txnindex`;
    const bytes = folder.files.get(path) ?? new Uint8Array(0);
    const unseen: number[] = [];
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const { scrubber } = makeRig(bitFlipped(folder.files, path, bit));
      await scrubber.round();
      if (scrubber.figures.findings !== 1) unseen.push(bit);
    }
    expect(bytes.length).toBeGreaterThan(0);
    // The lowest bits of where a reader may stop looking: an earlier place is no lie.
    expect(unseen.filter((bit) => bit < STABLE_AT * 8)).toEqual([]);
    const without = new Map(folder.files);
    without.delete(path);
    const { scrubber, lines } = makeRig(without);
    await scrubber.round();
    expect(lines.join()).toMatch(
      /damage found: .*\.txnindex: the transaction that producer 7 aborted, 9 to 13, is missing/,
    );
  });

  it('leaves alone what is not flushed, or deleted', async () => {
    const { scrubber, taken } = makeRig(folder.files, { recoveryPoint: 20, logStart: 16 });
    await scrubber.round();
    expect(taken).toEqual([]);
  });

  it('goes on where a segment cannot be read, and is silent about one that has gone', async () => {
    const rig = makeRig(folder.files);
    rig.fails = true;
    await rig.scrubber.round();
    expect(rig.lines.filter((line) => line.includes('could not be scrubbed'))).toHaveLength(3);
    expect(rig.scrubber.figures).toMatchObject({ segments: 0, findings: 0 });
  });

  // Once all that came behind it waited for the next week, and the next.
  it('goes on where a segment cannot even be looked at', async () => {
    const rig = makeRig(folder.files);
    const { stat } = rig.disk;
    rig.disk.stat = (path) => {
      if (path !== SECOND) return stat.call(rig.disk, path);
      throw new Fault('PB_DISK_ERROR', 'EIO');
    };
    await rig.scrubber.round();
    expect(rig.taken).toEqual([0, 32]);
    expect(rig.lines.join()).toContain(`${SECOND} could not be scrubbed: EIO`);
  });

  it('begins anew within an hour where the round stopped short', async () => {
    const rig = makeRig(folder.files);
    rig.everyMs = 604_800_000;
    const { list } = rig.disk;
    rig.disk.list = () => {
      throw new Error('no answer');
    };
    rig.scrubber.start();
    rig.nowMs = 604_800_000;
    await vi.advanceTimersByTimeAsync(61_000);
    expect(rig.lines.join()).toContain('the scrubber stopped short');
    rig.disk.list = list;
    rig.nowMs += 3_500_000;
    await vi.advanceTimersByTimeAsync(61_000);
    expect(rig.taken).toEqual([]);
    rig.nowMs += 100_000;
    await vi.advanceTimersByTimeAsync(61_000);
    expect(rig.taken).toEqual([0, 16, 32]);
    await rig.scrubber.stop();
  });

  // Those behind what one run of the broker had time for were never read.
  it('begins at another log when it begins at another time, and reads all', async () => {
    const rig = makeRig(folder.files, {}, ['/b', '/c', '/d']);
    const list = vi.spyOn(rig.disk, 'list');
    const orderAt = async (nowMs: number) => {
      list.mockClear();
      rig.nowMs = nowMs;
      await rig.scrubber.round();
      return list.mock.calls.map(([path]) => path);
    };
    expect(await orderAt(300_000)).toEqual([FOLDER, '/b', '/c', '/d']);
    expect(await orderAt(360_000)).toEqual(['/c', '/d', FOLDER, '/b']);
    expect(await orderAt(399_999)).toEqual(['/d', FOLDER, '/b', '/c']);
    expect(rig.taken).toHaveLength(9);
  });

  it('lets go of what was not in memory, and of nothing else', async () => {
    const rig = makeRig(folder.files);
    await rig.scrubber.round();
    expect(rig.forgotten).toEqual([]);
    rig.disk.chill(SECOND);
    await rig.scrubber.round();
    expect(rig.forgotten).toEqual([`0 ${folder.files.get(SECOND)?.length}`]);
  });

  it('begins a round when one is due, and never when told so', async () => {
    const rig = makeRig(folder.files);
    rig.scrubber.start();
    rig.nowMs = 99_000;
    await vi.advanceTimersByTimeAsync(61_000);
    expect(rig.taken).toEqual([]);
    rig.nowMs = 100_000;
    await vi.advanceTimersByTimeAsync(61_000);
    expect(rig.taken).toEqual([0, 16, 32]);
    rig.everyMs = 0;
    rig.nowMs = 900_000;
    await vi.advanceTimersByTimeAsync(61_000);
    expect(rig.taken).toHaveLength(3);
    await rig.scrubber.stop();
  });

  // Once it was looked at a thousand times a second then.
  it('wakes nobody up for nothing where it is never to begin', async () => {
    const rig = makeRig(folder.files);
    rig.everyMs = 0;
    const begun = vi.spyOn(globalThis, 'setInterval');
    rig.scrubber.start();
    expect(begun.mock.calls.map(([, everyMs]) => everyMs)).toEqual([60_000]);
    await rig.scrubber.stop();
  });
});
