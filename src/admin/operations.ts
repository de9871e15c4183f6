/**
 * The operations a client may do, as the bit fields in which the protocol reports them. There is no authorizer yet, so
 * that everyone may do all that a resource knows.
 */
const operation = {
  read: 3,
  write: 4,
  create: 5,
  delete: 6,
  alter: 7,
  describe: 8,
  clusterAction: 9,
  describeConfigs: 10,
  alterConfigs: 11,
  idempotentWrite: 12,
} as const;

function bitsOf(operations: readonly number[]): number {
  return operations.reduce((bits, code) => bits | (1 << code), 0);
}

export const TOPIC_OPERATIONS = bitsOf([
  operation.read,
  operation.write,
  operation.create,
  operation.delete,
  operation.alter,
  operation.describe,
  operation.describeConfigs,
  operation.alterConfigs,
]);

export const GROUP_OPERATIONS = bitsOf([
  operation.read,
  operation.delete,
  operation.describe,
  operation.alterConfigs,
  operation.describeConfigs,
]);

export const CLUSTER_OPERATIONS = bitsOf([
  operation.create,
  operation.alter,
  operation.describe,
  operation.clusterAction,
  operation.describeConfigs,
  operation.alterConfigs,
  operation.idempotentWrite,
]);
