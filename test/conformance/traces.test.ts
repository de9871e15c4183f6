/** How two traces are read: where the comparison of a session goes on after an admitted difference, and where not. */
import { expect, it } from 'vitest';
import { compareTraces, type Script } from '../../bench/conformance/comparison.ts';
import type { Trace } from '../../bench/conformance/exchange.ts';
import { readKnownDifferences } from '../../bench/conformance/known-differences.ts';

const script: Script = { name: 'generated-1', goesOn: false, run: () => Promise.resolve() };
const known = readKnownDifferences(
  [
    '| API | versions | field | Kafka | perfbroker | why |',
    '|---|---|---|---|---|---|',
    '| ShareGroupHeartbeat | * | assignment.topicPartitions.length | 0 entries* | * | They come later. |',
    '| ShareGroupHeartbeat | * | errorCode | 1 | 2 | Something else happened. |',
  ].join('\n'),
);

function traceOf(...bodies: readonly unknown[]): Trace {
  return {
    failure: null,
    exchanges: bodies.map((body, index) => ({
      index,
      api: 'ShareGroupHeartbeat',
      version: 1,
      connection: 'a',
      request: {},
      note: '',
      outcome: { kind: 'answer', body },
    })),
  };
}

const told = (partitions: readonly number[]) => ({
  errorCode: 0,
  assignment: { topicPartitions: partitions.length === 0 ? [] : [{ topicId: 'a', partitions }] },
});

function fieldsOf(kafka: Trace, perfbroker: Trace): string[] {
  return compareTraces(script, kafka, perfbroker, '', known).findings.map(({ field }) => field);
}

it('goes on after a member of a share group was told its partitions earlier', () => {
  expect(fieldsOf(traceOf(told([]), { memberEpoch: 3 }), traceOf(told([0]), { memberEpoch: 2 }))).toEqual([
    'assignment.topicPartitions.length',
    'memberEpoch',
  ]);
});

it('stops after another admitted difference in what was done', () => {
  const [kafka, perfbroker] = [1, 2].map((errorCode) => traceOf({ errorCode }, { memberEpoch: errorCode }));
  if (kafka === undefined || perfbroker === undefined) throw new Error('there are two traces');
  expect(fieldsOf(kafka, perfbroker)).toEqual(['errorCode']);
});
