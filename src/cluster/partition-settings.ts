/**
 * From a topic's settings to what the log of one of its partitions needs: used by whoever opens partitions over the
 * workers' mailboxes. The one place where the names of the settings table meet those of `storage/`.
 */
import type { BrokerConfig } from '../config/broker-config.ts';
import { FOREVER } from '../config/settings.ts';
import type { TopicValues } from '../config/topic-settings.ts';
import type { LogSettings } from '../storage/log-settings.ts';

export function logSettingsOf(values: TopicValues, broker: BrokerConfig): LogSettings {
  return {
    segmentBytesMax: values['internal.segment.bytes'] ?? values['segment.bytes'],
    segmentMsMax: values['segment.ms'],
    segmentJitterMs: values['segment.jitter.ms'],
    segmentIndexBytesMax: values['segment.index.bytes'],
    indexIntervalBytes: values['index.interval.bytes'],
    batchBytesMax: values['max.message.bytes'],
    isLogAppendTime: values['message.timestamp.type'] === 'LogAppendTime',
    timestampBeforeMaxMs: values['message.timestamp.before.max.ms'],
    timestampAfterMaxMs: values['message.timestamp.after.max.ms'],
    isCompacted: values['cleanup.policy'].includes('compact'),
    isDeleted: values['cleanup.policy'].includes('delete'),
    compressionType: values['compression.type'],
    compressionLevel: compressionLevelOf(values),
    retentionMsMax: limitOf(values['retention.ms']),
    retentionBytesMax: limitOf(values['retention.bytes']),
    flushRecordsMax: values['flush.messages'],
    flushMs: values['flush.ms'],
    isSyncedBeforeAck: broker.values['perfbroker.durability'] === 'fsync',
    isPreallocated: values.preallocate,
    producerExpiryMs: broker.values['producer.id.expiration.ms'],
  };
}

/** A negative limit means none. */
function limitOf(value: number): number {
  return value < 0 ? FOREVER : value;
}

/** The level of the codec that is used; -1 leaves the choice to it. */
function compressionLevelOf(values: TopicValues): number {
  switch (values['compression.type']) {
    case 'gzip':
      return values['compression.gzip.level'];
    case 'lz4':
      return values['compression.lz4.level'];
    case 'zstd':
      return values['compression.zstd.level'];
    default:
      return -1;
  }
}
