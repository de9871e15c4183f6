import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ByteRing } from '../../src/zerocopy/byte-ring.ts';

const CAPACITY = 4096;

function ringPair(startCounter = 0): { producer: ByteRing; consumer: ByteRing } {
  const memory = new SharedArrayBuffer(ByteRing.bytesFor(CAPACITY));
  const counters = new Int32Array(memory);
  counters[0] = startCounter;
  counters[32] = startCounter;
  return { producer: new ByteRing(memory), consumer: new ByteRing(memory) };
}

function pattern(length: number, from: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let index = 0; index < length; index++) bytes[index] = (from + index) * 31;
  return bytes;
}

describe('a byte ring', () => {
  test('hands bytes over at the place it names', () => {
    const { producer, consumer } = ringPair();
    const at = producer.tryWrite(pattern(100, 5), 0, 100);
    expect(producer.lastWritten).toBe(100);
    const target = new Uint8Array(120);
    consumer.copyTo(at, 100, target, 20);
    expect(target.subarray(20)).toEqual(pattern(100, 5));
  });

  test('stops at its end, and the next piece starts at 0', () => {
    const { producer, consumer } = ringPair();
    producer.tryWrite(pattern(4000, 0), 0, 4000);
    consumer.free(4000);
    expect(producer.tryWrite(pattern(200, 0), 0, 200)).toBe(4000);
    expect(producer.lastWritten).toBe(96);
    expect(producer.tryWrite(pattern(200, 0), 96, 104)).toBe(0);
    expect(producer.lastWritten).toBe(104);
  });

  test('tells the consumer that somebody waits for room, once', () => {
    const { producer, consumer } = ringPair();
    producer.tryWrite(pattern(CAPACITY, 0), 0, CAPACITY);
    expect(consumer.free(10)).toBe(false);
    expect(producer.tryWrite(pattern(20, 0), 0, 20)).toBe(0);
    expect(producer.lastWritten).toBe(10);
    expect(producer.tryWrite(pattern(20, 0), 10, 10)).toBe(-1);
    expect(consumer.free(5)).toBe(true);
    expect(consumer.free(5)).toBe(false);
    expect(producer.tryWrite(pattern(20, 0), 10, 10)).toBe(10);
  });

  test('refuses to free more than was written', () => {
    const { producer, consumer } = ringPair();
    producer.tryWrite(pattern(10, 0), 0, 10);
    expect(() => consumer.free(11)).toThrow('no more bytes are freed than were written');
  });

  test('carries a stream of replies of any sizes, whole and in order', () => {
    const replies = fc.array(fc.integer({ min: 1, max: 10_000 }), { minLength: 1, maxLength: 30 });
    const start = fc.constantFrom(0, 0x7fff_f000, -5000);
    fc.assert(
      fc.property(replies, start, fc.array(fc.nat({ max: 3 })), (lengths, counter, eagerness) => {
        const { producer, consumer } = ringPair(counter | 0);
        const sent: number[] = [];
        const received: number[] = [];
        const pieces: { at: number; length: number }[] = [];
        let round = 0;
        const drain = (count: number): void => {
          for (const piece of pieces.splice(0, count)) {
            const target = new Uint8Array(piece.length);
            consumer.copyTo(piece.at, piece.length, target, 0);
            received.push(...target);
            consumer.free(piece.length);
          }
        };
        for (const length of lengths) {
          const bytes = pattern(length, length);
          sent.push(...bytes);
          for (let from = 0; from < length; ) {
            const at = producer.tryWrite(bytes, from, length - from);
            if (at < 0) {
              expect(pieces.length).toBeGreaterThan(0);
              drain(1);
              continue;
            }
            pieces.push({ at, length: producer.lastWritten });
            from += producer.lastWritten;
            drain(eagerness[round++ % Math.max(1, eagerness.length)] ?? 0);
          }
        }
        drain(pieces.length);
        expect(received).toEqual(sent);
        expect(producer.freeBytes).toBe(CAPACITY);
      }),
      { numRuns: 60 },
    );
  });
});
