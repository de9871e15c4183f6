import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Assignment, listOf } from '../../../src/groups/assignment.ts';
import { rangeAssignor } from '../../../src/groups/assignors/range-assignor.ts';
import { checkComplete, inputOf, mixedSubscriptions, oneSubscription } from './assignor-checks.ts';

const nothing: Assignment = new Map();

describe('range', () => {
  test('every partition has one owner, whoever reads what', () => {
    for (const groups of [oneSubscription, mixedSubscriptions]) {
      fc.assert(
        fc.property(groups, (group) => {
          const input = inputOf(group);
          checkComplete(input, rangeAssignor.assign(input));
        }),
      );
    }
  });

  test('a member has neighbouring partitions, and the same ones of topics of one size', () => {
    const topicIds = new Set(['one', 'two']);
    const members = new Map(['c', 'a', 'b'].map((id) => [id, { instanceId: null, topicIds, assigned: nothing }]));
    const assignments = rangeAssignor.assign({ members, partitionCountOf: () => 7 });
    const listed = new Map([...assignments].map(([id, assignment]) => [id, listOf(assignment)]));
    expect(listed.get('a')).toEqual(['one', 'two'].map((topicId) => ({ topicId, partitions: [0, 1, 2] })));
    expect(listed.get('b')).toEqual(['one', 'two'].map((topicId) => ({ topicId, partitions: [3, 4] })));
    expect(listed.get('c')).toEqual(['one', 'two'].map((topicId) => ({ topicId, partitions: [5, 6] })));
  });

  test('static members come first, by instance id, so a new member id changes nothing', () => {
    const topicIds = new Set(['t']);
    const groupOf = (ids: readonly [string, string | null][]) =>
      new Map(ids.map(([id, instanceId]) => [id, { instanceId, topicIds, assigned: nothing }]));
    const before = rangeAssignor.assign({
      members: groupOf([
        ['m1', 'i1'],
        ['m2', 'i2'],
        ['a', null],
      ]),
      partitionCountOf: () => 6,
    });
    const after = rangeAssignor.assign({
      members: groupOf([
        ['z9', 'i1'],
        ['b8', 'i2'],
        ['a', null],
      ]),
      partitionCountOf: () => 6,
    });
    expect(listOf(before.get('m1') ?? nothing)).toEqual([{ topicId: 't', partitions: [0, 1] }]);
    expect(after.get('z9')).toEqual(before.get('m1'));
    expect(after.get('b8')).toEqual(before.get('m2'));
    expect(after.get('a')).toEqual(before.get('a'));
  });

  test('more members than partitions: the last ones have none', () => {
    const topicIds = new Set(['t']);
    const members = new Map(['a', 'b', 'c'].map((id) => [id, { instanceId: null, topicIds, assigned: nothing }]));
    const assignments = rangeAssignor.assign({ members, partitionCountOf: () => 2 });
    expect([...assignments].map(([id, assignment]) => [id, listOf(assignment).length])).toEqual([
      ['a', 1],
      ['b', 1],
      ['c', 0],
    ]);
  });
});
