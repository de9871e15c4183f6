/** Records of coordinators: the version in front, the kind of a key in its place, broken bytes refused. */
import { describe, expect, it } from 'vitest';
import { int32, int64, NEVER, since, string, tagged, withDefault } from '../../src/protocol/fields.ts';
import { decodeStored, defineStored, encodeStored, storedKind } from '../../src/protocol/stored-record.ts';

const key = defineStored({
  name: 'Key',
  kind: 7,
  versions: [0, 0],
  flexibleSince: NEVER,
  fields: { group: string(), partition: int32() },
});
const value = defineStored({
  name: 'Value',
  versions: [0, 2],
  flexibleSince: 2,
  fields: { offset: int64(), epoch: since(1, withDefault(int32(), -1)), note: since(2, tagged(0, string())) },
});

describe('stored records', () => {
  it('carry the kind of a key as its version', () => {
    const bytes = encodeStored(key, 0, { group: 'g', partition: 3 });
    expect([...bytes]).toEqual([0, 7, 0, 1, 0x67, 0, 0, 0, 3]);
    expect(storedKind(bytes)).toBe(7);
    expect(decodeStored(key, bytes)).toEqual({ group: 'g', partition: 3 });
  });

  it('are read in whatever version they were written', () => {
    const written = { offset: 5, epoch: 2, note: 'x' };
    expect(decodeStored(value, encodeStored(value, 0, { offset: 5 }))).toEqual({ offset: 5, epoch: -1, note: '' });
    expect(decodeStored(value, encodeStored(value, 1, { offset: 5, epoch: 2 }))).toEqual({ ...written, note: '' });
    expect(decodeStored(value, encodeStored(value, 2, written))).toEqual(written);
  });

  it('are refused when they are of another kind, newer, or cut', () => {
    const bytes = encodeStored(key, 0, { group: 'g', partition: 3 });
    expect(() => decodeStored(key, Uint8Array.from([0, 8, ...bytes.subarray(2)]))).toThrow('kind');
    expect(() => decodeStored(value, Uint8Array.of(0, 3, 0, 0))).toThrow('version 3');
    expect(() => decodeStored(key, bytes.subarray(0, 5))).toThrow();
    expect(storedKind(Uint8Array.of(1))).toBe(-1);
    expect(storedKind(Uint8Array.of(0xff, 0xff))).toBe(-1);
  });
});
