/** OffsetCommit: a group member, or a consumer without a group, writes down how far it has read. */
import { defineApi } from '../api.ts';
import {
  array,
  int16,
  int32,
  int64,
  notIgnorable,
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
    generationIdOrMemberEpoch: withDefault(int32(), -1),
    memberId: string(),
    groupInstanceId: since(7, notIgnorable(withDefault(nullable(string()), null))),
    retentionTimeMs: until(4, withDefault(int64(), -1)),
    topics: array(
      struct({
        name: until(9, string()),
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
        name: until(9, string()),
        topicId: since(10, withDefault(uuid(), ZERO_UUID)),
        partitions: array(
          struct({
            partitionIndex: int32(),
            errorCode: int16(),
          }),
        ),
      }),
    ),
  },
});
