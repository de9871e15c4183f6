/**
 * The `range` assignor: each topic is cut into ranges of neighbouring partitions, one for each subscriber, in one order of
 * the members for all topics. Topics of the same size whose subscribers are the same are therefore co-partitioned:
 * partition 3 of one and partition 3 of the other go to the same member, which is what joins of streams need.
 *
 * The order is: static members by instance id, then the others by member id. So a static member that comes back under a
 * new member id gets the ranges it had.
 */
import type { Assignment } from '../assignment.ts';
import type { Assignor, AssignorInput, AssignorMember } from './assignor.ts';

export const rangeAssignor: Assignor = {
  name: 'range',

  assign(input) {
    const order = [...input.members].sort(compareMembers);
    const cuts = cutsOf(input);
    const assignments = new Map<string, Assignment>();
    for (const [memberId, member] of order) {
      const assignment = new Map<string, ReadonlySet<number>>();
      for (const topicId of member.topicIds) {
        const range = cuts.get(topicId)?.next() ?? null;
        if (range !== null && range.size > 0) assignment.set(topicId, range);
      }
      assignments.set(memberId, assignment);
    }
    return assignments;
  },
};

/** Hands out the ranges of one topic: the first ones are one longer where the partitions do not divide evenly. */
class Cut {
  private readonly share: number;
  private longerCount: number;
  private from = 0;

  constructor(partitionCount: number, subscriberCount: number) {
    this.share = Math.floor(partitionCount / subscriberCount);
    this.longerCount = partitionCount % subscriberCount;
  }

  next(): ReadonlySet<number> {
    const count = this.longerCount > 0 ? this.share + 1 : this.share;
    if (this.longerCount > 0) this.longerCount--;
    const range = new Set<number>();
    for (let index = 0; index < count; index++) range.add(this.from++);
    return range;
  }
}

function cutsOf(input: AssignorInput): ReadonlyMap<string, Cut> {
  const subscriberCounts = new Map<string, number>();
  for (const { topicIds } of input.members.values()) {
    for (const topicId of topicIds) subscriberCounts.set(topicId, (subscriberCounts.get(topicId) ?? 0) + 1);
  }
  const cuts = new Map<string, Cut>();
  for (const [topicId, count] of subscriberCounts) cuts.set(topicId, new Cut(input.partitionCountOf(topicId), count));
  return cuts;
}

function compareMembers([idA, a]: [string, AssignorMember], [idB, b]: [string, AssignorMember]): number {
  if (a.instanceId !== null && b.instanceId !== null) return compareText(a.instanceId, b.instanceId);
  if (a.instanceId !== null) return -1;
  if (b.instanceId !== null) return 1;
  return compareText(idA, idB);
}

/** By code units, as Java compares strings. */
function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
