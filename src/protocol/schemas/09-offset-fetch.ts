/** OffsetFetch: how far groups have read; from version 8 on many groups in one request, each with an error of its own. */
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
    groupId: until(7, notIgnorable(string())),
    topics: until(
      7,
      notIgnorable(
        nullable(
          array(
            struct({
              name: until(7, notIgnorable(string())),
              partitionIndexes: until(7, notIgnorable(array(int32()))),
            }),
          ),
          2,
        ),
      ),
    ),
    groups: since(
      8,
      notIgnorable(
        array(
          struct({
            groupId: since(8, notIgnorable(string())),
            memberId: since(9, withDefault(nullable(string()), null)),
            memberEpoch: since(9, withDefault(int32(), -1)),
            topics: since(
              8,
              notIgnorable(
                nullable(
                  array(
                    struct({
                      name: between(8, 9, string()),
                      topicId: since(10, withDefault(uuid(), ZERO_UUID)),
                      partitionIndexes: since(8, notIgnorable(array(int32()))),
                    }),
                  ),
                ),
              ),
            ),
          }),
        ),
      ),
    ),
    requireStable: since(7, notIgnorable(withDefault(boolean(), false))),
  },
  response: {
    throttleTimeMs: since(3, withDefault(int32(), 0)),
    topics: until(
      7,
      array(
        struct({
          name: until(7, string()),
          partitions: until(
            7,
            array(
              struct({
                partitionIndex: until(7, int32()),
                committedOffset: until(7, int64()),
                committedLeaderEpoch: between(5, 7, withDefault(int32(), -1)),
                metadata: until(7, nullable(string())),
                errorCode: until(7, int16()),
              }),
            ),
          ),
        }),
      ),
    ),
    errorCode: between(2, 7, withDefault(int16(), 0)),
    groups: since(
      8,
      array(
        struct({
          groupId: since(8, string()),
          topics: since(
            8,
            array(
              struct({
                name: between(8, 9, string()),
                topicId: since(10, withDefault(uuid(), ZERO_UUID)),
                partitions: since(
                  8,
                  array(
                    struct({
                      partitionIndex: since(8, int32()),
                      committedOffset: since(8, int64()),
                      committedLeaderEpoch: since(8, withDefault(int32(), -1)),
                      metadata: since(8, nullable(string())),
                      errorCode: since(8, int16()),
                    }),
                  ),
                ),
              }),
            ),
          ),
          errorCode: since(8, withDefault(int16(), 0)),
        }),
      ),
    ),
  },
});
