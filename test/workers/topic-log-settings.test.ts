import { describe, expect, test } from 'vitest';
import { loadBrokerConfig } from '../../src/config/load.ts';
import { topicValues } from '../../src/config/topic-config.ts';
import type { LogSettings } from '../../src/storage/log-settings.ts';
import { logSettingsOf } from '../../src/workers/topic-log-settings.ts';

const plain = { isSyncedBeforeAck: false, producerExpiryMs: 1000 };

function settingsOf(configs: { readonly [key: string]: string }, sets: readonly string[] = []): LogSettings {
  return logSettingsOf(topicValues(configs, loadBrokerConfig({ sets })), plain);
}

describe('a log’s settings', () => {
  test('are the broker’s where the topic says nothing, and the topic’s where it does', () => {
    const sets = ['log.segment.bytes=5000000', 'message.max.bytes=777'];
    expect(settingsOf({}, sets)).toMatchObject({ segmentBytesMax: 5_000_000, batchBytesMax: 777 });
    expect(settingsOf({ 'segment.bytes': '2000000' }, sets)).toMatchObject({
      segmentBytesMax: 2_000_000,
      batchBytesMax: 777,
    });
  });

  test('have no limit where Kafka says -1, or the largest number of 64 bits', () => {
    const settings = settingsOf({
      'retention.ms': '-1',
      'retention.bytes': '-1',
      'flush.messages': '9223372036854775807',
      'flush.ms': '9223372036854775807',
      'message.timestamp.before.max.ms': '9223372036854775807',
    });
    const { retentionMsMax, retentionBytesMax, flushRecordsMax, flushMs, timestampBeforeMaxMs } = settings;
    const limits = [retentionMsMax, retentionBytesMax, flushRecordsMax, flushMs, timestampBeforeMaxMs];
    expect(limits).toEqual(Array(5).fill(Number.POSITIVE_INFINITY));
  });

  test('keep a flush.ms of 0, which asks for a flush before every answer', () => {
    expect(settingsOf({ 'flush.ms': '0' }).flushMs).toBe(0);
  });

  test('know both halves of a cleanup policy', () => {
    expect(settingsOf({ 'cleanup.policy': 'compact' })).toMatchObject({ isCompacted: true, isDeleted: false });
    expect(settingsOf({ 'cleanup.policy': 'compact,delete' })).toMatchObject({ isCompacted: true, isDeleted: true });
    expect(settingsOf({})).toMatchObject({ isCompacted: false, isDeleted: true });
  });

  test('have the level of the codec that is in force, and none for the others', () => {
    const levels = { 'compression.gzip.level': '3', 'compression.zstd.level': '7' };
    expect(settingsOf({ ...levels, 'compression.type': 'gzip' }).compressionLevel).toBe(3);
    expect(settingsOf({ ...levels, 'compression.type': 'zstd' }).compressionLevel).toBe(7);
    expect(settingsOf({ ...levels, 'compression.type': 'lz4' }).compressionLevel).toBe(-1);
    expect(settingsOf(levels).compressionType).toBe('producer');
  });

  test('say what the broker promises for all of its logs', () => {
    const values = topicValues({}, loadBrokerConfig({}));
    const settings = logSettingsOf(values, { isSyncedBeforeAck: true, producerExpiryMs: 42 });
    expect(settings).toMatchObject({ isSyncedBeforeAck: true, producerExpiryMs: 42 });
  });
});
