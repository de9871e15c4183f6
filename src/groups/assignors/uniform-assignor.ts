/**
 * The `uniform` assignor: everybody gets as many partitions as everybody else (one more or less), and as few partitions as
 * possible change hands. Balance comes before stickiness. Members that subscribe to different topics are the business of
 * `load-balance.ts`; here all subscribe to the same ones, so that the fair shares are known at once:
 *
 *     share = partitions / members, and the first (partitions mod members) to be chosen have one more.
 *
 * Chosen for the larger share are those who have the most to lose, in the order of the group.
 */
import { type Assignment, countOf } from '../assignment.ts';
import { type Assignor, type AssignorInput, hasOneSubscription } from './assignor.ts';
import { balanceLoads } from './load-balance.ts';
import { PartitionPool } from './partition-pool.ts';

export const uniformAssignor: Assignor = {
  name: 'uniform',
  assign: (input) => (hasOneSubscription(input) ? shareEqually(input) : balanceLoads(input)),
};

interface Portion {
  readonly memberId: string;
  readonly kept: Map<string, Set<number>>;
  keptCount: number;
  quota: number;
}

function shareEqually(input: AssignorInput): ReadonlyMap<string, Assignment> {
  const [first] = input.members.values();
  if (first === undefined) return new Map();
  const pool = new PartitionPool(first.topicIds, input);
  const portions = portionsOf(input, pool);
  setQuotas(portions, pool.partitionCount);
  for (const portion of portions) giveBack(portion, pool);
  const free = pool.free();
  let at = 0;
  for (const portion of portions) {
    for (; portion.keptCount < portion.quota; portion.keptCount++) {
      const partition = free[at++];
      if (partition === undefined) break;
      addTo(portion.kept, partition.topicId, partition.partition);
    }
  }
  return new Map(portions.map(({ memberId, kept }) => [memberId, kept]));
}

/** What each member had and may keep: partitions that exist, of topics that it reads, that no one before it keeps. */
function portionsOf(input: AssignorInput, pool: PartitionPool): Portion[] {
  const portions: Portion[] = [];
  for (const [memberId, { assigned }] of input.members) {
    const kept = new Map<string, Set<number>>();
    for (const [topicId, partitions] of assigned) {
      const taken = [...partitions].filter((partition) => pool.take(topicId, partition));
      if (taken.length > 0) kept.set(topicId, new Set(taken));
    }
    portions.push({ memberId, kept, keptCount: countOf(kept), quota: 0 });
  }
  return portions;
}

function setQuotas(portions: readonly Portion[], partitionCount: number): void {
  const share = Math.floor(partitionCount / portions.length);
  let extraCount = partitionCount % portions.length;
  for (const portion of portions) {
    const isLarge = extraCount > 0 && portion.keptCount > share;
    portion.quota = isLarge ? share + 1 : share;
    if (isLarge) extraCount--;
  }
  for (const portion of portions) {
    if (extraCount === 0) return;
    if (portion.quota > share) continue;
    portion.quota++;
    extraCount--;
  }
}

/** The last partitions go first, so that what a member keeps stays together. */
function giveBack(portion: Portion, pool: PartitionPool): void {
  for (const [topicId, partitions] of [...portion.kept].reverse()) {
    for (const partition of [...partitions].sort((a, b) => b - a)) {
      if (portion.keptCount <= portion.quota) return;
      partitions.delete(partition);
      pool.release(topicId, partition);
      portion.keptCount--;
    }
    if (partitions.size === 0) portion.kept.delete(topicId);
  }
}

function addTo(assignment: Map<string, Set<number>>, topicId: string, partition: number): void {
  const partitions = assignment.get(topicId);
  if (partitions === undefined) assignment.set(topicId, new Set([partition]));
  else partitions.add(partition);
}
