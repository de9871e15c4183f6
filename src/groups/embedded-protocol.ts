/**
 * What consumers of the classic protocol say to each other inside JoinGroup and SyncGroup (protocol type "consumer"): what
 * they read and have, and what their leader gave them. The broker reads and writes it for classic members of a consumer
 * group, and when a group changes its protocol.
 */
import { isFault } from '../base/fault.ts';
import { array, bytes, int32, NEVER, nullable, since, string, struct, withDefault } from '../protocol/fields.ts';
import { REQUEST_ELEMENTS_MAX } from '../protocol/reader.ts';
import { decodeStored, defineStored, encodeStored, storedKind } from '../protocol/stored-record.ts';
import type { TopicPartitions } from './assignment.ts';
import type { TopicView } from './topic-view.ts';

const NEWEST_VERSION = 3;
const topicPartitions = () => array(struct({ topic: string(), partitions: array(int32()) }));

const subscription = defineStored({
  name: 'ConsumerProtocolSubscription',
  versions: [0, NEWEST_VERSION],
  flexibleSince: NEVER,
  fields: {
    topics: array(string()),
    userData: nullable(bytes()),
    ownedPartitions: since(1, withDefault(topicPartitions(), [])),
    generationId: since(2, withDefault(int32(), -1)),
    rackId: since(3, withDefault(nullable(string()), null)),
  },
});

const assignment = defineStored({
  name: 'ConsumerProtocolAssignment',
  versions: [0, NEWEST_VERSION],
  flexibleSince: NEVER,
  fields: { assignedPartitions: topicPartitions(), userData: nullable(bytes()) },
});

export interface EmbeddedSubscription {
  readonly topics: readonly string[];
  readonly rackId: string | null;
  readonly owned: readonly TopicPartitions[];
}

export interface EmbeddedAssignment {
  readonly partitions: readonly TopicPartitions[];
  /** An assignor of the clients' own keeps something there that no server-side assignor would know of. */
  readonly hasUserData: boolean;
}

/** Null when it cannot be read. */
export function readSubscription(metadata: Uint8Array, topics: TopicView): EmbeddedSubscription | null {
  return readOrNull(() => {
    const value = decodeStored(subscription, atKnownVersion(metadata), REQUEST_ELEMENTS_MAX);
    const rackId = value.rackId === '' ? null : value.rackId;
    return { topics: value.topics, rackId, owned: withIds(value.ownedPartitions, topics) };
  });
}

/** Null when it cannot be read. No bytes at all are what a member has that never synced. */
export function readAssignment(stored: Uint8Array, topics: TopicView): EmbeddedAssignment | null {
  if (stored.length === 0) return { partitions: [], hasUserData: false };
  return readOrNull(() => {
    const value = decodeStored(assignment, atKnownVersion(stored), REQUEST_ELEMENTS_MAX);
    return {
      partitions: withIds(value.assignedPartitions, topics),
      hasUserData: value.userData !== null && value.userData.length > 0,
    };
  });
}

/** In the version in which the member wrote `metadata`. Topics that are gone are left out. */
export function writeAssignment(
  partitions: readonly TopicPartitions[],
  topics: TopicView,
  metadata: Uint8Array,
): Uint8Array {
  const version = Math.min(Math.max(storedKind(metadata), 0), NEWEST_VERSION);
  const assignedPartitions = partitions.flatMap(({ topicId, partitions: ids }) => {
    const topic = topics.nameOf(topicId);
    return topic === null ? [] : [{ topic, partitions: ids }];
  });
  return encodeStored(assignment, version, { assignedPartitions, userData: null });
}

/** Later versions only add to the end: they are read as the newest one known. */
function atKnownVersion(stored: Uint8Array): Uint8Array {
  if (storedKind(stored) <= NEWEST_VERSION) return stored;
  const copy = new Uint8Array(stored);
  copy.set([0, NEWEST_VERSION]);
  return copy;
}

interface NamedPartitions {
  readonly topic: string;
  readonly partitions: readonly number[];
}

function withIds(list: readonly NamedPartitions[], topics: TopicView): TopicPartitions[] {
  return list.flatMap(({ topic, partitions }) => {
    const topicId = topics.idOf(topic);
    return topicId === null ? [] : [{ topicId, partitions }];
  });
}

function readOrNull<T>(read: () => T): T | null {
  try {
    return read();
  } catch (error) {
    if (isFault(error)) return null;
    throw error;
  }
}
