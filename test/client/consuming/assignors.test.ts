/**
 * Sharing partitions out. The tables for `range` and `roundrobin` are what Java's RangeAssignor and RoundRobinAssignor 4.3.1
 * gave for the same members; the sticky one is held to what it promises.
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Assignments, GroupMemberView } from '../../../src/client/consuming/assignment.ts';
import { assignCooperatively, assignRange, assignRoundRobin } from '../../../src/client/consuming/assignors.ts';
import { assignSticky } from '../../../src/client/consuming/sticky-assignor.ts';
import type { TopicPartition } from '../../../src/client/record.ts';

function member(memberId: string, topics: readonly string[], more: Partial<GroupMemberView> = {}): GroupMemberView {
  return { memberId, topics, groupInstanceId: null, owned: [], generationId: -1, ...more };
}

function shown(assignments: Assignments): Record<string, string> {
  const text = (partitions: readonly TopicPartition[]) =>
    partitions.map((one) => `${one.topic}-${one.partition}`).join(' ');
  return Object.fromEntries([...assignments].map(([memberId, partitions]) => [memberId, text(partitions)]));
}

function threeMembers(isStatic: boolean): GroupMemberView[] {
  return [
    member('m2', ['t0', 't1']),
    member('m1', ['t0']),
    member('m3', ['t1', 't0'], isStatic ? { groupInstanceId: 'static' } : {}),
  ];
}

const TABLE = [
  [3, 2, false, 'range', 't0-0', 't0-1 t1-0', 't0-2 t1-1'],
  [3, 2, false, 'roundrobin', 't0-0', 't0-1 t1-0', 't0-2 t1-1'],
  [7, 3, true, 'range', 't0-3 t0-4', 't0-5 t0-6 t1-2', 't0-0 t0-1 t0-2 t1-0 t1-1'],
  [7, 3, true, 'roundrobin', 't0-1 t0-4', 't0-2 t0-5 t1-0 t1-2', 't0-0 t0-3 t0-6 t1-1'],
  [1, 5, false, 'range', 't0-0', 't1-0 t1-1 t1-2', 't1-3 t1-4'],
  [1, 5, false, 'roundrobin', 't0-0', 't1-0 t1-2 t1-4', 't1-1 t1-3'],
  [4, 4, true, 'range', 't0-2', 't0-3 t1-2 t1-3', 't0-0 t0-1 t1-0 t1-1'],
  [4, 4, true, 'roundrobin', 't0-1', 't0-2 t1-0 t1-2', 't0-0 t0-3 t1-1 t1-3'],
] as const;

it.each(TABLE)(
  'shares %i and %i partitions out like Java (static %s, %s)',
  (first, second, isStatic, name, m1, m2, m3) => {
    const assign = name === 'range' ? assignRange : assignRoundRobin;
    const counts = new Map([
      ['t1', second],
      ['t0', first],
    ]);
    expect(shown(assign(threeMembers(isStatic), counts))).toEqual({ m1, m2, m3 });
  },
);

it('leaves topics alone that nobody subscribes to or that are not there', () => {
  const members = [member('a', ['t', 'gone'])];
  const counts = new Map([
    ['t', 1],
    ['other', 3],
  ]);
  for (const assign of [assignRange, assignRoundRobin, assignSticky])
    expect(shown(assign(members, counts))).toEqual({ a: 't-0' });
});

const groups = fc.record({
  counts: fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 4 }),
  members: fc.array(
    fc.record({ skips: fc.nat(15), owns: fc.array(fc.tuple(fc.nat(3), fc.nat(13)), { maxLength: 10 }) }),
    {
      minLength: 1,
      maxLength: 6,
    },
  ),
});

function build(
  group: { counts: number[]; members: { skips: number; owns: [number, number][] }[] },
  isUniform: boolean,
) {
  const counts = new Map(group.counts.map((count, topic) => [`t${topic}`, count]));
  const taken = new Set<string>();
  const members = group.members.map(({ skips, owns }, index) => {
    const topics = [...counts.keys()].filter((_, topic) => isUniform || (skips & (1 << topic)) === 0);
    const owned: TopicPartition[] = [];
    for (const [topic, partition] of owns) {
      const place = `t${topic}-${partition}`;
      if (taken.has(place) || !topics.includes(`t${topic}`) || partition >= (counts.get(`t${topic}`) ?? 0)) continue;
      taken.add(place);
      owned.push({ topic: `t${topic}`, partition });
    }
    return member(`m${index}`, topics, { owned, generationId: 3 });
  });
  return { counts, members };
}

it('gives every partition that has a subscriber to exactly one of them, evenly (sticky)', () => {
  fc.assert(
    fc.property(groups, fc.boolean(), (group, isUniform) => {
      const { counts, members } = build(group, isUniform);
      const assignments = assignSticky(members, counts);
      const all = [...assignments].flatMap(([memberId, partitions]) => partitions.map((one) => ({ memberId, ...one })));
      const wanted = [...counts].filter(([topic]) => members.some(({ topics }) => topics.includes(topic)));
      expect(new Set(all.map(({ topic, partition }) => `${topic}-${partition}`)).size).toBe(all.length);
      expect(all).toHaveLength(wanted.reduce((sum, [, count]) => sum + count, 0));
      for (const { memberId, topic } of all)
        expect(members.find((one) => one.memberId === memberId)?.topics).toContain(topic);
      const sizes = [...assignments.values()].map((partitions) => partitions.length);
      if (isUniform) expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
    }),
  );
});

it('moves nothing when the shares are even already (sticky)', () => {
  fc.assert(
    fc.property(groups, (group) => {
      const { counts, members } = build(group, true);
      const before = assignSticky(members, counts);
      const settled = members.map((one) => ({ ...one, owned: before.get(one.memberId) ?? [] }));
      expect(shown(assignSticky(settled, counts))).toEqual(shown(before));
    }),
  );
});

it('believes the newest generation about who owns what (sticky)', () => {
  const owned = [{ topic: 't', partition: 0 }];
  const members = [
    member('old', ['t'], { owned: [...owned, { topic: 't', partition: 1 }], generationId: 4 }),
    member('new', ['t'], { owned, generationId: 5 }),
  ];
  expect(shown(assignSticky(members, new Map([['t', 2]])))).toEqual({ old: 't-1', new: 't-0' });
});

it('holds a partition back until its owner gave it up (cooperative)', () => {
  const counts = new Map([['t', 2]]);
  const owned = [0, 1].map((partition) => ({ topic: 't', partition }));
  const first = assignCooperatively([member('a', ['t'], { owned, generationId: 1 }), member('b', ['t'])], counts);
  const kept = first.get('a') ?? [];
  expect(kept).toHaveLength(1);
  expect(first.get('b')).toEqual([]);
  const second = assignCooperatively(
    [member('a', ['t'], { owned: kept, generationId: 2 }), member('b', ['t'])],
    counts,
  );
  expect(second.get('a')).toEqual(kept);
  expect(second.get('b')).toHaveLength(1);
});
