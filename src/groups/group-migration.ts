/**
 * A group that changes its protocol while it works (KIP-848): a classic group of consumers becomes a consumer group when
 * the first member of the newer protocol joins, and a classic one again when the last such member goes. Both kinds are
 * described to each other by a `ClassicDescription`; nothing else of a classic group is known here.
 */
import type { StoredEntry } from '../cluster/coordinator-log.ts';
import { errorCode } from '../protocol/errors.ts';
import { assignmentOf, listOf, nothingHeld, withEpoch } from './assignment.ts';
import type { ClassicGroup } from './classic-group.ts';
import { ConsumerGroup } from './consumer-group.ts';
import type { ConsumerGroupRecord } from './consumer-group-record.ts';
import { type ClassicProtocol, type ConsumerMember, sortedNames } from './consumer-member.ts';
import { CONSUMER_PROTOCOL_TYPE } from './consumer-protocol.ts';
import { readAssignment, readSubscription, writeAssignment } from './embedded-protocol.ts';
import type { Downgrade } from './group-outcome.ts';
import { GroupRefusal } from './group-refusal.ts';
import type { GroupShard } from './group-shard.ts';
import { type ConsumerGroupSettings, canUpgrade } from './group-world.ts';
import { metadataHashOf, subscribedNames } from './subscriptions.ts';
import type { TopicView } from './topic-view.ts';

export interface ClassicMemberDescription {
  readonly memberId: string;
  readonly instanceId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  readonly rebalanceTimeoutMs: number;
  readonly sessionTimeoutMs: number;
  readonly protocols: readonly ClassicProtocol[];
  readonly assignment: Uint8Array;
}

export interface ClassicDescription {
  readonly groupId: string;
  readonly protocolType: string;
  /** Null: none was chosen yet, or one is to be chosen anew. */
  readonly protocolName: string | null;
  readonly generation: number;
  readonly members: readonly ClassicMemberDescription[];
}

/** What changes of protocol ask of classic groups. */
export interface ClassicSide {
  describe(group: ClassicGroup): ClassicDescription;
  /** Whoever waits in the group is told to join again. The group leaves the shard; the caller writes its tombstone. */
  retire(shard: GroupShard, group: ClassicGroup): void;
  /** Puts a stable group into the shard and gives the entries that keep it; a rebalance begins when it is written. */
  adopt(shard: GroupShard, description: ClassicDescription, needsRebalance: boolean): readonly StoredEntry[];
}

export interface Upgrade {
  readonly group: ConsumerGroup;
  /** What made the group; to be written. */
  readonly records: readonly ConsumerGroupRecord[];
}

export function upgrade(classic: ClassicDescription, topics: TopicView, settings: ConsumerGroupSettings): Upgrade {
  refuseUpgrade(classic, settings);
  const members = classic.members.map((member) => consumerMemberOf(classic, member, topics));
  const epoch = classic.generation;
  const metadataHash = metadataHashOf(subscribedNames(members, new Map()), topics);
  const records: ConsumerGroupRecord[] = [
    ...members.map(({ id, metadata }) => ({ kind: 'member', memberId: id, value: metadata }) as const),
    { kind: 'group', value: { epoch, metadataHash } },
    ...members.map(({ id, current }) => {
      return { kind: 'target', memberId: id, value: assignmentOf(listOf(current.assigned)) } as const;
    }),
    { kind: 'target-epoch', value: { epoch, timestampMs: 0 } },
    ...members.map(({ id, current }) => ({ kind: 'current', memberId: id, value: current }) as const),
  ];
  const group = new ConsumerGroup(classic.groupId);
  for (const record of records) group.apply(record);
  return { group, records };
}

function refuseUpgrade(classic: ClassicDescription, settings: ConsumerGroupSettings): void {
  if (!canUpgrade(settings)) refuse(classic, 'group.consumer.migration.policy does not allow it');
  if (classic.protocolType !== CONSUMER_PROTOCOL_TYPE) refuse(classic, 'its members are no consumers');
  if (classic.members.length > settings.sizeMax) refuse(classic, `it has more than ${settings.sizeMax} members`);
}

function consumerMemberOf(
  classic: ClassicDescription,
  member: ClassicMemberDescription,
  topics: TopicView,
): ConsumerMember {
  const protocol = member.protocols.find(({ name }) => name === classic.protocolName) ?? member.protocols[0];
  const subscription = protocol === undefined ? null : readSubscription(protocol.metadata, topics);
  const assignment = readAssignment(member.assignment, topics);
  if (subscription === null || assignment === null)
    return refuse(classic, `what member ${member.memberId} says in its protocol cannot be read`);
  if (assignment.hasUserData) refuse(classic, 'its members use an assignor of their own, whose data would be lost');
  const epoch = classic.generation;
  return {
    id: member.memberId,
    metadata: {
      instanceId: member.instanceId,
      rackId: subscription.rackId,
      clientId: member.clientId,
      clientHost: member.clientHost,
      topicNames: sortedNames(subscription.topics),
      topicPattern: '',
      rebalanceTimeoutMs: member.rebalanceTimeoutMs,
      assignorName: null,
      classic: { sessionTimeoutMs: member.sessionTimeoutMs, supportedProtocols: member.protocols },
    },
    current: {
      epoch,
      previousEpoch: epoch,
      state: 'stable',
      assigned: withEpoch(assignmentOf(assignment.partitions), epoch),
      pendingRevocation: nothingHeld,
    },
  };
}

function refuse({ groupId }: ClassicDescription, why: string): never {
  throw new GroupRefusal(
    errorCode.GROUP_ID_NOT_FOUND,
    `The classic group ${groupId} cannot become a consumer group: ${why}.`,
  );
}

/** The group that stays behind; each member keeps what it was to have until they rebalance among themselves. */
export function downgrade(
  group: ConsumerGroup,
  { leaving, joining }: Downgrade,
  topics: TopicView,
): ClassicDescription {
  const leavingIds = new Set(leaving.map(({ id }) => id));
  const replacedId = joining?.metadata.instanceId == null ? null : group.staticMembers.get(joining.metadata.instanceId);
  const members: ClassicMemberDescription[] = [];
  for (const member of group.members.values()) {
    if (leavingIds.has(member.id) || member.id === replacedId) continue;
    members.push(...classicMemberOf(group, member, member.id, topics));
  }
  if (joining !== null) members.push(...classicMemberOf(group, joining, replacedId ?? joining.id, topics));
  return {
    groupId: group.groupId,
    protocolType: CONSUMER_PROTOCOL_TYPE,
    protocolName: null,
    generation: group.epoch,
    members,
  };
}

function classicMemberOf(
  group: ConsumerGroup,
  { id, metadata }: ConsumerMember,
  targetId: string,
  topics: TopicView,
): ClassicMemberDescription[] {
  const { classic } = metadata;
  const [protocol] = classic?.supportedProtocols ?? [];
  if (classic === null || protocol === undefined) return [];
  return [
    {
      memberId: id,
      instanceId: metadata.instanceId,
      clientId: metadata.clientId,
      clientHost: metadata.clientHost,
      rebalanceTimeoutMs: metadata.rebalanceTimeoutMs,
      sessionTimeoutMs: classic.sessionTimeoutMs,
      protocols: classic.supportedProtocols,
      assignment: writeAssignment(listOf(group.targetOf(targetId)), topics, protocol.metadata),
    },
  ];
}
