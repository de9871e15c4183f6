/** From a topic's settings, as people know them, to the numbers a log works with. Called by main when it commands workers. */
import type { TopicValues } from '../config/topic-settings.ts';
import type { LogSettings } from '../storage/log-settings.ts';

/** Kafka's "never" in long settings. */
const FOREVER = Number.MAX_SAFE_INTEGER;

export interface BrokerLogSettings {
  readonly isSyncedBeforeAck: boolean;
  readonly producerExpiryMs: number;
}

export function logSettingsOf(values: TopicValues, broker: BrokerLogSettings): LogSettings {
  const policy = values['cleanup.policy'];
  return {
    segmentBytesMax: values['internal.segment.bytes'] ?? values['segment.bytes'],
    segmentMsMax: bound(values['segment.ms']),
    segmentJitterMsMax: values['segment.jitter.ms'],
    segmentIndexBytesMax: values['segment.index.bytes'],
    indexIntervalBytes: values['index.interval.bytes'],
    batchBytesMax: values['max.message.bytes'],
    isLogAppendTime: values['message.timestamp.type'] === 'LogAppendTime',
    timestampBeforeMaxMs: bound(values['message.timestamp.before.max.ms']),
    timestampAfterMaxMs: bound(values['message.timestamp.after.max.ms']),
    isCompacted: policy.includes('compact'),
    isDeleted: policy.includes('delete'),
    compressionType: values['compression.type'],
    compressionLevel: levelOf(values),
    retentionMsMax: bound(values['retention.ms']),
    retentionBytesMax: bound(values['retention.bytes']),
    fileDeleteDelayMs: values['file.delete.delay.ms'],
    deleteRetentionMs: bound(values['delete.retention.ms']),
    compactionLagMsMin: bound(values['min.compaction.lag.ms']),
    compactionLagMsMax: bound(values['max.compaction.lag.ms']),
    dirtyRatioMin: values['min.cleanable.dirty.ratio'],
    flushRecordsMax: bound(values['flush.messages']),
    flushMs: bound(values['flush.ms']),
    isSyncedBeforeAck: broker.isSyncedBeforeAck,
    isPreallocated: values.preallocate,
    producerExpiryMs: broker.producerExpiryMs,
  };
}

function bound(value: number): number {
  return value < 0 || value >= FOREVER ? Number.POSITIVE_INFINITY : value;
}

function levelOf(values: TopicValues): number {
  switch (values['compression.type']) {
    case 'gzip':
      return values['compression.gzip.level'];
    case 'zstd':
      return values['compression.zstd.level'];
    default:
      return -1;
  }
}
