/**
 * The offsets that the groups of one shard have committed, and those that wait for the end of a transaction. Filled by
 * replay at load and by commits afterwards; knows no log.
 *
 *   group id → topic → partition → offset                 what OffsetFetch answers
 *   producer id → group id → topic → partition → offset   what a transaction will make of it when it commits
 *
 * Of two writers the one whose record lies further back in the log wins, also when the earlier one becomes visible later
 * (a transaction that ends after a plain commit came in between): `order` counts records.
 */
export interface CommittedOffset {
  readonly offset: number;
  readonly leaderEpoch: number;
  readonly metadata: string;
  readonly commitTimestampMs: number;
  /** Set by old clients that ask for a retention of their own; -1 otherwise. */
  readonly expireTimestampMs: number;
  /** ZERO_UUID when it was not known. */
  readonly topicId: string;
}

interface Kept extends CommittedOffset {
  readonly order: number;
}

export interface OfferedOffset {
  readonly topic: string;
  readonly partition: number;
  readonly kept: CommittedOffset;
}

export type PartitionOffsets = ReadonlyMap<number, CommittedOffset>;
export type GroupOffsets = ReadonlyMap<string, PartitionOffsets>;

type MutableOffsets = Map<string, Map<number, Kept>>;

const NOTHING: GroupOffsets = new Map();

export class CommittedOffsets {
  private readonly groups = new Map<string, MutableOffsets>();
  private readonly pending = new Map<number, Map<string, MutableOffsets>>();
  private nextOrder = 0;
  private nextOffer = -1;

  get(groupId: string, topic: string, partition: number): CommittedOffset | null {
    return this.groups.get(groupId)?.get(topic)?.get(partition) ?? null;
  }

  ofGroup(groupId: string): GroupOffsets {
    return this.groups.get(groupId) ?? NOTHING;
  }

  get groupIds(): Iterable<string> {
    return this.groups.keys();
  }

  /** Groups that transactions would commit offsets for. */
  get pendingGroupIds(): Iterable<string> {
    return new Set([...this.pending.values()].flatMap((groups) => [...groups.keys()]));
  }

  has(groupId: string): boolean {
    return this.groups.has(groupId);
  }

  set(groupId: string, topic: string, partition: number, offset: CommittedOffset): void {
    put(entryOf(this.groups, groupId), topic, partition, this.keep(offset));
  }

  /** Also what transactions would have committed for it. */
  remove(groupId: string, topic: string, partition: number): void {
    drop(this.groups, groupId, topic, partition);
    for (const [producerId, groups] of this.pending) {
      drop(groups, groupId, topic, partition);
      if (groups.size === 0) this.pending.delete(producerId);
    }
  }

  clear(): void {
    this.groups.clear();
    this.pending.clear();
  }

  // ── transactions ──────────────────────────────────────────────────────────────────────────────────────────────────

  setPending(producerId: number, groupId: string, topic: string, partition: number, offset: CommittedOffset): void {
    let groups = this.pending.get(producerId);
    if (groups === undefined) {
      groups = new Map();
      this.pending.set(producerId, groups);
    }
    put(entryOf(groups, groupId), topic, partition, this.keep(offset));
  }

  /**
   * Offsets of a transaction that are being written: they have their place among the others and can be removed, but belong
   * to no producer until `takeOffer`. Gives the number to take them by.
   */
  offerPending(groupId: string, offers: readonly OfferedOffset[]): number {
    const number = this.nextOffer--;
    for (const { topic, partition, kept } of offers) this.setPending(number, groupId, topic, partition, kept);
    return number;
  }

  /** They are written for the producer; null: they could not be. */
  takeOffer(number: number, producerId: number | null): void {
    const groups = this.pending.get(number);
    if (groups === undefined) return;
    this.pending.delete(number);
    if (producerId === null) return;
    const known = this.pending.get(producerId);
    if (known === undefined) {
      this.pending.set(producerId, groups);
      return;
    }
    for (const [groupId, topics] of groups) {
      for (const [topic, partitions] of topics) {
        for (const [partition, offset] of partitions) put(entryOf(known, groupId), topic, partition, offset);
      }
    }
  }

  /** The partition has an offset that a transaction has not decided about. */
  isPending(groupId: string, topic: string, partition: number): boolean {
    for (const groups of this.pending.values()) {
      if (groups.get(groupId)?.get(topic)?.has(partition) === true) return true;
    }
    return false;
  }

  hasPending(groupId: string): boolean {
    for (const groups of this.pending.values()) {
      if (groups.has(groupId)) return true;
    }
    return false;
  }

  /** What transactions would commit for the group; null: no group in any. */
  pendingOf(groupId: string): readonly { readonly topic: string; readonly partition: number }[] {
    const found: { readonly topic: string; readonly partition: number }[] = [];
    for (const groups of this.pending.values()) {
      for (const [topic, partitions] of groups.get(groupId) ?? []) {
        for (const partition of partitions.keys()) found.push({ topic, partition });
      }
    }
    return found;
  }

  /** The transaction of the producer has ended. */
  endTransaction(producerId: number, isCommit: boolean): void {
    const groups = this.pending.get(producerId);
    if (groups === undefined) return;
    this.pending.delete(producerId);
    if (!isCommit) return;
    for (const [groupId, topics] of groups) {
      for (const [topic, partitions] of topics) {
        for (const [partition, offset] of partitions) {
          const before = this.groups.get(groupId)?.get(topic)?.get(partition);
          if (before === undefined || before.order < offset.order) {
            put(entryOf(this.groups, groupId), topic, partition, offset);
          }
        }
      }
    }
  }

  private keep(offset: CommittedOffset): Kept {
    const { leaderEpoch, metadata, commitTimestampMs, expireTimestampMs, topicId } = offset;
    const order = this.nextOrder++;
    return { offset: offset.offset, leaderEpoch, metadata, commitTimestampMs, expireTimestampMs, topicId, order };
  }
}

function entryOf(groups: Map<string, MutableOffsets>, groupId: string): MutableOffsets {
  let topics = groups.get(groupId);
  if (topics === undefined) {
    topics = new Map();
    groups.set(groupId, topics);
  }
  return topics;
}

function put(topics: MutableOffsets, topic: string, partition: number, offset: Kept): void {
  let partitions = topics.get(topic);
  if (partitions === undefined) {
    partitions = new Map();
    topics.set(topic, partitions);
  }
  partitions.set(partition, offset);
}

function drop(groups: Map<string, MutableOffsets>, groupId: string, topic: string, partition: number): void {
  const topics = groups.get(groupId);
  const partitions = topics?.get(topic);
  if (topics === undefined || partitions === undefined || !partitions.delete(partition)) return;
  if (partitions.size > 0) return;
  topics.delete(topic);
  if (topics.size === 0) groups.delete(groupId);
}
