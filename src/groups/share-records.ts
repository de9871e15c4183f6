/**
 * What share groups look like in `__consumer_offsets`, in Kafka's layouts (kinds 10 to 15): from the records of
 * `share-group-record.ts` to stored entries and back. Which partition states there are is here; the states themselves are in
 * `__share_group_state`.
 */
import type { StoredEntry } from '../cluster/coordinator-log.ts';
import {
  array,
  int8,
  int32,
  int64,
  NEVER,
  nullable,
  string,
  struct,
  tagged,
  uuid,
  wideInt64,
  withDefault,
} from '../protocol/fields.ts';
import { decodeStored, defineStored, encodeStored, type StoredRecord } from '../protocol/stored-record.ts';
import { assignmentOf, listOf } from './assignment.ts';
import type { BegunTopics, ShareCurrent, ShareGroupRecord, ShareMemberMetadata } from './share-group-record.ts';

export const KIND_SHARE_MEMBER = 10;
export const KIND_SHARE_GROUP = 11;
export const KIND_SHARE_TARGET_EPOCH = 12;
export const KIND_SHARE_TARGET = 13;
export const KIND_SHARE_CURRENT = 14;
export const KIND_SHARE_BEGUN = 15;

const keyOfGroup = (name: string, kind: number) =>
  defineStored({ name, kind, versions: [0, 0], flexibleSince: NEVER, fields: { groupId: string() } });
const keyOfMember = (name: string, kind: number) =>
  defineStored({
    name,
    kind,
    versions: [0, 0],
    flexibleSince: NEVER,
    fields: { groupId: string(), memberId: string() },
  });

const memberKey = keyOfMember('ShareGroupMemberMetadataKey', KIND_SHARE_MEMBER);
const groupKey = keyOfGroup('ShareGroupMetadataKey', KIND_SHARE_GROUP);
const targetEpochKey = keyOfGroup('ShareGroupTargetAssignmentMetadataKey', KIND_SHARE_TARGET_EPOCH);
const targetKey = keyOfMember('ShareGroupTargetAssignmentMemberKey', KIND_SHARE_TARGET);
const currentKey = keyOfMember('ShareGroupCurrentMemberAssignmentKey', KIND_SHARE_CURRENT);
const begunKey = keyOfGroup('ShareGroupStatePartitionMetadataKey', KIND_SHARE_BEGUN);

const topicPartitions = array(struct({ topicId: uuid(), partitions: array(int32()) }));
const namedTopicPartitions = array(struct({ topicId: uuid(), topicName: string(), partitions: array(int32()) }));

const memberValue = defineStored({
  name: 'ShareGroupMemberMetadataValue',
  versions: [0, 0],
  flexibleSince: 0,
  fields: {
    rackId: nullable(string()),
    clientId: string(),
    clientHost: string(),
    subscribedTopicNames: array(string()),
  },
});

const groupValue = defineStored({
  name: 'ShareGroupMetadataValue',
  versions: [0, 0],
  flexibleSince: 0,
  fields: { epoch: int32(), metadataHash: wideInt64() },
});

const targetEpochValue = defineStored({
  name: 'ShareGroupTargetAssignmentMetadataValue',
  versions: [0, 0],
  flexibleSince: 0,
  fields: { assignmentEpoch: int32(), assignmentTimestamp: tagged(0, withDefault(int64(), 0)) },
});

const targetValue = defineStored({
  name: 'ShareGroupTargetAssignmentMemberValue',
  versions: [0, 0],
  flexibleSince: 0,
  fields: { topicPartitions },
});

const currentValue = defineStored({
  name: 'ShareGroupCurrentMemberAssignmentValue',
  versions: [0, 0],
  flexibleSince: 0,
  fields: {
    memberEpoch: int32(),
    previousMemberEpoch: int32(),
    state: int8(),
    assignedPartitions: topicPartitions,
  },
});

const begunValue = defineStored({
  name: 'ShareGroupStatePartitionMetadataValue',
  versions: [0, 0],
  flexibleSince: 0,
  fields: {
    initializingTopics: namedTopicPartitions,
    initializedTopics: namedTopicPartitions,
    deletingTopics: array(struct({ topicId: uuid(), topicName: string() })),
  },
});

/** The only state of a member of a share group that is written: nothing is ever revoked. */
const STATE_STABLE = 0;

export function shareEntry(groupId: string, record: ShareGroupRecord): StoredEntry {
  switch (record.kind) {
    case 'group':
      return entry(groupKey, { groupId }, groupValue, record.value);
    case 'member':
      return entry(memberKey, keyOf(groupId, record), memberValue, toMember(record.value));
    case 'target-epoch':
      return entry(
        targetEpochKey,
        { groupId },
        targetEpochValue,
        record.value && { assignmentEpoch: record.value.epoch, assignmentTimestamp: record.value.timestampMs },
      );
    case 'target':
      return entry(
        targetKey,
        keyOf(groupId, record),
        targetValue,
        record.value && { topicPartitions: listOf(record.value) },
      );
    case 'current':
      return entry(currentKey, keyOf(groupId, record), currentValue, toCurrent(record.value));
    case 'begun':
      return entry(begunKey, { groupId }, begunValue, record.value && toBegun(record.value));
  }
}

export interface StoredShareRecord {
  readonly groupId: string;
  readonly record: ShareGroupRecord;
}

/** Throws PB_PROTOCOL when it cannot be read. `kind` is the key's. */
export function readShareEntry(kind: number, key: Uint8Array, value: Uint8Array | null): StoredShareRecord {
  switch (kind) {
    case KIND_SHARE_GROUP: {
      const { groupId } = decodeStored(groupKey, key);
      return { groupId, record: { kind: 'group', value: value && decodeStored(groupValue, value) } };
    }
    case KIND_SHARE_MEMBER: {
      const { groupId, memberId } = decodeStored(memberKey, key);
      return { groupId, record: { kind: 'member', memberId, value: value && fromMember(value) } };
    }
    case KIND_SHARE_TARGET_EPOCH: {
      const { groupId } = decodeStored(targetEpochKey, key);
      return { groupId, record: { kind: 'target-epoch', value: value && fromTargetEpoch(value) } };
    }
    case KIND_SHARE_TARGET: {
      const { groupId, memberId } = decodeStored(targetKey, key);
      const target = value && assignmentOf(decodeStored(targetValue, value).topicPartitions);
      return { groupId, record: { kind: 'target', memberId, value: target } };
    }
    case KIND_SHARE_CURRENT: {
      const { groupId, memberId } = decodeStored(currentKey, key);
      return { groupId, record: { kind: 'current', memberId, value: value && fromCurrent(value) } };
    }
    default: {
      const { groupId } = decodeStored(begunKey, key);
      return { groupId, record: { kind: 'begun', value: value && fromBegun(value) } };
    }
  }
}

function entry<K, V>(
  keyRecord: StoredRecord<unknown, K>,
  key: K,
  valueRecord: StoredRecord<unknown, V>,
  value: V | null,
): StoredEntry {
  return {
    key: encodeStored(keyRecord, 0, key),
    value: value === null ? null : encodeStored(valueRecord, 0, value),
  };
}

function keyOf(groupId: string, { memberId }: { readonly memberId: string }): { groupId: string; memberId: string } {
  return { groupId, memberId };
}

function toMember(value: ShareMemberMetadata | null) {
  if (value === null) return null;
  const { rackId, clientId, clientHost, topicNames } = value;
  return { rackId, clientId, clientHost, subscribedTopicNames: [...topicNames] };
}

function fromMember(bytes: Uint8Array): ShareMemberMetadata {
  const { rackId, clientId, clientHost, subscribedTopicNames } = decodeStored(memberValue, bytes);
  return { rackId, clientId, clientHost, topicNames: [...subscribedTopicNames].sort() };
}

function fromTargetEpoch(bytes: Uint8Array): { epoch: number; timestampMs: number } {
  const { assignmentEpoch, assignmentTimestamp } = decodeStored(targetEpochValue, bytes);
  return { epoch: assignmentEpoch, timestampMs: assignmentTimestamp };
}

function toCurrent(value: ShareCurrent | null) {
  if (value === null) return null;
  const { epoch, previousEpoch, assigned } = value;
  return {
    memberEpoch: epoch,
    previousMemberEpoch: previousEpoch,
    state: STATE_STABLE,
    assignedPartitions: listOf(assigned),
  };
}

function fromCurrent(bytes: Uint8Array): ShareCurrent {
  const { memberEpoch, previousMemberEpoch, assignedPartitions } = decodeStored(currentValue, bytes);
  return { epoch: memberEpoch, previousEpoch: previousMemberEpoch, assigned: assignmentOf(assignedPartitions) };
}

function toBegun(begun: BegunTopics) {
  const initializedTopics = [...begun].map(([topicId, { name, partitions }]) => ({
    topicId,
    topicName: name,
    partitions: [...partitions].sort((a, b) => a - b),
  }));
  return { initializingTopics: [], initializedTopics, deletingTopics: [] };
}

/** Topics in transition in a folder of Kafka's: the group begins with them again, which changes nothing that is there. */
function fromBegun(bytes: Uint8Array): BegunTopics {
  const { initializedTopics } = decodeStored(begunValue, bytes);
  return new Map(
    initializedTopics.map(({ topicId, topicName, partitions }) => [
      topicId,
      { name: topicName, partitions: new Set(partitions) },
    ]),
  );
}
