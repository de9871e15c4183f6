/** DescribeCluster: the brokers of the cluster without its topics; what admin clients ask first. */
import { defineApi } from '../api.ts';
import { array, boolean, int8, int16, int32, nullable, since, string, struct, withDefault } from '../fields.ts';
import { OPERATIONS_NOT_ASKED } from './03-metadata.ts';

export const ENDPOINT_BROKERS = 1;
export const ENDPOINT_CONTROLLERS = 2;

export const describeCluster = defineApi({
  key: 60,
  name: 'DescribeCluster',
  versions: [0, 2],
  flexibleSince: 0,
  request: {
    includeClusterAuthorizedOperations: withDefault(boolean(), false),
    endpointType: since(1, withDefault(int8(), ENDPOINT_BROKERS)),
    includeFencedBrokers: since(2, withDefault(boolean(), false)),
  },
  response: {
    throttleTimeMs: withDefault(int32(), 0),
    errorCode: int16(),
    errorMessage: withDefault(nullable(string()), null),
    endpointType: since(1, withDefault(int8(), ENDPOINT_BROKERS)),
    clusterId: string(),
    controllerId: withDefault(int32(), -1),
    brokers: array(
      struct({
        brokerId: int32(),
        host: string(),
        port: int32(),
        rack: withDefault(nullable(string()), null),
        isFenced: since(2, withDefault(boolean(), false)),
      }),
    ),
    clusterAuthorizedOperations: withDefault(int32(), OPERATIONS_NOT_ASKED),
  },
});
