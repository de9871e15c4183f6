import { expect, it } from 'vitest';
import { logSettingsOf } from '../../src/cluster/partition-settings.ts';
import { loadBrokerConfig } from '../../src/config/load.ts';
import { topicValues } from '../../src/config/topic-config.ts';
import { DEFAULT_LOG_SETTINGS } from '../../src/storage/log-settings.ts';

it('a topic without settings of its own gets the defaults of the log', () => {
  const broker = loadBrokerConfig({});
  expect(logSettingsOf(topicValues({}, broker), broker)).toEqual(DEFAULT_LOG_SETTINGS);
});

it('a negative limit is none, and the level is that of the codec in use', () => {
  const broker = loadBrokerConfig({ flags: { 'perfbroker.durability': 'fsync' } });
  const overrides = {
    'retention.ms': '-1',
    'retention.bytes': '9',
    'compression.type': 'lz4',
    'cleanup.policy': 'compact',
    'internal.segment.bytes': '512',
  };
  expect(logSettingsOf(topicValues(overrides, broker), broker)).toMatchObject({
    retentionMsMax: Number.POSITIVE_INFINITY,
    retentionBytesMax: 9,
    compressionLevel: 9,
    isCompacted: true,
    isDeleted: false,
    segmentBytesMax: 512,
    isSyncedBeforeAck: true,
  });
});
