/**
 * Offsets of groups at their coordinator: writing them down, asking for them, with whatever identity the writer has (a
 * member, or nobody in particular). Consumers, transactions and the admin share these two requests.
 */
import { errorCode } from '../protocol/errors.ts';
import { offsetCommit } from '../protocol/schemas/08-offset-commit.ts';
import { offsetFetch } from '../protocol/schemas/09-offset-fetch.ts';
import { AnswerError, checkAnswer } from './answer-error.ts';
import type { Connection } from './connection.ts';
import { placeOf, type TopicPartition } from './record.ts';

/** Who speaks for the group: what `sendOffsets` of a producer needs of a consumer. */
export interface GroupIdentity {
  readonly groupId: string;
  /** The generation of a classic group, the member's epoch of a newer one; -1 for nobody. */
  readonly generationId: number;
  readonly memberId: string;
  readonly groupInstanceId: string | null;
}

export interface OffsetToCommit extends TopicPartition {
  /** Of the next record to read. */
  readonly offset: number;
  readonly leaderEpoch?: number;
  readonly metadata?: string;
}

export interface CommittedOffset extends TopicPartition {
  readonly offset: number;
  readonly leaderEpoch: number;
  readonly metadata: string | null;
}

/** From version 10 on topics have no names but ids, which a group's offsets may outlive. */
const VERSION_MAX = 9;
const MANY_GROUPS_SINCE = 8;

export function nobodyIn(groupId: string): GroupIdentity {
  return { groupId, generationId: -1, memberId: '', groupInstanceId: null };
}

export async function commitOffsets(
  connection: Connection,
  group: GroupIdentity,
  offsets: readonly OffsetToCommit[],
): Promise<void> {
  const answer = await connection.request(
    offsetCommit,
    {
      groupId: group.groupId,
      generationIdOrMemberEpoch: group.generationId,
      memberId: group.memberId,
      groupInstanceId: group.groupInstanceId,
      topics: topicsOf(offsets, ({ partition, offset, leaderEpoch, metadata }) => ({
        partitionIndex: partition,
        committedOffset: offset,
        committedLeaderEpoch: leaderEpoch ?? -1,
        committedMetadata: metadata ?? '',
      })),
    },
    connection.versionOf(offsetCommit, VERSION_MAX),
  );
  for (const topic of answer.topics) {
    for (const { partitionIndex, errorCode: code } of topic.partitions)
      checkAnswer(code, `committing an offset of ${placeOf(topic.name, partitionIndex)} for group ${group.groupId}`);
  }
}

export interface OffsetQuery {
  readonly group: GroupIdentity;
  /** Null asks for all that are written down. */
  readonly partitions: readonly TopicPartition[] | null;
  /** Offsets of open transactions are waited for. */
  readonly isStable: boolean;
}

/** Partitions without an offset are left out. */
export async function fetchOffsets(connection: Connection, query: OffsetQuery): Promise<CommittedOffset[]> {
  const { group, partitions, isStable } = query;
  const version = connection.versionOf(offsetFetch, VERSION_MAX);
  const topics =
    partitions === null
      ? null
      : topicsOf(partitions, ({ partition }) => partition).map(({ name, partitions: partitionIndexes }) => ({
          name,
          partitionIndexes,
        }));
  const isMany = version >= MANY_GROUPS_SINCE;
  const member = group.memberId === '' ? {} : { memberId: group.memberId, memberEpoch: group.generationId };
  const answer = await connection.request(
    offsetFetch,
    {
      groupId: isMany ? '' : group.groupId,
      topics: isMany ? [] : topics,
      groups: isMany ? [{ groupId: group.groupId, topics, ...member }] : [],
      requireStable: version >= 7 && isStable,
    },
    version,
  );
  const found = isMany ? answer.groups[0] : answer;
  const what = `asking for offsets of group ${group.groupId}`;
  if (found === undefined) throw new AnswerError(errorCode.UNKNOWN_SERVER_ERROR, what, 'the answer is empty');
  checkAnswer(found.errorCode, what);
  const offsets: CommittedOffset[] = [];
  for (const { name: topic, partitions: answered } of found.topics) {
    for (const one of answered) {
      checkAnswer(one.errorCode, `asking for the offset of ${placeOf(topic, one.partitionIndex)}`);
      if (one.committedOffset < 0) continue;
      const { partitionIndex: partition, committedOffset: offset, committedLeaderEpoch: leaderEpoch, metadata } = one;
      offsets.push({ topic, partition, offset, leaderEpoch, metadata });
    }
  }
  return offsets;
}

/** Gathers partitions under their topics, as most requests want them. */
export function topicsOf<P extends TopicPartition, T>(
  places: readonly P[],
  each: (place: P) => T,
): { name: string; partitions: T[] }[] {
  const topics = new Map<string, T[]>();
  for (const place of places) {
    const known = topics.get(place.topic);
    if (known === undefined) topics.set(place.topic, [each(place)]);
    else known.push(each(place));
  }
  return [...topics].map(([name, partitions]) => ({ name, partitions }));
}
