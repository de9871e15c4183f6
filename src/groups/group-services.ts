/**
 * Everything about groups, put together: the coordinator with its shards, the protocols that live in them, and the desk
 * for offsets. Built once by the control plane; `apis/` reach the parts through it.
 */
import type { Alarms } from '../base/alarms.ts';
import type { CatalogTopics } from './catalog-topics.ts';
import { ClassicGroups } from './classic-groups.ts';
import type { ClassicRules } from './classic-rebalance.ts';
import { ConsumerGroups } from './consumer-groups.ts';
import { GroupCoordinator, type GroupCoordinatorParts } from './coordinator.ts';
import type { GroupProtocol } from './group-shard.ts';
import type { ConsumerGroupSettings } from './group-world.ts';
import { MemberDesk } from './member-desk.ts';
import { OffsetDesk } from './offset-desk.ts';

export interface GroupServicesParts extends Omit<GroupCoordinatorParts, 'protocols' | 'onTopicsChanged'> {
  readonly alarms: Alarms;
  readonly classicRules: () => ClassicRules;
  readonly uniqueText: () => string;
  readonly offsetMetadataLengthMax: () => number;
  readonly topics: CatalogTopics;
  readonly consumerSettingsOf: (groupId: string) => ConsumerGroupSettings;
  /** An id for a member of a consumer group. */
  readonly newMemberId: () => string;
  /** Protocols that are built elsewhere. */
  readonly moreProtocols: readonly GroupProtocol[];
}

export interface GroupServices {
  readonly coordinator: GroupCoordinator;
  readonly classic: ClassicGroups;
  readonly consumer: ConsumerGroups;
  /** Both kinds, for those who speak the classic protocol. */
  readonly members: MemberDesk;
  readonly offsets: OffsetDesk;
}

export function createGroupServices(parts: GroupServicesParts): GroupServices {
  const { alarms, topics } = parts;
  const classic = new ClassicGroups({ alarms, rules: parts.classicRules, uniqueText: parts.uniqueText });
  const consumer = new ConsumerGroups({
    alarms,
    topics,
    settingsOf: parts.consumerSettingsOf,
    newId: parts.newMemberId,
    classic,
    log: parts.log,
  });
  const offsets = new OffsetDesk({
    classic,
    nowMs: () => Math.floor(alarms.nowMs()),
    metadataLengthMax: parts.offsetMetadataLengthMax,
    topicIdOf: (name) => topics.idOf(name),
  });
  // In the order in which they learn of a loaded shard: the desk makes groups for offsets that have none.
  const coordinator = new GroupCoordinator({
    ...parts,
    protocols: [classic, consumer, ...parts.moreProtocols, offsets],
    onTopicsChanged: () => {
      topics.changed();
      consumer.topicsChanged();
    },
  });
  return { coordinator, classic, consumer, members: new MemberDesk(classic, consumer), offsets };
}
