import { expect, test } from 'vitest';
import { silentLogger } from '../../src/base/logger.ts';
import {
  type AclBinding,
  CLUSTER_NAME,
  OPERATION_DESCRIBE,
  PATTERN_LITERAL,
  PERMISSION_ALLOW,
  RESOURCE_CLUSTER,
} from '../../src/protocol/acl.ts';
import { AccessDesk, accessImageOf } from '../../src/security/access-desk.ts';
import { AuditLog } from '../../src/security/audit-log.ts';

const settings = {
  'authorizer.class.name': 'acl',
  'super.users': ' User:root ; User:CN=ops,O=example ',
  'allow.everyone.if.no.acl.found': false,
  'perfbroker.audit.log': 'all',
};

const rule: AclBinding = {
  resourceType: RESOURCE_CLUSTER,
  resourceName: CLUSTER_NAME,
  patternType: PATTERN_LITERAL,
  principal: 'User:alice',
  host: '::1',
  operation: OPERATION_DESCRIBE,
  permissionType: PERMISSION_ALLOW,
};

function desk(bindings: readonly AclBinding[], more: Partial<typeof settings> = {}): AccessDesk {
  const access = new AccessDesk(new AuditLog(silentLogger, { nowMs: () => 0 }, null));
  access.take(accessImageOf(bindings, { ...settings, ...more }));
  return access;
}

test('who looks at pages needs the right to describe the cluster, from where the rule says', () => {
  const doorman = desk([rule]);
  expect(doorman.isOn).toBe(true);
  // However an address is written.
  expect(doorman.mayDescribeCluster('User:alice', '0:0:0:0:0:0:0:1')).toBe(true);
  expect(doorman.mayDescribeCluster('User:alice', '[::1]')).toBe(true);
  expect(doorman.mayDescribeCluster('User:alice', '127.0.0.1')).toBe(false);
  expect(doorman.mayDescribeCluster('User:ANONYMOUS', '::1')).toBe(false);
});

test('super users are told apart by semicolons, because names hold commas', () => {
  const access = desk([]);
  expect(access.mayDescribeCluster('User:root', '127.0.0.1')).toBe(true);
  expect(access.mayDescribeCluster('User:CN=ops,O=example', '127.0.0.1')).toBe(true);
  expect(access.mayDescribeCluster('User:CN=ops', '127.0.0.1')).toBe(false);
});

test('without rules and super users nobody could make the first rule, which is worth a warning', () => {
  expect(desk([], { 'super.users': '' }).isShutToAll).toBe(true);
  expect(desk([]).isShutToAll).toBe(false);
  expect(desk([rule], { 'super.users': '' }).isShutToAll).toBe(false);
  expect(desk([], { 'super.users': '', 'allow.everyone.if.no.acl.found': true }).isShutToAll).toBe(false);
  expect(desk([], { 'super.users': '', 'authorizer.class.name': '' }).isShutToAll).toBe(false);
});

test('while no authorizer is on there are no rules, and nothing is audited', () => {
  const access = desk([rule], { 'authorizer.class.name': '' });
  expect(access.isOn).toBe(false);
  expect(access.changes).toBe(null);
  expect(access.mayDescribeCluster('User:nobody', '192.0.2.1')).toBe(true);
});
