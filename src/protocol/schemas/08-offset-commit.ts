/** OffsetCommit: how far a group has read. From version 9 on also for groups of the new protocol, from 10 on by topic id. */
import { defineApi } from '../api.ts';
import {
  array,
  between,
  int16,
  int32,
  int64,
  nullable,
  since,
  string,
  struct,
  until,
  uuid,
  withDefault,
  ZERO_UUID,
} from '../fields.ts';

export const offsetCommit = defineApi({
  key: 8,
  name: 'OffsetCommit',
  versions: [2, 10],
  flexibleSince: 8,
  request: {
    groupId: string(),
    /** -1 for a client that assigns partitions to itself. */
    generationIdOrMemberEpoch: withDefault(int32(), -1),
    memberId: withDefault(string(), ''),
    groupInstanceId: since(7, withDefault(nullable(string()), null)),
    retentionTimeMs: between(2, 4, withDefault(int64(), -1)),
    topics: array(
      struct({
        name: until(9, withDefault(string(), '')),
        topicId: since(10, withDefault(uuid(), ZERO_UUID)),
        partitions: array(
          struct({
            partitionIndex: int32(),
            committedOffset: int64(),
            committedLeaderEpoch: since(6, withDefault(int32(), -1)),
            committedMetadata: nullable(string()),
          }),
        ),
      }),
    ),
  },
  response: {
    throttleTimeMs: since(3, withDefault(int32(), 0)),
    topics: array(
      struct({
        name: until(9, withDefault(string(), '')),
        topicId: since(10, withDefault(uuid(), ZERO_UUID)),
        partitions: array(struct({ partitionIndex: int32(), errorCode: int16() })),
      }),
    ),
  },
});
