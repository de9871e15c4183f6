/**
 * The way of one member from what it has to what it is to have. The rule that keeps two members from reading one partition
 * is here: a partition is given to a member only when nobody holds it, and it stays with its holder until that one has said
 * in a heartbeat that it gave it up.
 *
 *                  target changed                    member no longer reports them
 *      stable ───────────────────▶ unrevoked-partitions ─────────────┐
 *        ▲  │  nothing to give up                                    ▼
 *        │  └────────────────────────▶ partitions others hold? ── yes ─▶ unreleased-partitions
 *        └──────────────────────────────────────────────────── no        (tried anew at every heartbeat)
 *
 * A member that has to give up partitions keeps its epoch until it did; then it goes to the epoch of the target at once.
 */
import { assertNever } from '../base/assert.ts';
import { errorCode } from '../protocol/errors.ts';
import type { Assignment, HeldPartitions, TopicPartitions } from './assignment.ts';
import type { ConsumerMember, CurrentAssignment } from './consumer-member.ts';
import { GroupRefusal } from './group-refusal.ts';

export interface ReconciliationInput {
  readonly member: ConsumerMember;
  readonly targetEpoch: number;
  readonly target: Assignment;
  /** Topics that the member reads now. */
  readonly subscribedIds: ReadonlySet<string>;
  readonly hasSubscriptionChanged: boolean;
  /** What the member says it has; null when it did not say. */
  readonly owned: readonly TopicPartitions[] | null;
  /** Whether any member, this one included, holds the partition or has not yet given it up. */
  isHeld(topicId: string, partition: number): boolean;
}

export function reconcile(input: ReconciliationInput): CurrentAssignment {
  const { current } = input.member;
  switch (current.state) {
    case 'stable':
      if (current.epoch !== input.targetEpoch) return nextAssignment(input, current.epoch);
      return input.hasSubscriptionChanged ? dropUnsubscribed(input) : current;
    case 'unrevoked-partitions':
      if (!stillHas(input.owned, current.pendingRevocation)) return nextAssignment(input, current.epoch);
      return input.hasSubscriptionChanged ? dropUnsubscribed(input) : current;
    case 'unreleased-partitions':
      return nextAssignment(input, current.epoch);
    case 'unknown':
      // A state that a later version wrote: nothing is known of it but that the member may start anew without partitions.
      if (input.owned === null || input.owned.length > 0)
        throw new GroupRefusal(
          errorCode.FENCED_MEMBER_EPOCH,
          'The state of the member is not known here; it has to join again without partitions.',
        );
      return nextAssignment(input, input.targetEpoch);
    default:
      return assertNever(current.state);
  }
}

interface Split {
  readonly kept: Map<string, Map<number, number>>;
  readonly revoked: Map<string, Map<number, number>>;
  readonly granted: Map<string, number[]>;
  isWaiting: boolean;
}

function nextAssignment(input: ReconciliationInput, epoch: number): CurrentAssignment {
  const { current } = input.member;
  const split = splitPartitions(input);
  if (split.revoked.size > 0 && stillHas(input.owned, split.revoked)) {
    return {
      epoch,
      previousEpoch: current.epoch,
      state: 'unrevoked-partitions',
      assigned: split.kept,
      pendingRevocation: split.revoked,
    };
  }
  for (const [topicId, partitions] of split.granted) {
    for (const partition of partitions) put(split.kept, topicId, partition, input.targetEpoch);
  }
  return {
    epoch: input.targetEpoch,
    previousEpoch: current.epoch,
    state: split.isWaiting ? 'unreleased-partitions' : 'stable',
    assigned: split.kept,
    pendingRevocation: new Map(),
  };
}

/** What the member has divides into what it keeps and gives up; what it lacks into what it gets now and waits for. */
function splitPartitions(input: ReconciliationInput): Split {
  const { assigned, pendingRevocation } = input.member.current;
  const split: Split = { kept: new Map(), revoked: new Map(), granted: new Map(), isWaiting: false };
  const isWanted = (topicId: string, partition: number): boolean =>
    input.subscribedIds.has(topicId) && input.target.get(topicId)?.has(partition) === true;
  for (const [topicId, partitions] of assigned) {
    for (const [partition, epoch] of partitions) {
      put(isWanted(topicId, partition) ? split.kept : split.revoked, topicId, partition, epoch);
    }
  }
  for (const [topicId, partitions] of input.target) {
    if (!input.subscribedIds.has(topicId)) continue;
    for (const partition of partitions) {
      if (assigned.get(topicId)?.has(partition) === true) continue;
      // What this member itself was about to give up is nobody else's: it may have it back.
      const isOwn = pendingRevocation.get(topicId)?.has(partition) === true;
      if (input.isHeld(topicId, partition) && !isOwn) {
        split.isWaiting = true;
        continue;
      }
      const granted = split.granted.get(topicId);
      if (granted === undefined) split.granted.set(topicId, [partition]);
      else granted.push(partition);
    }
  }
  return split;
}

/** The member stays at its epoch, but partitions of topics it does not read any more are taken from it at once. */
function dropUnsubscribed(input: ReconciliationInput): CurrentAssignment {
  const { current } = input.member;
  const kept = new Map<string, ReadonlyMap<number, number>>();
  const revoked = new Map(current.pendingRevocation);
  for (const [topicId, partitions] of current.assigned) {
    if (input.subscribedIds.has(topicId)) kept.set(topicId, partitions);
    else revoked.set(topicId, new Map([...(revoked.get(topicId) ?? []), ...partitions]));
  }
  if (kept.size === current.assigned.size) return current;
  if (stillHas(input.owned, revoked)) {
    return {
      epoch: current.epoch,
      previousEpoch: current.epoch,
      state: 'unrevoked-partitions',
      assigned: kept,
      pendingRevocation: revoked,
    };
  }
  return { ...current, previousEpoch: current.epoch, assigned: kept };
}

/** A member that does not say what it has may have everything. */
function stillHas(owned: readonly TopicPartitions[] | null, partitions: HeldPartitions): boolean {
  if (owned === null) return true;
  return owned.some(({ topicId, partitions: ids }) => {
    const pending = partitions.get(topicId);
    return pending !== undefined && ids.some((partition) => pending.has(partition));
  });
}

function put(into: Map<string, Map<number, number>>, topicId: string, partition: number, epoch: number): void {
  const partitions = into.get(topicId);
  if (partitions === undefined) into.set(topicId, new Map([[partition, epoch]]));
  else partitions.set(partition, epoch);
}
