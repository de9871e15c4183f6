/** `log verify` over a small folder: sound when it is, and no bit of it flips unseen but those that nothing vouches for. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Fault } from '../../src/base/fault.ts';
import { checkDataWith } from '../../src/cluster/data-check.ts';
import type { Finding } from '../../src/storage/finding.ts';
import { run } from '../cli/command-rig.ts';
import { crc } from '../storage/storage-kit.ts';
import { BOOT, diskWith, FOLDER, makeSmallFolder, ROOT, type SmallFolder } from './small-folder.ts';

function verify(files: ReadonlyMap<string, Uint8Array>, disk = diskWith(files)): Finding[] {
  const findings: Finding[] = [];
  const parts = { disk, crc, isLive: false, bootId: BOOT };
  checkDataWith(parts, { root: ROOT, partitions: [] }, (finding) => findings.push(finding));
  return findings;
}

function flipped({ files }: SmallFolder, path: string, bit: number): Map<string, Uint8Array> {
  const changed = new Map(files);
  const bytes = files.get(path)?.slice() ?? new Uint8Array(0);
  bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  return changed.set(path, bytes);
}

/** Files that are not ours to judge, or whose bytes mean nothing: their being there is what counts. */
const silent = ['.kafka_cleanshutdown'];

describe('log verify', () => {
  it.each([true, false])('finds nothing in a sound folder (stopped cleanly: %s)', (isClean) => {
    expect(verify(makeSmallFolder({ isClean }).files)).toEqual([]);
  });

  it('finds a flipped bit wherever it is', () => {
    const folder = makeSmallFolder({ isClean: true });
    const unseen: string[] = [];
    let count = 0;
    for (const [path, bytes] of folder.files) {
      if (silent.some((name) => path.endsWith(name))) continue;
      // Every byte, one of its bits; all bits of all bytes are the nightly programme's.
      for (let at = 0; at < bytes.length; at++) {
        const bit = at * 8 + (at % 8);
        count += 1;
        if (verify(flipped(folder, path, bit)).length === 0) unseen.push(`${path} bit ${bit}`);
      }
    }
    expect(count).toBeGreaterThan(3000);
    expect(unseen).toEqual([]);
  });

  it('finds every length to which one of the last two segments is cut', () => {
    const folder = makeSmallFolder({ isClean: true });
    const logs = [...folder.files.keys()].filter((path) => path.endsWith('.log')).sort();
    for (const [index, path] of logs.slice(-2).entries()) {
      const bytes = folder.files.get(path) ?? new Uint8Array(0);
      for (let length = 0; length < bytes.length; length++) {
        const findings = verify(new Map(folder.files).set(path, bytes.slice(0, length)));
        expect({ path, length, isFound: findings.length > 0 }).toEqual({ path, length, isFound: true });
        const lost = findings.filter(({ firstOffset }) => firstOffset >= 0);
        if (index === 0) expect(lost[0]?.outcome).toContain('a start keeps what lies behind it');
      }
    }
  });

  // Once it ended there, and kept to itself what it had found.
  it('goes on behind a file that the disk does not give, and says so', () => {
    const { files } = makeSmallFolder({ isClean: true });
    const other = FOLDER.replace('-0', '-1');
    const index = `${FOLDER}/00000000000000000000.index`;
    const both = new Map(files);
    for (const [path, bytes] of files) if (path.startsWith(FOLDER)) both.set(path.replace(FOLDER, other), bytes);
    both.set(
      `${other}/00000000000000000000.log`,
      (files.get(`${FOLDER}/00000000000000000000.log`) ?? new Uint8Array(0)).slice(70),
    );
    const disk = diskWith(both);
    const { readFile } = disk;
    disk.readFile = (path) => {
      if (path === index) throw new Fault('PB_DISK_ERROR', `${path} could not be read (EIO)`);
      return readFile.call(disk, path);
    };
    const findings = verify(both, disk);
    expect(findings).toContainEqual(
      expect.objectContaining({ file: FOLDER, outcome: `${index} could not be read (EIO)` }),
    );
    expect(findings.some(({ file }) => file.startsWith(other))).toBe(true);
  });

  it('says that a flush failed, where a log has noted it', () => {
    const { files } = makeSmallFolder({ isClean: false });
    const note = `${FOLDER}/flush-failed`;
    const found = verify(new Map(files).set(note, new Uint8Array(0)));
    expect(found).toMatchObject([
      { file: note, outcome: expect.stringContaining('writes what is not known to be flushed') },
    ]);
  });

  it('does not say that a start cuts what the disk does not give', () => {
    const { files } = makeSmallFolder({ isClean: false });
    const disk = diskWith(files);
    const { read } = disk;
    disk.read = (fd, ...rest) => (disk.pathOf(fd).endsWith('.log') ? -5 : read.call(disk, fd, ...rest));
    const found = verify(files, disk).filter(({ file }) => file.endsWith('.log'));
    expect(found.length).toBeGreaterThan(1);
    for (const { problem, outcome } of found) {
      expect(problem).toBe('the disk does not give the bytes (EIO)');
      expect(outcome).toContain('does not open the log');
    }
  });

  it('names file, place, offsets and what a start does, and exits with 1; 2 when it cannot look', async () => {
    const folder = makeSmallFolder({ isClean: true });
    const root = mkdtempSync(join(tmpdir(), 'perfbroker-verify-'));
    try {
      const log = `${FOLDER}/00000000000000000000.log`;
      for (const [path, bytes] of flipped(folder, log, 70 * 8)) {
        mkdirSync(join(root, dirname(path)), { recursive: true });
        writeFileSync(join(root, path), bytes);
      }
      const data = join(root, ROOT);
      const { exitCode, warnings, output } = await run(['log', 'verify', '--data', data]);
      expect(warnings).toContain('00000000000000000000.log at byte 0: a batch whose checksum does not fit (offset 0)');
      expect(warnings).toContain('reads of these offsets are answered with CORRUPT_MESSAGE');
      expect(output).toContain('1 partitions');
      expect(exitCode).toBe(1);
      const json = await run(['log', 'verify', '--data', data, '--json', 'orders-0']);
      const rows = json.output
        .trim()
        .split('\n')
        .map((line): { kind: string } => JSON.parse(line));
      expect(rows).toMatchObject([
        { kind: 'finding', position: 0, firstOffset: 0, lastOffset: 0 },
        { kind: 'summary', findings: 1, partitions: 1 },
      ]);
      expect((await run(['log', 'verify', '--data', data, 'orders-9'])).exitCode).toBe(2);
      expect((await run(['log', 'verify', '--data', join(root, 'nothing')])).exitCode).toBe(2);
      expect((await run(['log', 'verify', '--dtaa', data])).exitCode).toBe(2);
    } finally {
      rmSync(root, { recursive: true, force: true });
    }
  });
});
