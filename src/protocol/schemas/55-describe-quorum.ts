/** DescribeQuorum: who takes part in the metadata quorum and how far each is. */
import { defineApi } from '../api.ts';
import {
  array,
  int16,
  int32,
  int64,
  nullable,
  since,
  string,
  struct,
  uint16,
  uuid,
  withDefault,
  ZERO_UUID,
} from '../fields.ts';

export const describeQuorum = defineApi({
  key: 55,
  name: 'DescribeQuorum',
  versions: [0, 2],
  flexibleSince: 0,
  request: {
    topics: array(
      struct({
        topicName: string(),
        partitions: array(
          struct({
            partitionIndex: int32(),
          }),
        ),
      }),
    ),
  },
  response: {
    errorCode: int16(),
    errorMessage: since(2, nullable(string())),
    topics: array(
      struct({
        topicName: string(),
        partitions: array(
          struct({
            partitionIndex: int32(),
            errorCode: int16(),
            errorMessage: since(2, nullable(string())),
            leaderId: int32(),
            leaderEpoch: int32(),
            highWatermark: int64(),
            currentVoters: array(
              struct({
                replicaId: int32(),
                replicaDirectoryId: since(2, withDefault(uuid(), ZERO_UUID)),
                logEndOffset: int64(),
                lastFetchTimestamp: since(1, withDefault(int64(), -1)),
                lastCaughtUpTimestamp: since(1, withDefault(int64(), -1)),
              }),
            ),
            observers: array(
              struct({
                replicaId: int32(),
                replicaDirectoryId: since(2, withDefault(uuid(), ZERO_UUID)),
                logEndOffset: int64(),
                lastFetchTimestamp: since(1, withDefault(int64(), -1)),
                lastCaughtUpTimestamp: since(1, withDefault(int64(), -1)),
              }),
            ),
          }),
        ),
      }),
    ),
    nodes: since(
      2,
      array(
        struct({
          nodeId: since(2, int32()),
          listeners: since(
            2,
            array(
              struct({
                name: since(2, string()),
                host: since(2, string()),
                port: since(2, uint16()),
              }),
            ),
          ),
        }),
      ),
    ),
  },
});
