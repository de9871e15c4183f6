/** Checking a produced batch, without its checksum (which is a subject of its own): what is left is the walk over records. */
import type { BatchMemory } from '../../src/protocol/batch.ts';
import { BatchBuilder } from '../../src/protocol/batch-builder.ts';
import { BatchCheck, createBatchRules } from '../../src/protocol/batch-check.ts';
import type { Subject } from './subject.ts';

const NOW_MS = 1_700_000_000_000;
const CALLS = 20;

/** No checksum at all, and one that every batch has. */
const noCrc = (_memory: BatchMemory, _at: number, _length: number): number => 0;

export function recordWalkSubjects(): Subject[] {
  return [
    subjectOf('1 record of 100 bytes', batchOf(1, 100, false)),
    subjectOf('150 records of 100 bytes', batchOf(150, 100, false)),
    subjectOf('150 records of 100 bytes with keys', batchOf(150, 100, true)),
    subjectOf('1000 records of 1000 bytes', batchOf(1000, 1000, false)),
  ];
}

function batchOf(count: number, valueBytes: number, hasKey: boolean): Uint8Array {
  const builder = new BatchBuilder(noCrc);
  const value = Buffer.alloc(valueBytes, 'v');
  for (let index = 0; index < count; index++) {
    const key = hasKey ? Buffer.from(`key-${String(index).padStart(8, '0')}`) : null;
    builder.add({ key, value, timestamp: NOW_MS + Math.floor(index / 10) });
  }
  return builder.build();
}

function subjectOf(name: string, batch: Uint8Array): Subject {
  const bytes = new Uint8Array(new SharedArrayBuffer(batch.length + 64));
  bytes.set(batch, 32);
  const memory = { bytes, view: new DataView(bytes.buffer) };
  const check = new BatchCheck(noCrc);
  const rules = { ...createBatchRules(), nowMs: NOW_MS, messageBytesMax: batch.length };
  const run = (): void => {
    for (let index = 0; index < CALLS; index++) {
      if (check.check(memory, 32, batch.length, rules) !== 0) throw new Error(`${name}: refused, ${check.reason}`);
    }
  };
  return { name: `batch check: ${name}`, operations: CALLS, isHot: true, run };
}
