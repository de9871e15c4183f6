/**
 * The records of consumer groups, from values to the bytes of `__consumer_offsets` and back. Called when a decision's
 * records are written, and for every record of these kinds when a partition is loaded.
 */
import { assertNever } from '../base/assert.ts';
import type { StoredEntry } from '../cluster/coordinator-log.ts';
import { decodeStored, encodeStored } from '../protocol/stored-record.ts';
import { assignmentOf, type HeldPartitions, listOf } from './assignment.ts';
import type { ConsumerGroupRecord } from './consumer-group-record.ts';
import {
  consumerKind,
  currentAssignmentKey,
  currentAssignmentValue,
  groupMetadataKey,
  groupMetadataValue,
  memberMetadataKey,
  memberMetadataValue,
  partitionMetadataKey,
  patternKey,
  patternValue,
  targetMemberKey,
  targetMemberValue,
  targetMetadataKey,
  targetMetadataValue,
} from './consumer-group-schemas.ts';
import { type CurrentAssignment, type MemberMetadata, type MemberState, sortedNames } from './consumer-member.ts';

export interface GroupedRecord {
  readonly groupId: string;
  readonly record: ConsumerGroupRecord;
}

const VERSION = 0;
/** Numbers of states on disk. */
const stateNumbers: { readonly [state in MemberState]: number } = {
  stable: 0,
  'unrevoked-partitions': 1,
  'unreleased-partitions': 2,
  unknown: 127,
};

export function encodeConsumerRecord(groupId: string, record: ConsumerGroupRecord): StoredEntry {
  switch (record.kind) {
    case 'group':
      return {
        key: encodeStored(groupMetadataKey, VERSION, { groupId }),
        value: record.value === null ? null : encodeStored(groupMetadataValue, VERSION, record.value),
      };
    case 'partition-metadata':
      return { key: encodeStored(partitionMetadataKey, VERSION, { groupId }), value: null };
    case 'member':
      return {
        key: encodeStored(memberMetadataKey, VERSION, { groupId, memberId: record.memberId }),
        value: record.value === null ? null : encodeMember(record.value),
      };
    case 'target-epoch':
      return {
        key: encodeStored(targetMetadataKey, VERSION, { groupId }),
        value:
          record.value === null
            ? null
            : encodeStored(targetMetadataValue, VERSION, {
                assignmentEpoch: record.value.epoch,
                assignmentTimestamp: record.value.timestampMs,
              }),
      };
    case 'target':
      return {
        key: encodeStored(targetMemberKey, VERSION, { groupId, memberId: record.memberId }),
        value:
          record.value === null
            ? null
            : encodeStored(targetMemberValue, VERSION, { topicPartitions: listOf(record.value) }),
      };
    case 'current':
      return {
        key: encodeStored(currentAssignmentKey, VERSION, { groupId, memberId: record.memberId }),
        value: record.value === null ? null : encodeCurrent(record.value),
      };
    case 'pattern':
      return {
        key: encodeStored(patternKey, VERSION, { groupId, regularExpression: record.pattern }),
        value:
          record.value === null
            ? null
            : encodeStored(patternValue, VERSION, {
                topics: record.value.topicNames,
                version: record.value.catalogVersion,
                timestamp: record.value.timestampMs,
              }),
      };
    default:
      return assertNever(record);
  }
}

/** Null for kinds that are not a consumer group's. Throws PB_PROTOCOL for bytes that cannot be read. */
export function decodeConsumerRecord(kind: number, key: Uint8Array, value: Uint8Array | null): GroupedRecord | null {
  switch (kind) {
    case consumerKind.group: {
      const { groupId } = decodeStored(groupMetadataKey, key);
      return { groupId, record: { kind: 'group', value: value && decodeStored(groupMetadataValue, value) } };
    }
    case consumerKind.partitionMetadata: {
      const { groupId } = decodeStored(partitionMetadataKey, key);
      return { groupId, record: { kind: 'partition-metadata', isPresent: value !== null } };
    }
    case consumerKind.member: {
      const { groupId, memberId } = decodeStored(memberMetadataKey, key);
      return { groupId, record: { kind: 'member', memberId, value: value && decodeMember(value) } };
    }
    case consumerKind.targetEpoch: {
      const { groupId } = decodeStored(targetMetadataKey, key);
      return { groupId, record: { kind: 'target-epoch', value: value && decodeTargetEpoch(value) } };
    }
    case consumerKind.target: {
      const { groupId, memberId } = decodeStored(targetMemberKey, key);
      const assignment = value && assignmentOf(decodeStored(targetMemberValue, value).topicPartitions);
      return { groupId, record: { kind: 'target', memberId, value: assignment } };
    }
    case consumerKind.current: {
      const { groupId, memberId } = decodeStored(currentAssignmentKey, key);
      return { groupId, record: { kind: 'current', memberId, value: value && decodeCurrent(value) } };
    }
    case consumerKind.pattern: {
      const { groupId, regularExpression } = decodeStored(patternKey, key);
      return { groupId, record: { kind: 'pattern', pattern: regularExpression, value: value && decodePattern(value) } };
    }
    default:
      return null;
  }
}

function encodeMember(member: MemberMetadata): Uint8Array {
  return encodeStored(memberMetadataValue, VERSION, {
    instanceId: member.instanceId,
    rackId: member.rackId,
    clientId: member.clientId,
    clientHost: member.clientHost,
    subscribedTopicNames: member.topicNames,
    subscribedTopicRegex: member.topicPattern,
    rebalanceTimeoutMs: member.rebalanceTimeoutMs,
    serverAssignor: member.assignorName,
    classicMemberMetadata: member.classic,
  });
}

function decodeMember(bytes: Uint8Array): MemberMetadata {
  const value = decodeStored(memberMetadataValue, bytes);
  return {
    instanceId: value.instanceId,
    rackId: value.rackId,
    clientId: value.clientId,
    clientHost: value.clientHost,
    topicNames: sortedNames(value.subscribedTopicNames),
    topicPattern: value.subscribedTopicRegex ?? '',
    rebalanceTimeoutMs: value.rebalanceTimeoutMs,
    assignorName: value.serverAssignor,
    // Records from before there were such members leave it out, and it decodes to an empty one.
    classic: value.classicMemberMetadata?.supportedProtocols.length === 0 ? null : value.classicMemberMetadata,
  };
}

function decodeTargetEpoch(bytes: Uint8Array): { epoch: number; timestampMs: number } {
  const { assignmentEpoch, assignmentTimestamp } = decodeStored(targetMetadataValue, bytes);
  return { epoch: assignmentEpoch, timestampMs: assignmentTimestamp };
}

function decodePattern(bytes: Uint8Array): {
  topicNames: readonly string[];
  catalogVersion: number;
  timestampMs: number;
} {
  const { topics, version, timestamp } = decodeStored(patternValue, bytes);
  return { topicNames: sortedNames(topics), catalogVersion: version, timestampMs: timestamp };
}

function encodeCurrent(current: CurrentAssignment): Uint8Array {
  return encodeStored(currentAssignmentValue, VERSION, {
    memberEpoch: current.epoch,
    previousMemberEpoch: current.previousEpoch,
    state: stateNumbers[current.state],
    assignedPartitions: heldList(current.assigned),
    partitionsPendingRevocation: heldList(current.pendingRevocation),
  });
}

function heldList(held: HeldPartitions): { topicId: string; partitions: number[]; assignmentEpochs: number[] }[] {
  return listOf(held).map(({ topicId, partitions }) => ({
    topicId,
    partitions,
    assignmentEpochs: partitions.map((partition) => held.get(topicId)?.get(partition) ?? 0),
  }));
}

function decodeCurrent(bytes: Uint8Array): CurrentAssignment {
  const value = decodeStored(currentAssignmentValue, bytes);
  const { memberEpoch } = value;
  return {
    epoch: memberEpoch,
    previousEpoch: value.previousMemberEpoch,
    state: stateOf(value.state),
    assigned: heldOf(value.assignedPartitions, memberEpoch),
    pendingRevocation: heldOf(value.partitionsPendingRevocation, memberEpoch),
  };
}

function stateOf(number: number): MemberState {
  if (number === stateNumbers.stable) return 'stable';
  if (number === stateNumbers['unrevoked-partitions']) return 'unrevoked-partitions';
  return number === stateNumbers['unreleased-partitions'] ? 'unreleased-partitions' : 'unknown';
}

interface StoredHolding {
  readonly topicId: string;
  readonly partitions: readonly number[];
  readonly assignmentEpochs: readonly number[] | null;
}

/** Records of brokers before KIP-1251 have no epochs: then that of the member stands for all. */
function heldOf(list: readonly StoredHolding[], memberEpoch: number): HeldPartitions {
  const held = new Map<string, ReadonlyMap<number, number>>();
  const fallback = Math.max(memberEpoch, 0);
  for (const { topicId, partitions, assignmentEpochs } of list) {
    if (partitions.length === 0) continue;
    const epochs = assignmentEpochs?.length === partitions.length ? assignmentEpochs : null;
    held.set(topicId, new Map(partitions.map((partition, index) => [partition, epochs?.[index] ?? fallback])));
  }
  return held;
}
