/**
 * Everything about groups, put together: the coordinator with its shards, the protocols that live in them, and the desk
 * for offsets. Built once by the control plane; `apis/` reach the parts through it.
 */
import type { Alarms } from '../base/alarms.ts';
import { ClassicGroups } from './classic-groups.ts';
import type { ClassicRules } from './classic-rebalance.ts';
import { GroupCoordinator, type GroupCoordinatorParts } from './coordinator.ts';
import { OffsetDesk } from './offset-desk.ts';

export interface GroupServicesParts extends Omit<GroupCoordinatorParts, 'protocols'> {
  readonly alarms: Alarms;
  readonly classicRules: () => ClassicRules;
  readonly uniqueText: () => string;
  readonly offsetMetadataLengthMax: () => number;
  /** The id of the topic that has this name now; null: there is none. */
  readonly topicIdOf: (name: string) => string | null;
}

export interface GroupServices {
  readonly coordinator: GroupCoordinator;
  readonly classic: ClassicGroups;
  readonly offsets: OffsetDesk;
}

export function createGroupServices(parts: GroupServicesParts): GroupServices {
  const { alarms } = parts;
  const classic = new ClassicGroups({ alarms, rules: parts.classicRules, uniqueText: parts.uniqueText });
  const offsets = new OffsetDesk({
    classic,
    nowMs: () => Math.floor(alarms.nowMs()),
    metadataLengthMax: parts.offsetMetadataLengthMax,
    topicIdOf: parts.topicIdOf,
  });
  // In the order in which they learn of a loaded shard: the desk makes groups for offsets that have none.
  const coordinator = new GroupCoordinator({ ...parts, protocols: [classic, offsets] });
  return { coordinator, classic, offsets };
}
