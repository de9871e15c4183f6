/**
 * Metadata: brokers, topics, partitions and their leaders. In version 0 an empty list of topics asks for all of them,
 * later null does. From version 10 on topics may be asked for by id, from version 12 on names may be null.
 */
import { defineApi } from '../api.ts';
import {
  array,
  between,
  boolean,
  int16,
  int32,
  notIgnorable,
  nullable,
  since,
  string,
  struct,
  uuid,
  withDefault,
  ZERO_UUID,
} from '../fields.ts';

/** Says that nobody computed the bit field of allowed operations. */
export const OPERATIONS_NOT_ASKED = -2147483648;

export const metadata = defineApi({
  key: 3,
  name: 'Metadata',
  versions: [0, 13],
  flexibleSince: 9,
  request: {
    topics: nullable(
      array(struct({ topicId: since(10, withDefault(uuid(), ZERO_UUID)), name: nullable(string(), 10) })),
      1,
    ),
    allowAutoTopicCreation: since(4, notIgnorable(withDefault(boolean(), true))),
    includeClusterAuthorizedOperations: between(8, 10, withDefault(boolean(), false)),
    includeTopicAuthorizedOperations: since(8, withDefault(boolean(), false)),
  },
  response: {
    throttleTimeMs: since(3, withDefault(int32(), 0)),
    brokers: array(
      struct({
        nodeId: int32(),
        host: string(),
        port: int32(),
        rack: since(1, withDefault(nullable(string()), null)),
      }),
    ),
    clusterId: since(2, nullable(string())),
    controllerId: since(1, withDefault(int32(), -1)),
    topics: array(
      struct({
        errorCode: int16(),
        name: nullable(string(), 12),
        topicId: since(10, uuid()),
        isInternal: since(1, withDefault(boolean(), false)),
        partitions: array(
          struct({
            errorCode: int16(),
            partitionIndex: int32(),
            leaderId: int32(),
            leaderEpoch: since(7, withDefault(int32(), -1)),
            replicaNodes: array(int32()),
            isrNodes: array(int32()),
            offlineReplicas: since(5, array(int32())),
          }),
        ),
        topicAuthorizedOperations: since(8, withDefault(int32(), OPERATIONS_NOT_ASKED)),
      }),
    ),
    clusterAuthorizedOperations: between(8, 10, withDefault(int32(), OPERATIONS_NOT_ASKED)),
    /** Anything but 0 sends clients back to their bootstrap servers. */
    errorCode: since(13, withDefault(int16(), 0)),
  },
});
