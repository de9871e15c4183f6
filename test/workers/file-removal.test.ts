import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { FileRemoval } from '../../src/workers/file-removal.ts';

test('a large file goes as well, piece by piece', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'perfbroker-removal-'));
  try {
    const path = join(folder, 'large.deleted');
    writeFileSync(path, new Uint8Array(40_000_000));
    const warnings: string[] = [];
    const removal = new FileRemoval({ warn: (message) => void warnings.push(message) });
    removal.remove([path]);
    await removal.idle;
    expect([existsSync(path), warnings]).toEqual([false, []]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('files are removed one after the other; one that is gone already is no news, one that stays is', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'perfbroker-removal-'));
  try {
    const warnings: string[] = [];
    const removal = new FileRemoval({ warn: (message) => void warnings.push(message) });
    const there = join(folder, 'there.deleted');
    const last = join(folder, 'last.deleted');
    writeFileSync(there, 'x');
    writeFileSync(last, 'x');
    removal.remove([there, join(folder, 'gone.deleted')]);
    removal.remove([folder, last]);
    await removal.idle;
    expect([existsSync(there), existsSync(last)]).toEqual([false, false]);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
