import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  batchBaseOffset,
  batchBytes,
  batchCodec,
  batchCount,
  batchCrc,
  batchCrcHolds,
  batchIsControl,
  batchIsLogAppendTime,
  batchIsTransactional,
  batchLastOffset,
  batchLeaderEpoch,
  batchMagic,
  batchMaxTimestamp,
  batchProducerEpoch,
  batchProducerId,
  CODEC_GZIP,
  readInt64,
  stampBatch,
  stampTimestamp,
  writeInt64,
} from '../../src/protocol/batch.ts';
import { BatchBuilder } from '../../src/protocol/batch-builder.ts';
import { memoryOver } from '../../src/protocol/records.ts';
import { referenceCrc32c } from './reference-crc.ts';

function sampleBatch() {
  const builder = new BatchBuilder(referenceCrc32c, {
    codec: CODEC_GZIP,
    producerId: 9_007_199_254_740_991,
    producerEpoch: 7,
    baseSequence: 3,
    isTransactional: true,
    leaderEpoch: 2,
  });
  for (let index = 0; index < 5; index++) {
    builder.add({ key: null, value: Buffer.from(`value ${index}`), timestamp: 1_700_000_000_000 + index });
  }
  return memoryOver(builder.build());
}

describe('the header of a batch', () => {
  it('has the checksum function of RFC 3720', () => {
    const memory = memoryOver(Buffer.from('123456789'));
    expect(referenceCrc32c(memory, 0, 9)).toBe(0xe3069283);
  });

  it('gives back what the builder put in', () => {
    const { view, bytes } = sampleBatch();
    expect(batchBytes(view, 0)).toBe(bytes.length);
    expect(batchMagic(view, 0)).toBe(2);
    expect(batchCodec(view, 0)).toBe(CODEC_GZIP);
    expect(batchCount(view, 0)).toBe(5);
    expect(batchLastOffset(view, 0)).toBe(4);
    expect(batchProducerId(view, 0)).toBe(9_007_199_254_740_991);
    expect(batchProducerEpoch(view, 0)).toBe(7);
    expect(batchLeaderEpoch(view, 0)).toBe(2);
    expect(batchMaxTimestamp(view, 0)).toBe(1_700_000_000_004);
    expect([batchIsTransactional(view, 0), batchIsControl(view, 0), batchIsLogAppendTime(view, 0)]).toEqual([
      true,
      false,
      false,
    ]);
  });

  it('takes offset and epoch stamps without touching the checksum', () => {
    const memory = sampleBatch();
    const crc = batchCrc(memory.view, 0);
    stampBatch(memory.view, 0, 5_000_000_000, 41);
    expect(batchBaseOffset(memory.view, 0)).toBe(5_000_000_000);
    expect(batchLastOffset(memory.view, 0)).toBe(5_000_000_004);
    expect(batchLeaderEpoch(memory.view, 0)).toBe(41);
    expect(batchCrc(memory.view, 0)).toBe(crc);
    expect(batchCrcHolds(memory, 0, memory.bytes.length, referenceCrc32c)).toBe(true);
  });

  it('gets a new checksum with an append time, and loses the mark again without', () => {
    const memory = sampleBatch();
    stampTimestamp(memory, 0, memory.bytes.length, true, 1_800_000_000_000, referenceCrc32c);
    expect(batchIsLogAppendTime(memory.view, 0)).toBe(true);
    expect(batchMaxTimestamp(memory.view, 0)).toBe(1_800_000_000_000);
    expect(batchCodec(memory.view, 0)).toBe(CODEC_GZIP);
    expect(batchCrcHolds(memory, 0, memory.bytes.length, referenceCrc32c)).toBe(true);
    stampTimestamp(memory, 0, memory.bytes.length, false, 5, referenceCrc32c);
    expect(batchIsLogAppendTime(memory.view, 0)).toBe(false);
    expect(batchCrcHolds(memory, 0, memory.bytes.length, referenceCrc32c)).toBe(true);
  });

  it('reads and writes every exact 64-bit number as DataView does', () => {
    const view = new DataView(new ArrayBuffer(16));
    fc.assert(
      fc.property(fc.maxSafeInteger(), (value) => {
        view.setBigInt64(0, BigInt(value));
        writeInt64(view, 8, value);
        expect(readInt64(view, 0)).toBe(value);
        expect(view.getBigInt64(8)).toBe(BigInt(value));
      }),
    );
  });

  it('shows numbers beyond the exact range as such', () => {
    const view = new DataView(new ArrayBuffer(8));
    for (const value of [2n ** 53n, -(2n ** 53n), 2n ** 63n - 1n, -(2n ** 63n)]) {
      view.setBigInt64(0, value);
      expect(Number.isSafeInteger(readInt64(view, 0))).toBe(false);
    }
  });
});
