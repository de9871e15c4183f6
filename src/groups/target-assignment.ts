/**
 * Makes the target assignment of a consumer group: who is to have what, by the assignor that most members ask for. Called
 * when the group epoch has run ahead of the assignment epoch, with the members as they will be.
 */
import { assert } from '../base/assert.ts';
import { type Assignment, emptyAssignment, isSameAssignment } from './assignment.ts';
import type { Assignor, AssignorMember } from './assignors/assignor.ts';
import { rangeAssignor } from './assignors/range-assignor.ts';
import { uniformAssignor } from './assignors/uniform-assignor.ts';
import type { ConsumerGroup } from './consumer-group.ts';
import type { ConsumerGroupRecord } from './consumer-group-record.ts';
import type { ConsumerMember } from './consumer-member.ts';
import { subscribedIdsOf } from './subscriptions.ts';
import type { TopicView } from './topic-view.ts';

/** Of the assignors there are; the first is the default. */
export const consumerAssignors: ReadonlyMap<string, Assignor> = new Map(
  [uniformAssignor, rangeAssignor].map((assignor) => [assignor.name, assignor]),
);

export interface TargetInput {
  readonly group: ConsumerGroup;
  readonly members: ReadonlyMap<string, ConsumerMember>;
  readonly epoch: number;
  readonly defaultAssignor: string;
  readonly topics: TopicView;
  readonly nowMs: number;
}

export interface TargetResult {
  readonly records: readonly ConsumerGroupRecord[];
  readonly assignments: ReadonlyMap<string, Assignment>;
}

export function makeTarget(input: TargetInput): TargetResult {
  const { group, members, topics } = input;
  const assignor = consumerAssignors.get(preferredAssignor(members.values()) ?? input.defaultAssignor);
  assert(assignor !== undefined, 'the assignor of a group is one of those there are');
  const assignments = assignor.assign({
    members: assignorMembers(input),
    partitionCountOf: (topicId) => topics.partitionCountOf(topicId),
  });
  const records: ConsumerGroupRecord[] = [];
  for (const memberId of members.keys()) {
    const assignment = assignments.get(memberId) ?? emptyAssignment;
    const old = group.targets.get(memberId);
    if (old === undefined || !isSameAssignment(assignment, old))
      records.push({ kind: 'target', memberId, value: assignment });
  }
  records.push({ kind: 'target-epoch', value: { epoch: input.epoch, timestampMs: input.nowMs } });
  return { records, assignments };
}

function assignorMembers({ group, members, topics }: TargetInput): ReadonlyMap<string, AssignorMember> {
  const subscriptions = new Map<string, ReadonlySet<string>>();
  const result = new Map<string, AssignorMember>();
  for (const member of members.values()) {
    const { instanceId, topicNames, topicPattern } = member.metadata;
    // Members with one subscription share one set, so that the assignor sees at once that it is the same.
    const key = JSON.stringify([topicPattern, topicNames]);
    const topicIds = subscriptions.get(key) ?? subscribedIdsOf(member, group.patterns, topics);
    subscriptions.set(key, topicIds);
    result.set(member.id, { instanceId, topicIds, assigned: oldTargetOf(group, member) });
  }
  return result;
}

/** A static member that came back under a new id takes over what it was to have. */
function oldTargetOf(group: ConsumerGroup, { id, metadata }: ConsumerMember): Assignment {
  const target = group.targets.get(id);
  if (target !== undefined) return target;
  const previousId = metadata.instanceId === null ? undefined : group.staticMembers.get(metadata.instanceId);
  return previousId === undefined ? emptyAssignment : group.targetOf(previousId);
}

/** The one most members name; null when nobody names any. */
export function preferredAssignor(members: Iterable<ConsumerMember>): string | null {
  const counts = new Map<string, number>();
  for (const { metadata } of members) {
    if (metadata.assignorName === null) continue;
    counts.set(metadata.assignorName, (counts.get(metadata.assignorName) ?? 0) + 1);
  }
  let best: string | null = null;
  for (const [name, count] of counts) if (best === null || count > (counts.get(best) ?? 0)) best = name;
  return best;
}
