/**
 * What classic groups and committed offsets look like in `__consumer_offsets`, in Kafka's layouts: keys say the kind by
 * their version prefix (0 and 1 offsets, 2 groups), values carry a version of their own.
 */
import type { StoredEntry } from '../cluster/coordinator-log.ts';
import {
  array,
  between,
  bytes,
  int32,
  int64,
  NEVER,
  nullable,
  since,
  string,
  struct,
  tagged,
  uuid,
  withDefault,
  ZERO_UUID,
} from '../protocol/fields.ts';
import { defineStored, encodeStored, type StoredInputOf } from '../protocol/stored-record.ts';
import type { CommittedOffset } from './committed-offsets.ts';

export const KIND_OFFSET_LEGACY = 0;
export const KIND_OFFSET = 1;
export const KIND_GROUP = 2;

export const offsetCommitKey = defineStored({
  name: 'OffsetCommitKey',
  kind: KIND_OFFSET,
  versions: [0, 0],
  flexibleSince: NEVER,
  fields: { group: string(), topic: string(), partition: int32() },
});

/** The same fields: what brokers of long ago wrote. */
export const legacyOffsetCommitKey = defineStored({
  name: 'LegacyOffsetCommitKey',
  kind: KIND_OFFSET_LEGACY,
  versions: [0, 0],
  flexibleSince: NEVER,
  fields: { group: string(), topic: string(), partition: int32() },
});

export const offsetCommitValue = defineStored({
  name: 'OffsetCommitValue',
  versions: [0, 4],
  flexibleSince: 4,
  fields: {
    offset: int64(),
    leaderEpoch: since(3, withDefault(int32(), -1)),
    metadata: string(),
    commitTimestamp: int64(),
    expireTimestamp: between(1, 1, withDefault(int64(), -1)),
    topicId: since(4, tagged(0, withDefault(uuid(), ZERO_UUID))),
  },
});

export const groupMetadataKey = defineStored({
  name: 'GroupMetadataKey',
  kind: KIND_GROUP,
  versions: [0, 0],
  flexibleSince: NEVER,
  fields: { group: string() },
});

export const groupMetadataValue = defineStored({
  name: 'GroupMetadataValue',
  versions: [0, 4],
  flexibleSince: 4,
  fields: {
    protocolType: string(),
    generation: int32(),
    protocol: nullable(string()),
    leader: nullable(string()),
    currentStateTimestamp: since(2, withDefault(int64(), -1)),
    members: array(
      struct({
        memberId: string(),
        groupInstanceId: since(3, withDefault(nullable(string()), null)),
        clientId: string(),
        clientHost: string(),
        rebalanceTimeout: since(1, withDefault(int32(), -1)),
        sessionTimeout: int32(),
        subscription: bytes(),
        assignment: bytes(),
      }),
    ),
  },
});

/** What Kafka 4 writes, so that an older broker can still read the folder: an expiry of its own needs the old layout. */
const OFFSET_VERSION = 3;
const OFFSET_VERSION_WITH_EXPIRY = 1;
const OFFSET_VERSION_WITH_TOPIC_ID = 4;
const GROUP_VERSION = 3;

/** More does not go into one batch. Kafka's limit for a batch of this topic is a quarter. */
export const APPEND_BYTES_MAX = 4 << 20;

export function offsetEntry(groupId: string, topic: string, partition: number, offset: CommittedOffset): StoredEntry {
  const value = {
    offset: offset.offset,
    leaderEpoch: offset.leaderEpoch,
    metadata: offset.metadata,
    commitTimestamp: offset.commitTimestampMs,
    expireTimestamp: offset.expireTimestampMs,
    topicId: offset.topicId,
  };
  const version =
    offset.expireTimestampMs >= 0
      ? OFFSET_VERSION_WITH_EXPIRY
      : offset.topicId === ZERO_UUID
        ? OFFSET_VERSION
        : OFFSET_VERSION_WITH_TOPIC_ID;
  return { key: offsetKey(groupId, topic, partition), value: encodeStored(offsetCommitValue, version, value) };
}

export function offsetTombstone(groupId: string, topic: string, partition: number): StoredEntry {
  return { key: offsetKey(groupId, topic, partition), value: null };
}

export function groupEntry(groupId: string, value: StoredInputOf<typeof groupMetadataValue>): StoredEntry {
  return { key: groupKey(groupId), value: encodeStored(groupMetadataValue, GROUP_VERSION, value) };
}

export function groupTombstone(groupId: string): StoredEntry {
  return { key: groupKey(groupId), value: null };
}

function offsetKey(group: string, topic: string, partition: number): Uint8Array {
  return encodeStored(offsetCommitKey, 0, { group, topic, partition });
}

function groupKey(group: string): Uint8Array {
  return encodeStored(groupMetadataKey, 0, { group });
}
