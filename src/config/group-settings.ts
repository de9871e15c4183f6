/**
 * Settings of groups: what one group can have for itself (the table `groupSettings`, Kafka's GROUP resource), and what
 * the broker gives to all groups of a kind together with the bounds it sets (`groupBrokerSettings`, part of the broker's
 * table). Classic groups have none of their own. `group-config.ts` brings both together.
 */
import { boolean, int, list, type SettingTable, string, type ValuesOf } from './settings.ts';

const ms = { min: 1, unit: 'ms' } as const;
const live = { change: 'live' } as const;
const interval = { min: 0, unit: 'ms' } as const;
const lock = { min: 1000, unit: 'ms' } as const;
const deliveries = { min: 2, max: 25, unit: 'deliveries' } as const;
const locks = { min: 100, max: 20_000, unit: 'records' } as const;
const members = { min: 1, unit: 'members' } as const;

export const groupBrokerSettings = {
  'group.initial.rebalance.delay.ms': int(
    0,
    'How long the first rebalance of an empty classic group waits for more members. A single node has no reason to.',
    interval,
  ),
  'group.max.size': int(2_147_483_647, 'Most members of one classic group.', members),
  'group.min.session.timeout.ms': int(6000, 'Shortest session timeout a member of a classic group may ask for.', ms),
  'group.max.session.timeout.ms': int(
    1_800_000,
    'Longest session timeout a member of a classic group may ask for.',
    ms,
  ),
  'group.consumer.session.timeout.ms': int(45_000, 'A consumer group forgets a member that is silent for so long.', ms),
  'group.consumer.min.session.timeout.ms': int(45_000, 'Shortest session timeout a consumer group may have.', ms),
  'group.consumer.max.session.timeout.ms': int(60_000, 'Longest session timeout a consumer group may have.', ms),
  'group.consumer.heartbeat.interval.ms': int(5000, 'How often members of consumer groups are told to call.', ms),
  'group.consumer.min.heartbeat.interval.ms': int(5000, 'Shortest heartbeat interval a consumer group may have.', ms),
  'group.consumer.max.heartbeat.interval.ms': int(15_000, 'Longest heartbeat interval a consumer group may have.', ms),
  'group.consumer.assignment.interval.ms': int(1000, 'Least time between two assignments of a consumer group.', {
    ...interval,
    ...live,
  }),
  'group.consumer.min.assignment.interval.ms': int(0, 'Shortest assignment interval a consumer group may have.', {
    ...interval,
  }),
  'group.consumer.max.assignment.interval.ms': int(15_000, 'Longest assignment interval a consumer group may have.', {
    ...interval,
  }),
  'group.consumer.max.size': int(2_147_483_647, 'Most members of one consumer group.', members),
  'group.consumer.assignors': list(
    ['uniform', 'range'],
    'Assignors of consumer groups; the first serves groups that name none.',
    {
      choices: ['uniform', 'range'],
    },
  ),
  'group.consumer.migration.policy': string(
    'bidirectional',
    'Which way a group may change between the classic and the consumer protocol while it has members.',
    { choices: ['disabled', 'upgrade', 'downgrade', 'bidirectional'] },
  ),
  'group.share.session.timeout.ms': int(45_000, 'A share group forgets a member that is silent for so long.', ms),
  'group.share.min.session.timeout.ms': int(45_000, 'Shortest session timeout a share group may have.', ms),
  'group.share.max.session.timeout.ms': int(60_000, 'Longest session timeout a share group may have.', ms),
  'group.share.heartbeat.interval.ms': int(5000, 'How often members of share groups are told to call.', ms),
  'group.share.min.heartbeat.interval.ms': int(5000, 'Shortest heartbeat interval a share group may have.', ms),
  'group.share.max.heartbeat.interval.ms': int(15_000, 'Longest heartbeat interval a share group may have.', ms),
  'group.share.assignment.interval.ms': int(1000, 'Least time between two assignments of a share group.', {
    ...interval,
    ...live,
  }),
  'group.share.min.assignment.interval.ms': int(0, 'Shortest assignment interval a share group may have.', interval),
  'group.share.max.assignment.interval.ms': int(15_000, 'Longest assignment interval a share group may have.', {
    ...interval,
  }),
  'group.share.max.size': int(200, 'Most members of one share group.', members),
  'group.share.max.share.sessions': int(2000, 'Most share sessions kept at one time.', { min: 1, unit: 'sessions' }),
  'group.share.delivery.count.limit': int(5, 'How often a share group hands out a record before it gives up.', {
    ...deliveries,
  }),
  'group.share.min.delivery.count.limit': int(2, 'Lowest delivery count limit a share group may have.', deliveries),
  'group.share.max.delivery.count.limit': int(10, 'Highest delivery count limit a share group may have.', deliveries),
  'group.share.record.lock.duration.ms': int(30_000, 'How long a record handed out by a share group stays locked.', {
    ...lock,
  }),
  'group.share.min.record.lock.duration.ms': int(15_000, 'Shortest lock duration a share group may have.', lock),
  'group.share.max.record.lock.duration.ms': int(60_000, 'Longest lock duration a share group may have.', lock),
  'group.share.partition.max.record.locks': int(2000, 'Most records locked at one time in a share partition.', locks),
  'group.share.min.partition.max.record.locks': int(100, 'Lowest limit of record locks a share group may have.', locks),
  'group.share.max.partition.max.record.locks': int(4000, 'Highest limit of record locks a share group may have.', {
    ...locks,
  }),
} satisfies SettingTable;

export type GroupBrokerKey = keyof typeof groupBrokerSettings;

const group = { scope: 'group', change: 'live' } as const;

export const groupSettings = {
  'consumer.assignment.interval.ms': int(1000, 'Least time between two assignments of this consumer group.', {
    ...group,
    ...interval,
  }),
  'consumer.heartbeat.interval.ms': int(5000, 'How often members of this consumer group are told to call.', {
    ...group,
    ...ms,
  }),
  'consumer.session.timeout.ms': int(45_000, 'This consumer group forgets a member that is silent for so long.', {
    ...group,
    ...ms,
  }),
  'share.assignment.interval.ms': int(1000, 'Least time between two assignments of this share group.', {
    ...group,
    ...interval,
  }),
  'share.auto.offset.reset': string(
    'latest',
    'Where a share partition begins: earliest, latest, or by_duration: and an ISO 8601 duration before now.',
    {
      ...group,
      pattern: {
        test: /^(earliest|latest|by_duration:P(?=[\dT])(\d+D)?(T(?=\d)(\d+H)?(\d+M)?(\d+(\.\d{1,9})?S)?)?)$/i,
        says: 'earliest, latest or by_duration:PnDTnHnMn.nS',
      },
    },
  ),
  'share.delivery.count.limit': int(5, 'How often this share group hands out a record before it gives up.', {
    ...group,
    min: 2,
    unit: 'deliveries',
  }),
  'share.heartbeat.interval.ms': int(5000, 'How often members of this share group are told to call.', {
    ...group,
    ...ms,
  }),
  'share.isolation.level': string('read_uncommitted', 'Whether this share group sees only committed transactions.', {
    ...group,
    choices: ['read_committed', 'read_uncommitted'],
  }),
  'share.partition.max.record.locks': int(2000, 'Most records this share group locks at one time in a partition.', {
    ...group,
    min: 100,
    unit: 'records',
  }),
  'share.record.lock.duration.ms': int(30_000, 'How long a record handed out by this share group stays locked.', {
    ...group,
    ...lock,
  }),
  'share.renew.acknowledge.enable': boolean(true, 'Whether members of this share group may renew their locks.', group),
  'share.session.timeout.ms': int(45_000, 'This share group forgets a member that is silent for so long.', {
    ...group,
    ...ms,
  }),
} satisfies SettingTable;

export type GroupKey = keyof typeof groupSettings;
export type GroupValues = ValuesOf<typeof groupSettings>;

/** The broker's settings beside one of a group: the default, and the bounds. */
export interface GroupTwin {
  readonly key: GroupBrokerKey;
  readonly minKey: GroupBrokerKey | null;
  readonly maxKey: GroupBrokerKey | null;
}

export const groupTwins: { readonly [Key in GroupKey]: GroupTwin | null } = {
  'consumer.assignment.interval.ms': {
    key: 'group.consumer.assignment.interval.ms',
    minKey: 'group.consumer.min.assignment.interval.ms',
    maxKey: 'group.consumer.max.assignment.interval.ms',
  },
  'consumer.heartbeat.interval.ms': {
    key: 'group.consumer.heartbeat.interval.ms',
    minKey: 'group.consumer.min.heartbeat.interval.ms',
    maxKey: 'group.consumer.max.heartbeat.interval.ms',
  },
  'consumer.session.timeout.ms': {
    key: 'group.consumer.session.timeout.ms',
    minKey: 'group.consumer.min.session.timeout.ms',
    maxKey: 'group.consumer.max.session.timeout.ms',
  },
  'share.assignment.interval.ms': {
    key: 'group.share.assignment.interval.ms',
    minKey: 'group.share.min.assignment.interval.ms',
    maxKey: 'group.share.max.assignment.interval.ms',
  },
  'share.auto.offset.reset': null,
  'share.delivery.count.limit': {
    key: 'group.share.delivery.count.limit',
    minKey: 'group.share.min.delivery.count.limit',
    maxKey: 'group.share.max.delivery.count.limit',
  },
  'share.heartbeat.interval.ms': {
    key: 'group.share.heartbeat.interval.ms',
    minKey: 'group.share.min.heartbeat.interval.ms',
    maxKey: 'group.share.max.heartbeat.interval.ms',
  },
  'share.isolation.level': null,
  'share.partition.max.record.locks': {
    key: 'group.share.partition.max.record.locks',
    minKey: 'group.share.min.partition.max.record.locks',
    maxKey: 'group.share.max.partition.max.record.locks',
  },
  'share.record.lock.duration.ms': {
    key: 'group.share.record.lock.duration.ms',
    minKey: 'group.share.min.record.lock.duration.ms',
    maxKey: 'group.share.max.record.lock.duration.ms',
  },
  'share.renew.acknowledge.enable': null,
  'share.session.timeout.ms': {
    key: 'group.share.session.timeout.ms',
    minKey: 'group.share.min.session.timeout.ms',
    maxKey: 'group.share.max.session.timeout.ms',
  },
};

export function isGroupKey(key: string): key is GroupKey {
  return Object.hasOwn(groupSettings, key);
}
