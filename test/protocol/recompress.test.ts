import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  batchBytes,
  batchCodec,
  batchCrcHolds,
  batchIsLogAppendTime,
  batchMaxTimestamp,
  CODEC_LZ4,
  CODEC_NONE,
  CODEC_SNAPPY,
  CODEC_ZSTD,
} from '../../src/protocol/batch.ts';
import { BatchBuilder } from '../../src/protocol/batch-builder.ts';
import { BatchCheck, createBatchRules } from '../../src/protocol/batch-check.ts';
import { recompressBatch } from '../../src/protocol/recompress.ts';
import { memoryOver, readBatch } from '../../src/protocol/records.ts';
import { referenceCrc32c } from './reference-crc.ts';

const INFLATED_MAX = 1_000_000;

function sample(codec: number): Uint8Array {
  const builder = new BatchBuilder(referenceCrc32c, { codec, producerId: 5, producerEpoch: 1, baseSequence: 9 });
  for (let index = 0; index < 50; index++) {
    builder.add({ key: Buffer.from(`key ${index}`), value: Buffer.from('value '.repeat(20)), timestamp: 1000 + index });
  }
  return builder.build();
}

describe('re-compression', () => {
  it('keeps every record and the producer through any pair of codecs', () => {
    const codecs = fc.integer({ min: 0, max: 4 });
    fc.assert(
      fc.property(codecs, codecs, (from, to) => {
        const batch = sample(from);
        const options = { codec: to, logAppendTime: null, maxTimestamp: null, inflatedBytesMax: INFLATED_MAX };
        const output = recompressBatch(batch, null, options, referenceCrc32c);
        if (output === null) throw new Error('nothing came out');
        const memory = memoryOver(output);
        expect(batchCodec(memory.view, 0)).toBe(to);
        expect(batchBytes(memory.view, 0)).toBe(output.length);
        expect(batchCrcHolds(memory, 0, output.length, referenceCrc32c)).toBe(true);
        expect(output.subarray(23, 61)).toEqual(batch.subarray(23, 61));
        expect(readBatch(memory, 0, output.length, INFLATED_MAX)).toEqual(
          readBatch(memoryOver(batch), 0, batch.length, INFLATED_MAX),
        );
      }),
      { numRuns: 50 },
    );
  });

  it('stamps the append time where the topic wants it', () => {
    const options = { codec: CODEC_LZ4, logAppendTime: 5000, maxTimestamp: null, inflatedBytesMax: INFLATED_MAX };
    const output = recompressBatch(sample(CODEC_NONE), null, options, referenceCrc32c);
    const { view } = memoryOver(output ?? new Uint8Array(0));
    expect(batchIsLogAppendTime(view, 0)).toBe(true);
    expect(batchMaxTimestamp(view, 0)).toBe(5000);
  });

  it('takes the records that the check has decompressed', () => {
    const batch = sample(CODEC_ZSTD);
    const check = new BatchCheck(referenceCrc32c);
    const rules = { ...createBatchRules(), nowMs: 1000, inflatesAlways: true };
    expect(check.check(memoryOver(batch), 0, batch.length, rules)).toBe(0);
    expect(check.inflated).not.toBeNull();
    const options = { codec: CODEC_SNAPPY, logAppendTime: null, maxTimestamp: null, inflatedBytesMax: 0 };
    const output = recompressBatch(batch, check.inflated, options, referenceCrc32c);
    const records = readBatch(memoryOver(output ?? new Uint8Array(0)), 0, output?.length ?? 0, INFLATED_MAX);
    expect(records.length).toBe(50);
  });

  it('gives up on a batch that becomes too large', () => {
    const options = { codec: CODEC_LZ4, logAppendTime: null, maxTimestamp: null, inflatedBytesMax: 100 };
    expect(recompressBatch(sample(CODEC_ZSTD), null, options, referenceCrc32c)).toBeNull();
  });
});
