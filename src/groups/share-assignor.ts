/**
 * The assignor `simple` of share groups (KIP-932): every partition is read by some member, every member has a partition if
 * there is one for it, and both are spread evenly. Where there are more members than partitions, members share partitions.
 *
 * What a member has it keeps as far as evenness allows, so that sessions are not torn down for nothing.
 */
import { type Assignment, assignmentOf, emptyAssignment } from './assignment.ts';

export const SHARE_ASSIGNOR = 'simple';

export interface ShareAssignorMember {
  readonly id: string;
  readonly topicIds: ReadonlySet<string>;
  readonly assigned: Assignment;
}

interface Partition {
  readonly topicId: string;
  readonly partition: number;
  readonly holders: Share[];
}

interface Share {
  readonly member: ShareAssignorMember;
  readonly held: Partition[];
}

/** `partitionsOf`: the partitions of a topic that may be assigned. */
export function assignShares(
  members: readonly ShareAssignorMember[],
  partitionsOf: (topicId: string) => readonly number[],
): Map<string, Assignment> {
  const shares: Share[] = [...members].sort(byId).map((member) => ({ member, held: [] }));
  const partitions = listPartitions(members, partitionsOf);
  if (partitions.length > 0 && shares.length > 0) {
    keepHeld(shares, partitions);
    spreadPartitions(shares, partitions);
    feedIdle(shares, partitions);
  }
  return new Map(shares.map(({ member, held }) => [member.id, toAssignment(held)]));
}

function listPartitions(
  members: readonly ShareAssignorMember[],
  partitionsOf: (topicId: string) => readonly number[],
): Partition[] {
  const topicIds = new Set<string>();
  for (const member of members) for (const topicId of member.topicIds) topicIds.add(topicId);
  return [...topicIds]
    .sort()
    .flatMap((topicId) => partitionsOf(topicId).map((partition) => ({ topicId, partition, holders: [] })));
}

/** Each member keeps up to its even part, and while there are odd ones left, one more; partitions likewise. */
function keepHeld(shares: readonly Share[], partitions: readonly Partition[]): void {
  const memberQuota = new Quota(partitions.length, shares.length);
  const partitionQuota = new Quota(shares.length, partitions.length);
  const held = new Map(partitions.map((partition) => [`${partition.topicId}:${partition.partition}`, partition]));
  for (const share of shares) {
    for (const [topicId, ids] of share.member.assigned) {
      if (!share.member.topicIds.has(topicId)) continue;
      for (const id of ids) {
        const partition = held.get(`${topicId}:${id}`);
        if (partition === undefined) continue;
        if (!memberQuota.allows(share.held.length) || !partitionQuota.allows(partition.holders.length)) continue;
        memberQuota.take(share.held.length);
        partitionQuota.take(partition.holders.length);
        give(share, partition);
      }
    }
  }
}

/** Partitions that nobody reads go to whoever has least. */
function spreadPartitions(shares: readonly Share[], partitions: readonly Partition[]): void {
  for (const partition of partitions) {
    if (partition.holders.length > 0) continue;
    const share = least(
      shares.filter(({ member }) => member.topicIds.has(partition.topicId)),
      ({ held }) => held.length,
    );
    if (share !== null) give(share, partition);
  }
}

/** Members without a partition join where fewest are. */
function feedIdle(shares: readonly Share[], partitions: readonly Partition[]): void {
  for (const share of shares) {
    if (share.held.length > 0) continue;
    const partition = least(
      partitions.filter(({ topicId }) => share.member.topicIds.has(topicId)),
      ({ holders }) => holders.length,
    );
    if (partition !== null) give(share, partition);
  }
}

function give(share: Share, partition: Partition): void {
  share.held.push(partition);
  partition.holders.push(share);
}

function least<T>(all: readonly T[], countOf: (one: T) => number): T | null {
  let best: T | null = null;
  for (const one of all) if (best === null || countOf(one) < countOf(best)) best = one;
  return best;
}

/** `things` spread over `places`: each has at least one place's part, some have one more. */
class Quota {
  private readonly even: number;
  private odd: number;

  constructor(things: number, places: number) {
    this.even = Math.max(1, Math.floor(things / places));
    this.odd = things > places ? things % places : 0;
  }

  allows(count: number): boolean {
    return count < this.even || (count === this.even && this.odd > 0);
  }

  take(count: number): void {
    if (count === this.even) this.odd -= 1;
  }
}

function toAssignment(held: readonly Partition[]): Assignment {
  if (held.length === 0) return emptyAssignment;
  return assignmentOf(held.map(({ topicId, partition }) => ({ topicId, partitions: [partition] })));
}

function byId(a: ShareAssignorMember, b: ShareAssignorMember): number {
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}
