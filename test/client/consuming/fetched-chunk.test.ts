/** What of a fetch a reader sees: offsets asked for, control batches hidden, aborted transactions left out. */
import { expect, it } from 'vitest';
import { crc32c } from '../../../src/client/checksum.ts';
import { type AbortedTransaction, FetchedChunk } from '../../../src/client/consuming/fetched-chunk.ts';
import { BATCH_CRC, CODEC_LZ4 } from '../../../src/protocol/batch.ts';
import { BatchBuilder, type BatchOptions } from '../../../src/protocol/batch-builder.ts';

const COMMIT = Buffer.from([0, 0, 0, 1]);
const ABORT = Buffer.from([0, 0, 0, 0]);

function batch(baseOffset: number, values: readonly string[], options: BatchOptions = {}): Uint8Array {
  const builder = new BatchBuilder(crc32c, { baseOffset, ...options });
  for (const value of values) builder.add({ key: null, value: Buffer.from(value), timestamp: 1000 + baseOffset });
  return builder.build();
}

function transactional(baseOffset: number, producerId: number, ...values: string[]): Uint8Array {
  return batch(baseOffset, values, { producerId, producerEpoch: 0, baseSequence: 0, isTransactional: true });
}

function marker(baseOffset: number, producerId: number, key: Uint8Array): Uint8Array {
  const options = { baseOffset, producerId, producerEpoch: 0, isTransactional: true, isControl: true };
  const builder = new BatchBuilder(crc32c, options);
  builder.add({ key, value: new Uint8Array(6), timestamp: 1000 });
  return builder.build();
}

interface Given {
  readonly fromOffset?: number;
  readonly aborted?: readonly AbortedTransaction[] | null;
  readonly checksCrc?: boolean;
}

function chunkOf(batches: readonly Uint8Array[], given: Given = {}): FetchedChunk {
  const options = { topic: 't', partition: 0, fromOffset: 0, aborted: null, checksCrc: true, ...given };
  return new FetchedChunk(Buffer.concat(batches), options);
}

function seen(chunk: FetchedChunk): string[] {
  const values: string[] = [];
  for (let opened = chunk.next(); opened !== null; opened = chunk.next())
    values.push(...opened.records.map(({ offset, value }) => `${offset}:${value?.toString()}`));
  return values;
}

it('gives whole batches, from the offset asked for on, and says where to go on', () => {
  const last = batch(5, ['f']);
  const chunk = chunkOf(
    [batch(0, ['a', 'b']), batch(2, ['c', 'd', 'e'], { codec: CODEC_LZ4 }), last.subarray(0, last.length - 1)],
    {
      fromOffset: 1,
    },
  );
  expect(chunk.endOffset).toBe(5);
  expect(seen(chunk)).toEqual(['1:b', '2:c', '3:d', '4:e']);
  expect(chunkOf([last.subarray(0, 40)]).endOffset).toBe(-1);
});

it('hides control batches from everybody, but goes past them', () => {
  const chunk = chunkOf([transactional(0, 9, 'a'), marker(1, 9, COMMIT)]);
  expect(chunk.endOffset).toBe(2);
  expect(chunk.next()?.records).toHaveLength(1);
  expect(chunk.next()).toEqual({ records: [], nextOffset: 2 });
});

/** Two producers; 9 aborts, then commits; 8 commits; 7 is plain. */
const mixed = [
  transactional(0, 9, 'a0', 'a1'),
  transactional(2, 8, 'b0'),
  batch(3, ['plain'], { producerId: 9, producerEpoch: 0, baseSequence: 0 }),
  marker(4, 9, ABORT),
  transactional(5, 9, 'c0'),
  marker(6, 8, COMMIT),
  marker(7, 9, COMMIT),
];

it('leaves out what was aborted, of that producer and until its marker only', () => {
  expect(seen(chunkOf(mixed, { aborted: [{ producerId: 9, firstOffset: 0 }] }))).toEqual(['2:b0', '3:plain', '5:c0']);
});

it('shows everything to readers of everything', () => {
  expect(seen(chunkOf(mixed))).toEqual(['0:a0', '1:a1', '2:b0', '3:plain', '5:c0']);
});

it('knows of transactions that began before what was fetched, in whatever order they are named', () => {
  const batches = [
    transactional(10, 9, 'x'),
    transactional(11, 8, 'y'),
    marker(12, 8, ABORT),
    transactional(13, 8, 'z'),
    marker(14, 9, ABORT),
  ];
  const aborted = [
    { producerId: 8, firstOffset: 11 },
    { producerId: 9, firstOffset: 3 },
  ];
  expect(seen(chunkOf(batches, { fromOffset: 10, aborted }))).toEqual(['13:z']);
});

it('refuses a batch whose checksum is wrong, unless it is told not to look', () => {
  const bytes = batch(0, ['a']);
  bytes[BATCH_CRC] = (bytes[BATCH_CRC] ?? 0) ^ 1;
  expect(() => chunkOf([bytes]).next()).toThrow('checksum');
  expect(seen(chunkOf([bytes], { checksCrc: false }))).toEqual(['0:a']);
});
