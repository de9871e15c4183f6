import { describe, expect, test } from 'vitest';
import { must } from '../../src/base/assert.ts';
import type { RecoveryArgs } from '../../src/storage/recovery.ts';
import { ALONE_MAX, LOGS_PER_TASK, RecoveryBatches } from '../../src/workers/recovery-batches.ts';

function argsOf(index: number): RecoveryArgs {
  const offsets = { recoveryPoint: index, writtenOffset: -1, indexIntervalBytes: 4096, cleanedOffset: 0, nowMs: 0 };
  const flags = { mayHaveGaps: false, isSynced: false, isFlushShared: false };
  return { folder: `data/many-${index}`, partitionName: `many-${index}`, ...offsets, ...flags };
}

/** `deadly`: kills every thread that is given it. */
function makeBatches(deadly = -1) {
  const tasks: number[][] = [];
  const batches = new RecoveryBatches(async (logs) => {
    tasks.push(logs.map(({ recoveryPoint }) => recoveryPoint));
    await Promise.resolve();
    if (logs.some(({ recoveryPoint }) => recoveryPoint === deadly)) throw new Error('the thread died');
    return logs.map(({ partitionName, recoveryPoint }) => {
      if (recoveryPoint === 3) return { kind: 'fault', code: 'PB_DATA_DAMAGED', message: partitionName } as const;
      const nothing = { bytesScanned: 0, bytesCut: 0, segmentsRemoved: 0 };
      return { kind: 'done', result: { ...nothing, partitionName, recoveryPoint, endOffset: recoveryPoint } } as const;
    });
  });
  return { batches, tasks };
}

const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

describe('recoveries that are asked for in one go', () => {
  test('are each a task of their own where they are few', async () => {
    const { batches, tasks } = makeBatches();
    await Promise.all(numbers(ALONE_MAX).map((index) => batches.recover(argsOf(index))));
    expect(tasks).toEqual(numbers(ALONE_MAX).map((index) => [index]));
  });

  test('go several to a task where they are many, and each gets its own outcome', async () => {
    const { batches, tasks } = makeBatches();
    const count = ALONE_MAX + 1;
    const outcomes = await Promise.all(numbers(count).map((index) => batches.recover(argsOf(index))));
    expect(tasks).toHaveLength(Math.ceil(count / LOGS_PER_TASK));
    expect(tasks.flat()).toEqual(numbers(count));
    for (const [index, outcome] of outcomes.entries()) {
      if (outcome.kind === 'done') expect(outcome.result.endOffset).toBe(index);
      else expect([index, outcome.message]).toEqual([3, 'many-3']);
    }
    expect(outcomes.filter(({ kind }) => kind === 'fault')).toHaveLength(1);
  });

  test('name the one that kills threads, and put the others in order', async () => {
    const { batches } = makeBatches(7);
    const count = ALONE_MAX + 1;
    const settled = await Promise.allSettled(numbers(count).map((index) => batches.recover(argsOf(index))));
    const failed = settled.flatMap(({ status }, index) => (status === 'rejected' ? index : []));
    expect(failed).toEqual([7]);
    expect(must(settled[8], 'it was asked for').status).toBe('fulfilled');
  });
});
