/** Which offsets bytes of a log hold, and which of them nobody is to see. */
import { describe, expect, it } from 'vitest';
import { stampBatch } from '../../src/protocol/batch.ts';
import { batchesOf, bytesOfAcquired } from '../../src/shares/log-batches.ts';
import { type BatchWish, batchOf } from '../support/simulated-deeds.ts';

const PRODUCER = { producerId: 7, producerEpoch: 0, isTransactional: true };

function logOf(
  ...wishes: readonly (BatchWish & { readonly isControl?: boolean; readonly control?: 'abort' | 'commit' })[]
) {
  const batches: Uint8Array[] = [];
  let offset = 0;
  for (const { control, ...wish } of wishes) {
    const batch = control === undefined ? batchOf(wish) : markerOf(control);
    stampBatch(new DataView(batch.buffer), 0, offset, 0);
    offset += control === undefined ? (wish.count ?? 1) : 1;
    batches.push(batch);
  }
  return { bytes: Buffer.concat(batches), sizes: batches.map(({ length }) => length) };
}

/** A control batch of producer 7. */
function markerOf(control: 'abort' | 'commit'): Uint8Array<ArrayBuffer> {
  const batch = batchOf({ ...PRODUCER, count: 1, keys: [`\0\0\0${control === 'abort' ? '\0' : '\x01'}`] });
  const view = new DataView(batch.buffer);
  view.setUint16(21, view.getUint16(21) | 0x20);
  return batch;
}

const seen = (bytes: Uint8Array, aborted: { producerId: number; firstOffset: number }[]) =>
  batchesOf(bytes, aborted).map(({ first, last, isHidden }) => [first, last, isHidden]);

describe('batches of a log', () => {
  it('are told with their offsets; markers are hidden always', () => {
    const { bytes } = logOf({ count: 3 }, { ...PRODUCER, count: 2 }, { control: 'abort' }, { count: 1 });
    expect(seen(bytes, [])).toEqual([
      [0, 2, false],
      [3, 4, false],
      [5, 5, true],
      [6, 6, false],
    ]);
  });

  it('of aborted transactions are hidden, up to their marker', () => {
    const { bytes } = logOf(
      { ...PRODUCER, count: 1 },
      { control: 'commit' },
      { ...PRODUCER, count: 2 },
      { count: 1 },
      { control: 'abort' },
      { ...PRODUCER, count: 1 },
    );
    expect(seen(bytes, [{ producerId: 7, firstOffset: 2 }])).toEqual([
      [0, 0, false],
      [1, 1, true],
      [2, 3, true],
      [4, 4, false],
      [5, 5, true],
      [6, 6, false],
    ]);
  });

  it('travel from the first that is acquired to the last', () => {
    const { bytes, sizes } = logOf({ count: 2 }, { count: 2 }, { count: 2 }, { count: 2 });
    const batches = batchesOf(bytes, []);
    const ranges = [
      { firstOffset: 3, lastOffset: 3, deliveryCount: 1 },
      { firstOffset: 4, lastOffset: 4, deliveryCount: 1 },
    ];
    const sent = bytesOfAcquired(bytes, batches, ranges);
    expect(sent.length).toBe(sizes[1]! + sizes[2]!);
    expect(batchesOf(sent, [])[0]?.first).toBe(2);
    expect(bytesOfAcquired(bytes, batches, [])).toHaveLength(0);
  });

  it('that are cut short are left out', () => {
    const { bytes } = logOf({ count: 2 }, { count: 2 });
    expect(seen(bytes.subarray(0, bytes.length - 1), [])).toEqual([[0, 1, false]]);
  });
});
