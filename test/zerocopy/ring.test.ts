import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RING_HEAD_WORD, RING_TAIL_WORD, SLOT_BYTES, SLOT_WORDS } from '../../src/zerocopy/layout.ts';
import { Ring } from '../../src/zerocopy/ring.ts';

function ringPair(slotCount: number, startCounter = 0): { producer: Ring; consumer: Ring; memory: SharedArrayBuffer } {
  const memory = new SharedArrayBuffer(Ring.bytesFor(slotCount));
  const counters = new Int32Array(memory);
  counters[RING_HEAD_WORD] = startCounter;
  counters[RING_TAIL_WORD] = startCounter;
  return { producer: new Ring(memory), consumer: new Ring(memory), memory };
}

function fill(ring: Ring, value: number): boolean {
  const slot = ring.claim();
  if (slot < 0) return false;
  ring.words[slot * SLOT_WORDS] = value;
  ring.numbers[slot * (SLOT_WORDS / 2) + 7] = value + 0.5;
  return true;
}

function take(ring: Ring): number | null {
  const slot = ring.peek();
  if (slot < 0) return null;
  const value = ring.words[slot * SLOT_WORDS] ?? -1;
  expect(ring.numbers[slot * (SLOT_WORDS / 2) + 7]).toBe(value + 0.5);
  ring.advance();
  return value;
}

describe('a ring', () => {
  test('shows nothing before it is published', () => {
    const { producer, consumer } = ringPair(4);
    expect(fill(producer, 1)).toBe(true);
    expect(consumer.peek()).toBe(-1);
    expect(consumer.isEmpty).toBe(true);
    expect(producer.publish()).toBe(true);
    expect(consumer.isEmpty).toBe(false);
    expect(take(consumer)).toBe(1);
    expect(consumer.isEmpty).toBe(true);
  });

  test('says whether a publication showed anything new', () => {
    const { producer } = ringPair(4);
    expect(producer.publish()).toBe(false);
    fill(producer, 1);
    fill(producer, 2);
    expect(producer.publish()).toBe(true);
    expect(producer.publish()).toBe(false);
  });

  test('is full with as many slots as it has, and until slots are released', () => {
    const { producer, consumer } = ringPair(2);
    expect(fill(producer, 1) && fill(producer, 2)).toBe(true);
    expect(producer.claim()).toBe(-1);
    producer.publish();
    expect(take(consumer)).toBe(1);
    expect(producer.claim()).toBe(-1);
    consumer.release();
    expect(producer.freeCount).toBe(1);
    expect(fill(producer, 3)).toBe(true);
    expect(producer.claim()).toBe(-1);
  });

  test('gives the same slot to every peek until it advances', () => {
    const { producer, consumer } = ringPair(4);
    fill(producer, 1);
    fill(producer, 2);
    producer.publish();
    expect(consumer.peek()).toBe(consumer.peek());
    consumer.advance();
    expect(take(consumer)).toBe(2);
    expect(() => consumer.advance()).toThrow('a ring advances over a slot that was peeked');
  });

  test('works with a single slot', () => {
    const { producer, consumer } = ringPair(1);
    for (let value = 0; value < 5; value++) {
      expect(fill(producer, value)).toBe(true);
      expect(fill(producer, 99)).toBe(false);
      producer.publish();
      expect(take(consumer)).toBe(value);
      consumer.release();
    }
  });

  test('goes on over the wrap-around of its counters', () => {
    const { producer, consumer } = ringPair(4, 0x7fff_fffe);
    for (let value = 0; value < 20; value++) {
      expect(fill(producer, value)).toBe(true);
      expect(producer.publish()).toBe(true);
      expect(consumer.isEmpty).toBe(false);
      expect(take(consumer)).toBe(value);
      expect(take(consumer)).toBe(null);
      consumer.release();
    }
  });

  test('continues where another object over the same memory left', () => {
    const { producer, consumer, memory } = ringPair(4);
    fill(producer, 1);
    fill(producer, 2);
    producer.publish();
    take(consumer);
    consumer.release();
    expect(take(new Ring(memory))).toBe(2);
  });

  test('takes only a power of two of slots', () => {
    expect(() => Ring.bytesFor(3)).toThrow('power of two');
    expect(() => Ring.bytesFor(0)).toThrow('power of two');
    expect(() => new Ring(new SharedArrayBuffer(256 + 3 * SLOT_BYTES))).toThrow('power of two');
  });

  test('behaves like a queue under any interleaving of its two sides', () => {
    const step = fc.constantFrom('claim', 'claim', 'publish', 'take', 'take', 'release');
    const start = fc.constantFrom(0, 0x7fff_fff8, -3);
    fc.assert(
      fc.property(fc.nat({ max: 4 }), start, fc.array(step, { maxLength: 300 }), (power, counter, steps) => {
        const slotCount = 1 << power;
        const { producer, consumer } = ringPair(slotCount, counter | 0);
        const claimed: number[] = [];
        const visible: number[] = [];
        let held = 0;
        let next = 0;
        for (const name of steps) {
          if (name === 'claim') {
            const hasRoom = claimed.length + visible.length + held < slotCount;
            expect(fill(producer, next)).toBe(hasRoom);
            if (hasRoom) claimed.push(next++);
          } else if (name === 'publish') {
            expect(producer.publish()).toBe(claimed.length > 0);
            visible.push(...claimed.splice(0));
          } else if (name === 'take') {
            expect(consumer.isEmpty).toBe(visible.length === 0);
            const value = visible.shift() ?? null;
            if (value !== null) held += 1;
            expect(take(consumer)).toBe(value);
          } else {
            consumer.release();
            held = 0;
          }
        }
      }),
      { numRuns: 500 },
    );
  });
});
