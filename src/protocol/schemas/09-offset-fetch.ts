/**
 * OffsetFetch: what a group committed. Up to version 7 for one group, which stands at the top; from version 8 on for a
 * list of groups; from version 10 on by topic id. Null topics ask for all of them.
 */
import { defineApi } from '../api.ts';
import {
  array,
  between,
  boolean,
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

export const offsetFetch = defineApi({
  key: 9,
  name: 'OffsetFetch',
  versions: [1, 10],
  flexibleSince: 6,
  request: {
    groupId: until(7, withDefault(string(), '')),
    topics: until(7, withDefault(nullable(array(struct({ name: string(), partitionIndexes: array(int32()) })), 2), [])),
    groups: since(
      8,
      withDefault(
        array(
          struct({
            groupId: string(),
            memberId: since(9, withDefault(nullable(string()), null)),
            memberEpoch: since(9, withDefault(int32(), -1)),
            topics: nullable(
              array(
                struct({
                  name: between(8, 9, withDefault(string(), '')),
                  topicId: since(10, withDefault(uuid(), ZERO_UUID)),
                  partitionIndexes: array(int32()),
                }),
              ),
            ),
          }),
        ),
        [],
      ),
    ),
    requireStable: since(7, notIgnorable(withDefault(boolean(), false))),
  },
  response: {
    throttleTimeMs: since(3, withDefault(int32(), 0)),
    topics: until(
      7,
      withDefault(
        array(
          struct({
            name: string(),
            partitions: array(
              struct({
                partitionIndex: int32(),
                committedOffset: int64(),
                committedLeaderEpoch: since(5, withDefault(int32(), -1)),
                metadata: nullable(string()),
                errorCode: int16(),
              }),
            ),
          }),
        ),
        [],
      ),
    ),
    errorCode: between(2, 7, withDefault(int16(), 0)),
    groups: since(
      8,
      withDefault(
        array(
          struct({
            groupId: string(),
            topics: array(
              struct({
                name: between(8, 9, withDefault(string(), '')),
                topicId: since(10, withDefault(uuid(), ZERO_UUID)),
                partitions: array(
                  struct({
                    partitionIndex: int32(),
                    committedOffset: int64(),
                    committedLeaderEpoch: withDefault(int32(), -1),
                    metadata: nullable(string()),
                    errorCode: int16(),
                  }),
                ),
              }),
            ),
            errorCode: int16(),
          }),
        ),
        [],
      ),
    ),
  },
});
