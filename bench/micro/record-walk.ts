/**
 * What checking a produced batch costs, per record and per batch, without its checksum (measured elsewhere). Run the
 * built file: `node dist/bench/micro/record-walk.js`. Takes about three seconds; numbers are the best of several rounds.
 */
import type { BatchMemory } from '../../src/protocol/batch.ts';
import { BatchBuilder } from '../../src/protocol/batch-builder.ts';
import { BatchCheck, createBatchRules } from '../../src/protocol/batch-check.ts';

const ROUNDS = 12;
const ROUND_MS = 60;
const NOW_MS = 1_700_000_000_000;

/** No checksum at all, and one that every batch has: what is left is the walk. */
const noCrc = (_memory: BatchMemory, _at: number, _length: number): number => 0;

function batchOf(count: number, valueBytes: number, hasKey: boolean): Uint8Array {
  const builder = new BatchBuilder(noCrc);
  const value = Buffer.alloc(valueBytes, 'v');
  for (let index = 0; index < count; index++) {
    const key = hasKey ? Buffer.from(`key-${String(index).padStart(8, '0')}`) : null;
    builder.add({ key, value, timestamp: NOW_MS + Math.floor(index / 10) });
  }
  return builder.build();
}

function measure(name: string, batch: Uint8Array, count: number): void {
  const bytes = new Uint8Array(new SharedArrayBuffer(batch.length + 64));
  bytes.set(batch, 32);
  const memory = { bytes, view: new DataView(bytes.buffer) };
  const check = new BatchCheck(noCrc);
  const rules = { ...createBatchRules(), nowMs: NOW_MS, messageBytesMax: batch.length };
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round++) {
    const start = process.hrtime.bigint();
    const endMs = performance.now() + ROUND_MS;
    let batches = 0;
    while (performance.now() < endMs) {
      for (let index = 0; index < 20; index++) {
        if (check.check(memory, 32, batch.length, rules) !== 0) throw new Error(`${name}: refused, ${check.reason}`);
      }
      batches += 20;
    }
    best = Math.min(best, Number(process.hrtime.bigint() - start) / batches);
  }
  const perRecord = (best / count).toFixed(1);
  process.stdout.write(
    `${name.padEnd(44)} ${perRecord.padStart(7)} ns a record ${best.toFixed(0).padStart(8)} ns a batch\n`,
  );
}

measure('1 record of 100 bytes', batchOf(1, 100, false), 1);
measure('150 records of 100 bytes (a 16 KB batch)', batchOf(150, 100, false), 150);
measure('150 records of 100 bytes, 12-byte keys', batchOf(150, 100, true), 150);
measure('1000 records of 1000 bytes (a 1 MB batch)', batchOf(1000, 1000, false), 1000);
