/**
 * DescribeCluster, versions 0 to 2: cluster id and brokers. From version 1 on a client may ask a controller for the
 * controllers; this is a broker's listener, so that question came to the wrong address.
 */
import { CLUSTER_NAME, OPERATION_DESCRIBE, RESOURCE_CLUSTER } from '../protocol/acl.ts';
import { errorCode } from '../protocol/errors.ts';
import { OPERATIONS_NOT_ASKED } from '../protocol/schemas/03-metadata.ts';
import { describeCluster, ENDPOINT_BROKERS, ENDPOINT_CONTROLLERS } from '../protocol/schemas/60-describe-cluster.ts';
import { checks, open } from './access.ts';
import { addressFor, defineHandler } from './define.ts';

export const describeClusterHandler = defineHandler({
  api: describeCluster,
  access: [
    open('a client has to find the brokers; what it may do to the cluster is told to those who may see it'),
    checks(OPERATION_DESCRIBE, RESOURCE_CLUSTER),
  ],

  handle(request, context) {
    const { endpointType } = request;
    if (endpointType !== ENDPOINT_BROKERS) {
      const isController = endpointType === ENDPOINT_CONTROLLERS;
      return {
        errorCode: isController ? errorCode.MISMATCHED_ENDPOINT_TYPE : errorCode.UNSUPPORTED_ENDPOINT_TYPE,
        errorMessage: `this listener is one of a broker (endpoint type ${ENDPOINT_BROKERS}), not of the type ${endpointType}`,
        clusterId: '',
        brokers: [],
      };
    }
    const { catalog, config } = context.services.controller;
    const nodeId = config.values['node.id'];
    return {
      errorCode: errorCode.NONE,
      endpointType,
      clusterId: catalog.clusterId,
      controllerId: nodeId,
      brokers: [{ brokerId: nodeId, ...addressFor(context), rack: config.values['broker.rack'] }],
      clusterAuthorizedOperations: request.includeClusterAuthorizedOperations
        ? context.permit.operationsIfSeen(RESOURCE_CLUSTER, CLUSTER_NAME)
        : OPERATIONS_NOT_ASKED,
    };
  },

  refuse: (_request, refusal) => ({
    errorCode: refusal.errorCode,
    errorMessage: refusal.message,
    clusterId: '',
    brokers: [],
  }),
});
