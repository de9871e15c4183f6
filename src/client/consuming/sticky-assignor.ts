/**
 * Shares partitions out evenly while moving as few as possible: everybody keeps what he holds and may hold, what is free
 * goes to whoever has least, and then single partitions move from members with more to members with at least two less
 * until no such pair is left. Where all subscribe to the same topics, shares differ by at most one.
 */
import { placeOf, type TopicPartition } from '../record.ts';
import type { Assignments, GroupMemberView, PartitionCounts } from './assignment.ts';

class Share {
  readonly memberId: string;
  readonly topics: ReadonlySet<string>;
  readonly partitions = new Map<string, TopicPartition>();

  constructor({ memberId, topics }: GroupMemberView) {
    this.memberId = memberId;
    this.topics = new Set(topics);
  }
}

export function assignSticky(members: readonly GroupMemberView[], counts: PartitionCounts): Assignments {
  const ordered = [...members].sort((one, other) => (one.memberId < other.memberId ? -1 : 1));
  const shares = ordered.map((member) => new Share(member));
  const held = heldPartitions(ordered, counts);
  const subscribersOf = new Map<string, Share[]>();
  for (const topic of counts.keys()) {
    subscribersOf.set(
      topic,
      shares.filter((share) => share.topics.has(topic)),
    );
  }
  const free: TopicPartition[] = [];
  for (const [topic, count] of [...counts].sort(([one], [other]) => (one < other ? -1 : 1))) {
    for (let partition = 0; partition < count; partition++) {
      const place = placeOf(topic, partition);
      const owner = subscribersOf.get(topic)?.find(({ memberId }) => memberId === held.get(place));
      if (owner === undefined) free.push({ topic, partition });
      else owner.partitions.set(place, { topic, partition });
    }
  }
  // Partitions with few takers first: those with many can still go anywhere.
  free.sort(
    (one, other) => (subscribersOf.get(one.topic)?.length ?? 0) - (subscribersOf.get(other.topic)?.length ?? 0),
  );
  for (const one of free)
    leastOf(subscribersOf.get(one.topic) ?? [])?.partitions.set(placeOf(one.topic, one.partition), one);
  balance(shares, subscribersOf);
  return new Map(shares.map(({ memberId, partitions }) => [memberId, inOrder([...partitions.values()])]));
}

/** Who holds what: the newest generation's word counts; where two of one generation claim the same, nobody holds it. */
function heldPartitions(members: readonly GroupMemberView[], counts: PartitionCounts): Map<string, string | null> {
  const held = new Map<string, string | null>();
  const heldIn = new Map<string, number>();
  for (const { memberId, topics, owned, generationId } of members) {
    for (const { topic, partition } of owned) {
      if (partition >= (counts.get(topic) ?? 0) || !topics.includes(topic)) continue;
      const place = placeOf(topic, partition);
      const known = heldIn.get(place);
      if (known !== undefined && known > generationId) continue;
      held.set(place, known === generationId ? null : memberId);
      heldIn.set(place, generationId);
    }
  }
  return held;
}

function leastOf(shares: readonly Share[]): Share | null {
  let least: Share | null = null;
  for (const share of shares) if (least === null || share.partitions.size < least.partitions.size) least = share;
  return least;
}

/** Every move lowers the sum of the squares of the shares, so it ends. */
function balance(shares: readonly Share[], subscribersOf: ReadonlyMap<string, readonly Share[]>): void {
  for (let hasMoved = true; hasMoved; ) {
    hasMoved = false;
    for (const from of [...shares].sort((one, other) => other.partitions.size - one.partitions.size)) {
      for (const [place, one] of from.partitions) {
        const to = leastOf(subscribersOf.get(one.topic) ?? []);
        if (to === null || from.partitions.size - to.partitions.size < 2) continue;
        from.partitions.delete(place);
        to.partitions.set(place, one);
        hasMoved = true;
      }
    }
  }
}

function inOrder(partitions: TopicPartition[]): TopicPartition[] {
  return partitions.sort((one, other) =>
    one.topic === other.topic ? one.partition - other.partition : one.topic < other.topic ? -1 : 1,
  );
}
