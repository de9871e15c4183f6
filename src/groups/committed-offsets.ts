/**
 * The offsets that the groups of one shard have committed, and those that wait for the end of a transaction. Filled by
 * replay at load and by commits afterwards; knows no log.
 *
 *   group id → topic → partition → offset                 what OffsetFetch answers
 *   producer id → group id → topic → partition → offset   what a transaction will make of it when it commits
 *   group id → topic → partition → producer ids           the same found from the other end: transactions may be many
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
  private readonly waiting = new Map<string, Map<string, Map<number, Set<number>>>>();
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
    return this.waiting.keys();
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
    for (const producerId of this.waiting.get(groupId)?.get(topic)?.get(partition) ?? []) {
      const groups = this.pending.get(producerId);
      if (groups === undefined) continue;
      drop(groups, groupId, topic, partition);
      if (groups.size === 0) this.pending.delete(producerId);
    }
    drop(this.waiting, groupId, topic, partition);
  }

  clear(): void {
    this.groups.clear();
    this.pending.clear();
    this.waiting.clear();
  }

  // ── transactions ──────────────────────────────────────────────────────────────────────────────────────────────────

  setPending(producerId: number, groupId: string, topic: string, partition: number, offset: CommittedOffset): void {
    let groups = this.pending.get(producerId);
    if (groups === undefined) {
      groups = new Map();
      this.pending.set(producerId, groups);
    }
    put(entryOf(groups, groupId), topic, partition, this.keep(offset));
    this.note(producerId, groupId, topic, partition);
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
    this.forgetPending(number, groups);
    if (producerId === null) return;
    const known = this.pending.get(producerId) ?? new Map<string, MutableOffsets>();
    this.pending.set(producerId, known);
    for (const [groupId, topics] of groups) {
      for (const [topic, partitions] of topics) {
        for (const [partition, offset] of partitions) {
          put(entryOf(known, groupId), topic, partition, offset);
          this.note(producerId, groupId, topic, partition);
        }
      }
    }
  }

  /** The partition has an offset that a transaction has not decided about. */
  isPending(groupId: string, topic: string, partition: number): boolean {
    return this.waiting.get(groupId)?.get(topic)?.has(partition) === true;
  }

  hasPending(groupId: string): boolean {
    return this.waiting.has(groupId);
  }

  /** Of what transactions would commit for the group. */
  pendingOf(groupId: string): ReadonlyMap<string, ReadonlyMap<number, unknown>> {
    return this.waiting.get(groupId) ?? NOTHING;
  }

  /** The transaction of the producer has ended. */
  endTransaction(producerId: number, isCommit: boolean): void {
    const groups = this.pending.get(producerId);
    if (groups === undefined) return;
    this.forgetPending(producerId, groups);
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

  private note(producerId: number, groupId: string, topic: string, partition: number): void {
    const partitions = entryOf(entryOf(this.waiting, groupId), topic);
    const producers = partitions.get(partition);
    if (producers === undefined) partitions.set(partition, new Set([producerId]));
    else producers.add(producerId);
  }

  private forgetPending(producerId: number, groups: ReadonlyMap<string, MutableOffsets>): void {
    this.pending.delete(producerId);
    for (const [groupId, topics] of groups) {
      for (const [topic, partitions] of topics) {
        for (const partition of partitions.keys()) {
          const producers = this.waiting.get(groupId)?.get(topic)?.get(partition);
          producers?.delete(producerId);
          if (producers?.size === 0) drop(this.waiting, groupId, topic, partition);
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

function entryOf<Key, InnerKey, Value>(outer: Map<Key, Map<InnerKey, Value>>, key: Key): Map<InnerKey, Value> {
  let inner = outer.get(key);
  if (inner === undefined) {
    inner = new Map();
    outer.set(key, inner);
  }
  return inner;
}

function put(topics: MutableOffsets, topic: string, partition: number, offset: Kept): void {
  entryOf(topics, topic).set(partition, offset);
}

function drop<Value>(
  groups: Map<string, Map<string, Map<number, Value>>>,
  groupId: string,
  topic: string,
  partition: number,
): void {
  const topics = groups.get(groupId);
  const partitions = topics?.get(topic);
  if (topics === undefined || partitions === undefined || !partitions.delete(partition)) return;
  if (partitions.size > 0) return;
  topics.delete(topic);
  if (topics.size === 0) groups.delete(groupId);
}
