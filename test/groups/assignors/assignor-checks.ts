/** What every assignor owes, checked over random groups; and the random groups. */
import fc from 'fast-check';
import { type Assignment, countOf } from '../../../src/groups/assignment.ts';
import type { AssignorInput, AssignorMember } from '../../../src/groups/assignors/assignor.ts';

export interface RandomGroup {
  readonly partitionCounts: readonly number[];
  /** Index of the member → indexes of the topics it reads. */
  readonly subscriptions: readonly (readonly number[])[];
}

const topicId = (index: number): string => `topic-${index}`;

export const oneSubscription: fc.Arbitrary<RandomGroup> = fc
  .record({
    partitionCounts: fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 5 }),
    memberCount: fc.integer({ min: 1, max: 12 }),
  })
  .map(({ partitionCounts, memberCount }) => ({
    partitionCounts,
    subscriptions: Array.from({ length: memberCount }, () => partitionCounts.map((_count, index) => index)),
  }));

export const mixedSubscriptions: fc.Arbitrary<RandomGroup> = fc
  .array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 6 })
  .chain((partitionCounts) =>
    fc.record({
      partitionCounts: fc.constant(partitionCounts),
      subscriptions: fc.array(fc.subarray(partitionCounts.map((_count, index) => index)), {
        minLength: 1,
        maxLength: 8,
      }),
    }),
  );

export function inputOf(
  { partitionCounts, subscriptions }: RandomGroup,
  old: ReadonlyMap<string, Assignment> = new Map(),
): AssignorInput {
  const members = new Map<string, AssignorMember>();
  subscriptions.forEach((topics, index) => {
    const memberId = `member-${index}`;
    members.set(memberId, {
      instanceId: null,
      topicIds: new Set(topics.map(topicId)),
      assigned: old.get(memberId) ?? new Map(),
    });
  });
  const counts = new Map(partitionCounts.map((count, index) => [topicId(index), count]));
  return { members, partitionCountOf: (id) => counts.get(id) ?? 0 };
}

/** Throws unless every partition of every subscribed topic has exactly one owner, who subscribes to it. */
export function checkComplete(input: AssignorInput, assignments: ReadonlyMap<string, Assignment>): void {
  const owners = new Map<string, string>();
  for (const [memberId, assignment] of assignments) {
    const member = input.members.get(memberId);
    if (member === undefined) throw new Error(`${memberId} is no member`);
    for (const [topic, partitions] of assignment) {
      if (partitions.size === 0) throw new Error(`${memberId} has an empty set of ${topic}`);
      if (!member.topicIds.has(topic)) throw new Error(`${memberId} does not read ${topic}`);
      for (const partition of partitions) {
        const key = `${topic}/${partition}`;
        if (partition < 0 || partition >= input.partitionCountOf(topic)) throw new Error(`there is no ${key}`);
        if (owners.has(key)) throw new Error(`${key} belongs to ${owners.get(key)} and ${memberId}`);
        owners.set(key, memberId);
      }
    }
  }
  const read = new Set([...input.members.values()].flatMap(({ topicIds }) => [...topicIds]));
  let count = 0;
  for (const topic of read) count += input.partitionCountOf(topic);
  if (owners.size !== count) throw new Error(`${owners.size} of ${count} partitions have an owner`);
  if (assignments.size !== input.members.size) throw new Error('a member has no entry');
}

export function loadsOf(assignments: ReadonlyMap<string, Assignment>): number[] {
  return [...assignments.values()].map(countOf);
}

/** Partitions that another member has now than before. */
export function movedCount(before: ReadonlyMap<string, Assignment>, after: ReadonlyMap<string, Assignment>): number {
  let count = 0;
  for (const [memberId, assignment] of before) {
    for (const [topic, partitions] of assignment) {
      for (const partition of partitions) if (after.get(memberId)?.get(topic)?.has(partition) !== true) count++;
    }
  }
  return count;
}
