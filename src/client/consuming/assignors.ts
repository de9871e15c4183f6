/**
 * How the leader of a classic group shares partitions out: `range` and `roundrobin` as Kafka's own assignors of these
 * names do, so that it does not matter which client leads, and `cooperative-sticky`, which moves as few partitions as
 * balance allows. Pure functions from members and partition counts to assignments.
 */
import { placeOf } from '../record.ts';
import type { Assign, Assignments, GroupMemberView, PartitionCounts } from './assignment.ts';
import type { AssignorName } from './consumer-options.ts';
import { assignSticky } from './sticky-assignor.ts';

/** Whether members keep what they have while the group rebalances, and give up only what others get. */
export function isCooperative(name: AssignorName): boolean {
  return name === 'cooperative-sticky';
}

export function assignorOf(name: AssignorName): Assign {
  return ASSIGNORS[name];
}

const ASSIGNORS: Readonly<Record<AssignorName, Assign>> = {
  range: assignRange,
  roundrobin: assignRoundRobin,
  'cooperative-sticky': assignCooperatively,
};

/** Each topic is cut into as many ranges as it has subscribers; the first ones are longer by one. */
export function assignRange(members: readonly GroupMemberView[], counts: PartitionCounts): Assignments {
  const assignments = emptyFor(members);
  const ordered = [...members].sort(compareMembers);
  for (const [topic, count] of [...counts].sort(compareTopics)) {
    const subscribers = ordered.filter(({ topics }) => topics.includes(topic));
    const each = Math.floor(count / subscribers.length);
    const longer = count % subscribers.length;
    for (const [index, { memberId }] of subscribers.entries()) {
      const first = each * index + Math.min(index, longer);
      const length = each + (index < longer ? 1 : 0);
      for (let partition = first; partition < first + length; partition++)
        assignments.get(memberId)?.push({ topic, partition });
    }
  }
  return assignments;
}

/** All partitions in order, dealt to the members in a circle; who does not subscribe is passed over. */
export function assignRoundRobin(members: readonly GroupMemberView[], counts: PartitionCounts): Assignments {
  const assignments = emptyFor(members);
  const ordered = [...members].sort(compareMembers);
  let turn = 0;
  for (const [topic, count] of [...counts].sort(compareTopics)) {
    if (!ordered.some(({ topics }) => topics.includes(topic))) continue;
    for (let partition = 0; partition < count; partition++) {
      let member = ordered[turn++ % ordered.length];
      while (member?.topics.includes(topic) === false) member = ordered[turn++ % ordered.length];
      if (member !== undefined) assignments.get(member.memberId)?.push({ topic, partition });
    }
  }
  return assignments;
}

/** A partition that moves is held back for one round: its owner must give it up before another may have it. */
export function assignCooperatively(members: readonly GroupMemberView[], counts: PartitionCounts): Assignments {
  const assignments = assignSticky(members, counts);
  const ownerOf = new Map<string, string>();
  for (const { memberId, owned } of members) {
    for (const { topic, partition } of owned) ownerOf.set(placeOf(topic, partition), memberId);
  }
  for (const [memberId, partitions] of assignments) {
    const free = partitions.filter(({ topic, partition }) => {
      const owner = ownerOf.get(placeOf(topic, partition));
      return owner === undefined || owner === memberId || !assignments.has(owner);
    });
    assignments.set(memberId, free);
  }
  return assignments;
}

/** Those with a name of their own come first, in its order; it survives restarts, a member id does not. */
export function compareMembers(one: GroupMemberView, other: GroupMemberView): number {
  if (one.groupInstanceId !== null && other.groupInstanceId !== null)
    return compareText(one.groupInstanceId, other.groupInstanceId);
  if (one.groupInstanceId !== null) return -1;
  if (other.groupInstanceId !== null) return 1;
  return compareText(one.memberId, other.memberId);
}

function compareTopics([one]: readonly [string, number], [other]: readonly [string, number]): number {
  return compareText(one, other);
}

function compareText(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}

function emptyFor(members: readonly GroupMemberView[]): Assignments {
  return new Map(members.map(({ memberId }) => [memberId, []]));
}
