import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Fault } from '../../src/base/fault.ts';
import { Reader } from '../../src/protocol/reader.ts';
import { Writer } from '../../src/protocol/writer.ts';
import { parameters, seed } from './arbitrary.ts';

function round<T>(value: T, write: (writer: Writer, value: T) => void, read: (reader: Reader) => T): void {
  const writer = new Writer(1 << 16, 0);
  write(writer, value);
  const reader = Reader.over(Uint8Array.from(writer.written()));
  expect(read(reader)).toEqual(value);
  expect(reader.remaining).toBe(0);
}

function bytesOf(write: (writer: Writer) => void): number[] {
  const writer = new Writer(1 << 16, 0);
  write(writer);
  return [...writer.written()];
}

const int32 = fc.oneof(fc.integer(), fc.constantFrom(-0x8000_0000, 0x7fff_ffff, 0, -1, 63, 64, -64, -65));
const safe = fc.oneof(
  fc.maxSafeInteger(),
  fc.constantFrom(Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, 0, -1, 2 ** 31, -(2 ** 31), 2 ** 52, 127, 128),
);

describe(`reader and writer (PB_SEED=${seed})`, () => {
  it('agree on every primitive type', () => {
    fc.assert(
      fc.property(int32, (n) =>
        round(
          n,
          (w, v) => w.varint(v),
          (r) => r.varint(),
        ),
      ),
      parameters(300),
    );
    fc.assert(
      fc.property(safe, (n) =>
        round(
          n,
          (w, v) => w.varlong(v),
          (r) => r.varlong(),
        ),
      ),
      parameters(300),
    );
    fc.assert(
      fc.property(safe, (n) =>
        round(
          n,
          (w, v) => w.int64(v),
          (r) => r.int64(),
        ),
      ),
      parameters(300),
    );
    fc.assert(
      fc.property(fc.nat({ max: 0xffff_ffff }), (n) =>
        round(
          n,
          (w, v) => w.unsignedVarint(v),
          (r) => r.unsignedVarint(),
        ),
      ),
      parameters(300),
    );
    fc.assert(
      fc.property(fc.double({ noNaN: true }), (n) =>
        round(
          n,
          (w, v) => w.float64(v),
          (r) => r.float64(),
        ),
      ),
    );
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.boolean(), (text, isFlexible) =>
        round<string | null>(
          text,
          (w, v) => w.string(v, isFlexible),
          (r) => r.string(isFlexible),
        ),
      ),
      parameters(300),
    );
  });

  it('write 64-bit numbers as others expect them', () => {
    fc.assert(
      fc.property(safe, (n) => {
        const oracle = new DataView(new ArrayBuffer(8));
        oracle.setBigInt64(0, BigInt(n));
        expect(bytesOf((writer) => writer.int64(n))).toEqual([...new Uint8Array(oracle.buffer)]);
      }),
      parameters(300),
    );
    expect(bytesOf((writer) => writer.varlong(-1))).toEqual([1]);
    expect(bytesOf((writer) => writer.varlong(150))).toEqual([0xac, 0x02]);
    expect(bytesOf((writer) => writer.unsignedVarint(300))).toEqual([0xac, 0x02]);
  });

  it('refuse or clamp what does not fit into 53 bits', () => {
    const long = Uint8Array.from([0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
    expect(() => Reader.over(long).int64()).toThrow('53 bits');
    expect(Reader.over(long).clampedInt64()).toBe(Number.MAX_SAFE_INTEGER);
    expect(Reader.over(Uint8Array.from([0x80, 0, 0, 0, 0, 0, 0, 0])).clampedInt64()).toBe(Number.MIN_SAFE_INTEGER);
    const endless = new Uint8Array(12).fill(0xff);
    expect(() => Reader.over(endless).unsignedVarint()).toThrow('too many bits');
    expect(() => Reader.over(endless).varlong()).toThrow('too many bits');
    expect(() =>
      Reader.over(Uint8Array.from([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1])).varlong(),
    ).toThrow('53 bits');
  });

  it('refuse values that their field cannot hold', () => {
    const writer = new Writer(64);
    for (const write of [
      () => writer.int8(128),
      () => writer.int16(-32_769),
      () => writer.int32(2 ** 31),
      () => writer.int32(0.5),
      () => writer.int32(Number.NaN),
      () => writer.uint16(-1),
      () => writer.uint32(2 ** 32),
      () => writer.int64(2 ** 53),
      () => writer.uuid('short'),
      () => writer.uuid('=====================!'),
      () => writer.string('x'.repeat(32_768), true),
    ]) {
      expect(write).toThrow(Fault);
    }
  });

  it('grow up to a maximum and not beyond', () => {
    const writer = new Writer(1000, 1);
    writer.bytes(new Uint8Array(996), false);
    expect(writer.at).toBe(1000);
    expect(() => writer.int8(1)).toThrow('1000 bytes');
    writer.reset();
    writer.int8(5);
    expect([...writer.written()]).toEqual([5]);
  });

  it('patch a length that was left open', () => {
    const writer = new Writer(100, 1);
    writer.int8(9);
    const lengthAt = writer.beginLength();
    writer.int16(7);
    writer.endLength(lengthAt);
    expect([...writer.written()]).toEqual([9, 0, 0, 0, 2, 0, 7]);
  });

  it('make room for the size of a long tagged field', () => {
    for (const length of [0, 1, 126, 127, 128, 16_383, 16_384, 40_000]) {
      const writer = new Writer(1 << 20, 1);
      const start = writer.beginTag(3);
      writer.raw(new Uint8Array(length).fill(length & 0xff));
      writer.endTag(start);
      writer.int8(7);
      const reader = Reader.over(Uint8Array.from(writer.written()));
      expect(reader.unsignedVarint()).toBe(3);
      const end = reader.tagEnd();
      expect(end - reader.at).toBe(length);
      for (; reader.at < end; ) expect(reader.int8() & 0xff).toBe(length & 0xff);
      expect(reader.int8()).toBe(7);
    }
  });

  it('copy bytes, but only show records', () => {
    const memory = Uint8Array.from([0, 0, 0, 1, 5, 0, 0, 0, 1, 6]);
    const reader = Reader.over(memory);
    const copied = reader.bytes(false);
    const shown = reader.bytesView(false);
    memory.fill(0);
    expect([copied?.[0], shown?.[0]]).toEqual([5, 0]);
  });

  it('refuse a stretch outside of its memory', () => {
    const bytes = new Uint8Array(4);
    expect(() => new Reader(bytes, new DataView(bytes.buffer), 2, 5)).toThrow(Fault);
    expect(() => new Reader(bytes, new DataView(bytes.buffer), 3, 2)).toThrow(Fault);
  });
});

it('counts the elements of all arrays together', () => {
  const bytes = Uint8Array.from([0, 0, 0, 2, 7, 7, 0, 0, 0, 2, 7, 7]);
  const read = (reader: Reader): number => {
    const count = reader.arrayCount(false, 1);
    for (let index = 0; index < count; index++) reader.int8();
    return count;
  };
  const enough = Reader.over(bytes, 4);
  expect([read(enough), read(enough)]).toEqual([2, 2]);
  const few = Reader.over(bytes, 3);
  expect(read(few)).toBe(2);
  expect(() => read(few)).toThrow(Fault);
});
