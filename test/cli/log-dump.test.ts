/** `perfbroker log dump` over files made here: shows what is sound, names what is not. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { crc32c } from '../../src/client/checksum.ts';
import { CODEC_GZIP } from '../../src/protocol/batch.ts';
import { BatchBuilder } from '../../src/protocol/batch-builder.ts';
import { run } from './command-rig.ts';

let folder = '';
const NAME = '00000000000000000010';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'perfbroker-dump-'));
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

function batch(baseOffset: number, values: readonly string[], codec = 0): Uint8Array {
  const builder = new BatchBuilder(crc32c, { baseOffset, codec, leaderEpoch: 2 });
  for (const value of values) {
    const headers = [{ key: 'h', value: Buffer.from('1') }];
    builder.add({ key: Buffer.from('k'), value: Buffer.from(value), timestamp: 1_700_000_000_000, headers });
  }
  return builder.build();
}

/** A segment of two batches and its offset index. */
function writeSegment(change: (log: Buffer) => void = () => {}): void {
  const first = batch(10, ['a', 'b']);
  const second = batch(12, ['c'], CODEC_GZIP);
  const log = Buffer.concat([first, second]);
  change(log);
  writeFileSync(join(folder, `${NAME}.log`), log);
  const index = Buffer.alloc(8);
  index.writeInt32BE(2, 0);
  index.writeInt32BE(first.length, 4);
  writeFileSync(join(folder, `${NAME}.index`), index);
}

describe('log dump', () => {
  it('shows batches, records of any codec and index entries of a sound folder', async () => {
    writeSegment();
    const { exitCode, output } = await run(['log', 'dump', '--records', folder]);
    expect(exitCode).toBe(0);
    expect(output).toContain('offsets 10..11  at 0');
    expect(output).toContain('  12  2023-11-14T22:13:20.000Z  k = c  [h=1]');
    expect(output).toContain('gzip');
    expect(output).toContain(`${NAME}.log: 2 batches, sound`);
    expect(output).toContain(`${NAME}.index: 1 entries, sound`);
  });

  it('prints one JSON object a line when asked', async () => {
    writeSegment();
    const { output } = await run(['log', 'dump', '--json', '--records', join(folder, `${NAME}.log`)]);
    const rows = output
      .trim()
      .split('\n')
      .map((line): { kind: string; offset?: number } => JSON.parse(line));
    expect(rows.map(({ kind }) => kind)).toEqual(['batch', 'record', 'record', 'batch', 'record']);
    expect(rows[4]).toMatchObject({ offset: 12, key: 'k', value: 'c', headers: [{ key: 'h', value: '1' }] });
  });

  it.each([
    ['a flipped bit', (log: Buffer) => log.writeUInt8(log.readUInt8(70) ^ 1, 70), 'its checksum does not fit'],
    [
      'an offset that goes back',
      (log: Buffer) => log.writeBigInt64BE(5n, batch(10, ['a', 'b']).length),
      'comes after offset 11',
    ],
    ['a length beyond the end', (log: Buffer) => log.writeInt32BE(99_999, 8), 'goes beyond the end of the file'],
    ['an old format', (log: Buffer) => log.writeInt8(1, 16), 'a batch of format 1'],
  ])('names %s and exits with 1', async (_what, change, says) => {
    writeSegment(change);
    const { exitCode, warnings } = await run(['log', 'dump', '--verify-only', join(folder, `${NAME}.log`)]);
    expect(exitCode).toBe(1);
    expect(warnings).toContain(says);
  });

  it('names index entries that point between batches', async () => {
    writeSegment();
    const index = Buffer.alloc(8);
    index.writeInt32BE(2, 0);
    index.writeInt32BE(7, 4);
    writeFileSync(join(folder, `${NAME}.index`), index);
    const { exitCode, warnings } = await run(['log', 'dump', folder]);
    expect(exitCode).toBe(1);
    expect(warnings).toContain('offset 12 at byte 7: no batch begins there');
  });

  it('says what is missing', async () => {
    expect((await run(['log', 'dump'])).exitCode).toBe(1);
    expect((await run(['log', 'dump', join(folder, 'nothing')])).warnings).toContain('there is no file');
    expect((await run(['log', 'dump', folder])).warnings).toContain('holds no segment files');
  });
});
