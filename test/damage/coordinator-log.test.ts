/**
 * A coordinator loads its log from damaged bytes: every bit of it flipped, every length cut. It never takes an entry for true that
 * was not written, loses one batch at most, says so, and comes to an end.
 */
import { describe, expect, it } from 'vitest';
import { CoordinatorLog } from '../../src/cluster/coordinator-log.ts';
import { batchBaseOffset, batchBytes, batchLastOffset } from '../../src/protocol/batch.ts';
import { memoryOver } from '../../src/protocol/records.ts';
import { batch, crc, NOW_MS } from '../storage/storage-kit.ts';

const COUNT = 6;
const READS_MAX = 500;

/** Batches of one entry and of three, as a log has them. */
function makeLog(): { readonly bytes: Uint8Array; readonly entries: readonly string[] } {
  const parts: Uint8Array[] = [];
  const entries: string[] = [];
  let next = 0;
  for (let index = 0; index < COUNT; index++) {
    const count = 1 + (index % 2) * 2;
    const key = new TextEncoder().encode(`group ${index}`);
    parts.push(batch({ count, key, valueBytes: 8 + index, baseOffset: next }));
    for (let record = 0; record < count; record++) entries.push(`${next + record} group ${index} ${8 + index}`);
    next += count;
  }
  return { bytes: Uint8Array.from(Buffer.concat(parts)), entries };
}

/** Reads as a log does that knows where its batches lie: from the one that holds the offset. */
function portOver(sound: Uint8Array, bytes: Uint8Array) {
  let reads = 0;
  const { view } = memoryOver(sound.slice());
  const starts: { readonly at: number; readonly last: number }[] = [];
  let high = 0;
  for (let at = 0; at < sound.length; at += batchBytes(view, at)) {
    high = batchLastOffset(view, at) + 1;
    starts.push({ at, last: high - 1 });
    expect(batchBaseOffset(view, at)).toBeLessThan(high);
  }
  return {
    append: () => Promise.reject(new Error('nothing is appended')),
    read: (_place: unknown, offset: number) => {
      reads += 1;
      if (reads > READS_MAX) throw new Error('it reads for ever');
      const from = starts.find(({ last }) => last >= offset)?.at ?? bytes.length;
      return Promise.resolve({ error: 0, bytes: bytes.slice(from), start: 0, high, stable: high, aborted: [] });
    },
  };
}

async function load(sound: Uint8Array, bytes: Uint8Array): Promise<{ entries: string[]; warnings: string[] }> {
  const entries: string[] = [];
  const warnings: string[] = [];
  const log = new CoordinatorLog({
    port: portOver(sound, bytes),
    place: { slot: 0, worker: 0 },
    name: 'state-0',
    crc32c: (memory, at, length) => crc({ ...memory, address: 0 }, at, length),
    nowMs: () => NOW_MS,
    warn: (message) => void warnings.push(message),
  });
  await log.load({
    entry: (key, value, { offset }) => void entries.push(`${offset} ${Buffer.from(key).toString()} ${value?.length}`),
    marker: () => void entries.push('marker'),
  });
  return { entries, warnings };
}

/** A bit of a batch's place, which only the log that gives the bytes can vouch for: see `chain-walk`. */
function isPlace(bytes: Uint8Array, at: number): boolean {
  const { view } = memoryOver(bytes.slice());
  let from = 0;
  while (from + batchBytes(view, from) <= at) from += batchBytes(view, from);
  return at - from < 8;
}

describe('a coordinator that loads a damaged log', () => {
  const { bytes, entries } = makeLog();

  it('takes all of a sound one', async () => {
    expect(await load(bytes, bytes)).toEqual({ entries, warnings: [] });
  });

  it('believes nothing that was not written, and loses one batch at most, whichever bit flips', async () => {
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      if (isPlace(bytes, bit >> 3)) continue;
      const changed = bytes.slice();
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      const found = await load(bytes, changed);
      expect({ bit, strange: found.entries.filter((entry) => !entries.includes(entry)) }).toEqual({ bit, strange: [] });
      const missing = entries.filter((entry) => !found.entries.includes(entry));
      expect(new Set(missing.map((entry) => entry.split(' ')[2])).size).toBeLessThanOrEqual(1);
      if (missing.length > 0) expect(found.warnings.join()).toContain('state-0 is damaged at offset');
    }
  });

  it('comes to an end wherever the bytes do', async () => {
    for (let length = 0; length < bytes.length; length++) {
      const found = await load(bytes, bytes.slice(0, length));
      expect(entries.slice(0, found.entries.length)).toEqual(found.entries);
    }
  });
});
