import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { assignmentOf, listOf } from '../../../src/groups/assignment.ts';
import type { AssignorMember } from '../../../src/groups/assignors/assignor.ts';
import { uniformAssignor } from '../../../src/groups/assignors/uniform-assignor.ts';
import { checkComplete, inputOf, loadsOf, mixedSubscriptions, movedCount, oneSubscription } from './assignor-checks.ts';

describe('members with one subscription', () => {
  test('every partition has one owner, and loads differ by at most one', () => {
    fc.assert(
      fc.property(oneSubscription, (group) => {
        const input = inputOf(group);
        const assignments = uniformAssignor.assign(input);
        checkComplete(input, assignments);
        const loads = loadsOf(assignments);
        expect(Math.max(...loads) - Math.min(...loads)).toBeLessThanOrEqual(1);
      }),
    );
  });

  test('assigning again moves nothing', () => {
    fc.assert(
      fc.property(oneSubscription, (group) => {
        const first = uniformAssignor.assign(inputOf(group));
        const second = uniformAssignor.assign(inputOf(group, first));
        expect(movedCount(first, second)).toBe(0);
      }),
    );
  });

  test('a member that comes takes its fair share and nothing else moves', () => {
    fc.assert(
      fc.property(oneSubscription, (group) => {
        const before = uniformAssignor.assign(inputOf(group));
        const subscription = group.subscriptions[0] ?? [];
        const input = inputOf({ ...group, subscriptions: [...group.subscriptions, subscription] }, before);
        const after = uniformAssignor.assign(input);
        checkComplete(input, after);
        const partitionCount = loadsOf(before).reduce((sum, load) => sum + load, 0);
        expect(movedCount(before, after)).toBe(Math.floor(partitionCount / (group.subscriptions.length + 1)));
      }),
    );
  });

  test('when a member goes, only what it had moves', () => {
    fc.assert(
      fc.property(oneSubscription, (group) => {
        const before = uniformAssignor.assign(inputOf(group));
        if (group.subscriptions.length === 1) return;
        const input = inputOf({ ...group, subscriptions: group.subscriptions.slice(1) });
        const staying = new Map([...before].slice(1));
        const members = new Map(
          [...staying].map(([id, assigned]) => {
            const topicIds = new Set(group.partitionCounts.map((_count, index) => `topic-${index}`));
            return [id, { instanceId: null, topicIds, assigned }];
          }),
        );
        const after = uniformAssignor.assign({ ...input, members });
        checkComplete({ ...input, members }, after);
        expect(movedCount(staying, after)).toBe(0);
      }),
    );
  });

  test('an old assignment with a partition in two hands, or one that is gone, is put right', () => {
    const topicIds = new Set(['t']);
    const assigned = assignmentOf([{ topicId: 't', partitions: [0, 1, 9] }]);
    const gone = assignmentOf([
      { topicId: 't', partitions: [0, 1] },
      { topicId: 'deleted', partitions: [0] },
    ]);
    const input = {
      members: new Map([
        ['a', { instanceId: null, topicIds, assigned }],
        ['b', { instanceId: null, topicIds, assigned: gone }],
      ]),
      partitionCountOf: (id: string) => (id === 't' ? 4 : 0),
    };
    const assignments = uniformAssignor.assign(input);
    checkComplete(input, assignments);
    expect(loadsOf(assignments)).toEqual([2, 2]);
  });

  test('of six partitions two members have three each, the one that was there the first ones', () => {
    const topicIds = new Set(['t']);
    const first = assignmentOf([{ topicId: 't', partitions: [0, 1, 2, 3, 4, 5] }]);
    const assignments = uniformAssignor.assign({
      members: new Map([
        ['a', { instanceId: null, topicIds, assigned: first }],
        ['b', { instanceId: null, topicIds, assigned: new Map() }],
      ]),
      partitionCountOf: () => 6,
    });
    expect(listOf(assignments.get('a') ?? new Map())).toEqual([{ topicId: 't', partitions: [0, 1, 2] }]);
    expect(listOf(assignments.get('b') ?? new Map())).toEqual([{ topicId: 't', partitions: [3, 4, 5] }]);
  });
});

describe('members with different subscriptions', () => {
  test('every partition has one owner, and no single move within a topic makes loads more even', () => {
    fc.assert(
      fc.property(mixedSubscriptions, (group) => {
        const input = inputOf(group);
        const assignments = uniformAssignor.assign(input);
        checkComplete(input, assignments);
        const load = new Map([...assignments].map(([id], index) => [id, loadsOf(assignments)[index] ?? 0]));
        for (const [ownerId, assignment] of assignments) {
          for (const topicId of assignment.keys()) {
            for (const [otherId, { topicIds }] of input.members) {
              if (topicIds.has(topicId))
                expect((load.get(ownerId) ?? 0) - (load.get(otherId) ?? 0)).toBeLessThanOrEqual(1);
            }
          }
        }
      }),
    );
  });

  test('assigning again moves nothing', () => {
    fc.assert(
      fc.property(mixedSubscriptions, (group) => {
        const first = uniformAssignor.assign(inputOf(group));
        const second = uniformAssignor.assign(inputOf(group, first));
        expect(movedCount(first, second)).toBe(0);
      }),
    );
  });

  test('does not look at all members for each partition that is given or moved', () => {
    const both = new Set(['t', 'u']);
    const one = new Set(['t']);
    const members = new Map<string, AssignorMember>();
    const all = assignmentOf([{ topicId: 't', partitions: Array.from({ length: 10_000 }, (_, index) => index) }]);
    for (let index = 0; index < 5000; index++) {
      const assigned = index === 0 ? all : new Map();
      members.set(`m${index}`, { instanceId: null, topicIds: index === 0 ? both : one, assigned });
    }
    const begunMs = performance.now();
    const assignments = uniformAssignor.assign({ members, partitionCountOf: (id) => (id === 't' ? 10_000 : 1) });
    expect(performance.now() - begunMs).toBeLessThan(3000);
    const loads = loadsOf(assignments);
    expect([Math.min(...loads), Math.max(...loads)]).toEqual([2, 3]);
  });
});
