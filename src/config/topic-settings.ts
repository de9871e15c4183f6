/**
 * Every setting a topic can have, under Kafka's names, with the broker settings that give its default. CreateTopics
 * checks against this table, DescribeConfigs lists it, the controller turns it into the values a partition works with.
 *
 * Those that mean something only with replicas or with tiered storage are kept and shown, as by one node of Kafka; a value
 * that this broker could not honour is refused (`refused`).
 */
import { boolean, double, FOREVER, int, list, long, type SettingTable, string, type ValuesOf } from './settings.ts';

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;
const topic = { scope: 'topic', change: 'live' } as const;
const bytes = { ...topic, unit: 'bytes' } as const;
const ms = { ...topic, unit: 'ms' } as const;

const noTiering = {
  test: /^true$/i,
  because: 'this broker has no tiered storage; leave the setting out or set it to false',
};
const oneLz4Level = {
  test: /^\+?([1-8]|1[0-7])$/,
  because: 'the LZ4 codec of this broker has one level; leave the setting out or set it to 9',
};
const throttledReplicas = { test: /^(\*|\d+:\d+)$/, says: "'*' or partition:broker pairs such as 0:1" };

export const topicSettings = {
  'cleanup.policy': list(['delete'], 'What happens to old segments: delete them, compact them by key, or both.', {
    ...topic,
    choices: ['compact', 'delete'],
  }),
  'compression.gzip.level': int(-1, 'Level used when compression.type is gzip; -1 leaves the choice to the codec.', {
    ...topic,
    choices: ['-1', '1', '2', '3', '4', '5', '6', '7', '8', '9'],
  }),
  'compression.lz4.level': int(9, 'Level used when compression.type is lz4; the codec has only this one.', {
    ...topic,
    min: 1,
    max: 17,
    refused: oneLz4Level,
  }),
  'compression.type': string(
    'producer',
    "How batches are stored: 'producer' keeps them as they came, any other value re-compresses them.",
    { ...topic, choices: ['uncompressed', 'zstd', 'lz4', 'snappy', 'gzip', 'producer'] },
  ),
  'compression.zstd.level': int(3, 'Level used when compression.type is zstd.', { ...topic, min: -131_072, max: 22 }),
  'delete.retention.ms': long(DAY_MS, 'How long a compacted topic keeps the markers of deleted keys.', {
    ...ms,
    min: 0,
  }),
  'file.delete.delay.ms': long(60_000, 'How long a segment file stays on disk after it left the log.', {
    ...ms,
    min: 0,
  }),
  'flush.messages': long(FOREVER, 'Flush the log to the device at least once in this many records.', {
    ...topic,
    min: 1,
    unit: 'records',
  }),
  'flush.ms': long(FOREVER, 'Flush the log to the device at least this often.', { ...ms, min: 0 }),
  'follower.replication.throttled.replicas': list(
    [],
    'Replicas whose fetching is throttled; kept, without effect on one node.',
    {
      ...topic,
      pattern: throttledReplicas,
    },
  ),
  'index.interval.bytes': int(4096, 'About how many bytes of log lie between two entries of the offset index.', {
    ...bytes,
    min: 0,
  }),
  'internal.segment.bytes': int(null, 'Segment size below the bound of segment.bytes, for tests.', {
    ...bytes,
    min: 64,
    isInternal: true,
  }),
  'leader.replication.throttled.replicas': list(
    [],
    'Replicas whose serving is throttled; kept, without effect on one node.',
    {
      ...topic,
      pattern: throttledReplicas,
    },
  ),
  'local.retention.bytes': long(-2, 'Local share of retention.bytes under tiered storage; kept, without effect.', {
    ...bytes,
    min: -2,
  }),
  'local.retention.ms': long(-2, 'Local share of retention.ms under tiered storage; kept, without effect.', {
    ...ms,
    min: -2,
  }),
  'max.compaction.lag.ms': long(FOREVER, 'Longest time a record may stay uncompacted.', { ...ms, min: 1 }),
  'max.message.bytes': int(1_048_588, 'Largest record batch the topic takes, as it lies on the wire.', {
    ...bytes,
    min: 0,
  }),
  'message.timestamp.after.max.ms': long(HOUR_MS, 'How far in the future a record may claim to be.', { ...ms, min: 0 }),
  'message.timestamp.before.max.ms': long(FOREVER, 'How far in the past a record may claim to be.', { ...ms, min: 0 }),
  'message.timestamp.type': string('CreateTime', 'Whose clock stamps a record: the producer’s or the broker’s.', {
    ...topic,
    choices: ['CreateTime', 'LogAppendTime'],
  }),
  'min.cleanable.dirty.ratio': double(0.5, 'Share of uncompacted bytes from which compaction is worth it.', {
    ...topic,
    min: 0,
    max: 1,
  }),
  'min.compaction.lag.ms': long(0, 'Shortest time a record stays uncompacted.', { ...ms, min: 0 }),
  'min.insync.replicas': int(
    1,
    'Replicas that must have a batch before acks=all is answered; one node counts as one.',
    {
      ...topic,
      min: 1,
      unit: 'replicas',
    },
  ),
  preallocate: boolean(false, 'Reserve the whole segment on the device when it is created.', topic),
  'remote.log.copy.disable': boolean(false, 'Stop copying to tiered storage; kept, without effect.', topic),
  'remote.log.delete.on.disable': boolean(false, 'Delete tiered data when tiering ends; kept, without effect.', topic),
  'remote.storage.enable': boolean(false, 'Tiered storage, which this broker does not have.', {
    ...topic,
    refused: noTiering,
  }),
  'retention.bytes': long(-1, 'Delete the oldest segments of a partition beyond this size; -1 for no limit.', bytes),
  'retention.ms': long(7 * DAY_MS, 'Delete segments whose newest record is older than this; -1 for never.', {
    ...ms,
    min: -1,
  }),
  'segment.bytes': int(1_073_741_824, 'Size at which a partition goes on in a new segment file.', {
    ...bytes,
    min: 1_048_576,
  }),
  'segment.index.bytes': int(10_485_760, 'Largest size of an index file; a full index starts a new segment.', {
    ...bytes,
    min: 4,
  }),
  'segment.jitter.ms': long(0, 'Random part taken off segment.ms, so that partitions do not roll together.', {
    ...ms,
    min: 0,
  }),
  'segment.ms': long(7 * DAY_MS, 'Age at which a partition goes on in a new segment file.', { ...ms, min: 1 }),
  'unclean.leader.election.enable': boolean(
    false,
    'Let a replica that lacks records lead; kept, without effect on one node.',
    topic,
  ),
} satisfies SettingTable;

export type TopicKey = keyof typeof topicSettings;
export type TopicValues = ValuesOf<typeof topicSettings>;

export interface BrokerTwin {
  readonly key: string;
  /** What one unit of the broker's setting is in the topic's: 3,600,000 for hours into milliseconds. */
  readonly times: number;
}

const same = (key: string): readonly BrokerTwin[] => [{ key, times: 1 }];

/** Where a topic's default comes from, best first: the first of these broker settings that was set wins. */
export const brokerTwins: { readonly [Key in TopicKey]: readonly BrokerTwin[] } = {
  'cleanup.policy': same('log.cleanup.policy'),
  'compression.gzip.level': same('compression.gzip.level'),
  'compression.lz4.level': same('compression.lz4.level'),
  'compression.type': same('compression.type'),
  'compression.zstd.level': same('compression.zstd.level'),
  'delete.retention.ms': same('log.cleaner.delete.retention.ms'),
  'file.delete.delay.ms': same('log.segment.delete.delay.ms'),
  'flush.messages': same('log.flush.interval.messages'),
  'flush.ms': [
    { key: 'log.flush.interval.ms', times: 1 },
    { key: 'log.flush.scheduler.interval.ms', times: 1 },
  ],
  'follower.replication.throttled.replicas': [],
  'index.interval.bytes': same('log.index.interval.bytes'),
  'internal.segment.bytes': [],
  'leader.replication.throttled.replicas': [],
  'local.retention.bytes': same('log.local.retention.bytes'),
  'local.retention.ms': same('log.local.retention.ms'),
  'max.compaction.lag.ms': same('log.cleaner.max.compaction.lag.ms'),
  'max.message.bytes': same('message.max.bytes'),
  'message.timestamp.after.max.ms': same('log.message.timestamp.after.max.ms'),
  'message.timestamp.before.max.ms': same('log.message.timestamp.before.max.ms'),
  'message.timestamp.type': same('log.message.timestamp.type'),
  'min.cleanable.dirty.ratio': same('log.cleaner.min.cleanable.ratio'),
  'min.compaction.lag.ms': same('log.cleaner.min.compaction.lag.ms'),
  'min.insync.replicas': same('min.insync.replicas'),
  preallocate: same('log.preallocate'),
  'remote.log.copy.disable': [],
  'remote.log.delete.on.disable': [],
  'remote.storage.enable': [],
  'retention.bytes': same('log.retention.bytes'),
  'retention.ms': [
    { key: 'log.retention.ms', times: 1 },
    { key: 'log.retention.minutes', times: MINUTE_MS },
    { key: 'log.retention.hours', times: HOUR_MS },
  ],
  'segment.bytes': same('log.segment.bytes'),
  'segment.index.bytes': same('log.index.size.max.bytes'),
  'segment.jitter.ms': [
    { key: 'log.roll.jitter.ms', times: 1 },
    { key: 'log.roll.jitter.hours', times: HOUR_MS },
  ],
  'segment.ms': [
    { key: 'log.roll.ms', times: 1 },
    { key: 'log.roll.hours', times: HOUR_MS },
  ],
  'unclean.leader.election.enable': same('unclean.leader.election.enable'),
};

/** The broker settings that stand for one value, from this one on: `log.retention.ms` gives way to minutes, those to hours. */
export function brokerChainOf(key: string): readonly string[] {
  for (const twins of Object.values(brokerTwins)) {
    const at = twins.findIndex((twin) => twin.key === key);
    if (at >= 0) return twins.slice(at).map((twin) => twin.key);
  }
  return [key];
}

export function isTopicKey(key: string): key is TopicKey {
  return Object.hasOwn(topicSettings, key);
}
