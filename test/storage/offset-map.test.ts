import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OffsetMap } from '../../src/storage/offset-map.ts';

const secret = new Uint8Array(16).fill(3);
const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

function put(map: OffsetMap, key: string, offset: number): void {
  const bytes = bytesOf(key);
  map.put(bytes, 0, bytes.length, offset);
}

function get(map: OffsetMap, key: string): number {
  const bytes = bytesOf(key);
  return map.get(bytes, 0, bytes.length);
}

describe('the offset map', () => {
  it('is what a Map would be, also full, and seen through another face over the same memory', () => {
    const entry = fc.tuple(fc.string({ maxLength: 12 }), fc.boolean());
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 200 }), fc.integer({ min: 1, max: 60 }), (entries, recordsMax) => {
        const map = OffsetMap.create(1_000_000, recordsMax, 0.9, secret);
        const model = new Map<string, number>();
        for (const [offset, [key]] of entries.entries()) {
          if (map.isFull) break;
          put(map, key, offset);
          model.set(key, offset);
        }
        const other = new OffsetMap(map.memory);
        for (const [key] of entries) expect(get(other, key)).toBe(model.get(key) ?? -1);
        expect(other.count).toBe(model.size);
        expect(other.latestOffset).toBe(Math.max(-1, ...model.values()));
      }),
    );
  });

  it('takes no more memory than allowed, nor than so many records need', () => {
    expect(OffsetMap.create(1000, 1e9, 0.9, secret).memory.byteLength).toBeLessThanOrEqual(1000);
    expect(OffsetMap.create(1e9, 100, 0.5, secret).memory.byteLength).toBeLessThan(8000);
  });

  it('holds as many keys as there are records when it is allowed to', () => {
    const map = OffsetMap.create(1e9, 1000, 0.9, secret);
    for (let offset = 0; offset < 1000; offset++) {
      expect(map.isFull).toBe(false);
      put(map, `key-${offset}`, offset);
    }
    expect(get(map, 'key-999')).toBe(999);
    expect(get(map, 'none')).toBe(-1);
  });

  it('says where it is full', () => {
    const map = OffsetMap.create(24 * 16 + 48, 1000, 0.5, secret);
    for (let offset = 0; !map.isFull; offset++) put(map, `key-${offset}`, offset);
    expect(map.count).toBe(8);
    expect(map.latestOffset).toBe(7);
  });

  it('takes the memory of one that is done with, and knows nothing of what that knew', () => {
    const first = OffsetMap.create(1e9, 1000, 0.9, secret);
    for (let offset = 0; offset < 900; offset++) put(first, `key-${offset}`, offset);
    const second = OffsetMap.create(1e9, 700, 0.9, secret, first.memory);
    expect(second.memory).toBe(first.memory);
    expect([second.count, second.latestOffset, get(second, 'key-5')]).toEqual([0, -1, -1]);
    put(second, 'key-5', 2000);
    expect(get(new OffsetMap(second.memory), 'key-5')).toBe(2000);
    expect(OffsetMap.create(1e9, 5000, 0.9, secret, first.memory).memory).not.toBe(first.memory);
  });
});
