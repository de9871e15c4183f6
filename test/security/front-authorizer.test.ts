import { expect, test } from 'vitest';
import { silentLogger } from '../../src/base/logger.ts';
import { Connection } from '../../src/net/connection.ts';
import { PLAINTEXT_FACTS } from '../../src/net/front-listener.ts';
import type { AccessImage } from '../../src/net/front-post.ts';
import { Topic } from '../../src/net/route-table.ts';
import {
  type AclBinding,
  OPERATION_READ,
  OPERATION_WRITE,
  PATTERN_LITERAL,
  PERMISSION_ALLOW,
  RESOURCE_TOPIC,
  RESOURCE_TRANSACTIONAL_ID,
} from '../../src/protocol/acl.ts';
import { AuditLog } from '../../src/security/audit-log.ts';
import { FrontAuthorizer } from '../../src/security/front-authorizer.ts';

function rule(principal: string, resourceName = 't', resourceType = RESOURCE_TOPIC): AclBinding {
  const operation = OPERATION_WRITE;
  const permissionType = PERMISSION_ALLOW;
  return { resourceType, resourceName, patternType: PATTERN_LITERAL, principal, host: '*', operation, permissionType };
}

function imageOf(bindings: readonly AclBinding[], isOn = true): AccessImage {
  return { kind: 'access', isOn, bindings, superUsers: [], isOpenWithoutRules: false, isAudited: true };
}

function connected(principal: string): Connection {
  const connection = new Connection(0);
  connection.open(1, '10.0.0.7:51234', PLAINTEXT_FACTS, principal, 0);
  return connection;
}

function authorizer(bindings: readonly AclBinding[]): FrontAuthorizer {
  const access = new FrontAuthorizer(new AuditLog(silentLogger, { nowMs: () => 0 }, null));
  access.take(imageOf(bindings));
  return access;
}

const topic = new Topic({ name: 't', id: new Uint8Array(16), partitions: [] });

test('decides by topic and identity, and anew when the rules changed', () => {
  const access = authorizer([rule('User:alice')]);
  const [alice, bob] = [connected('User:alice'), connected('User:bob')];
  for (let time = 0; time < 3; time++) {
    expect(access.mayTopic(alice, OPERATION_WRITE, topic, 'Produce')).toBe(true);
    expect(access.mayTopic(alice, OPERATION_READ, topic, 'Fetch')).toBe(false);
    expect(access.mayTopic(bob, OPERATION_WRITE, topic, 'Produce')).toBe(false);
  }
  access.take(imageOf([rule('User:bob')]));
  expect(access.mayTopic(alice, OPERATION_WRITE, topic, 'Produce')).toBe(false);
  expect(access.mayTopic(bob, OPERATION_WRITE, topic, 'Produce')).toBe(true);
  access.take(imageOf([], false));
  expect(access.isOn).toBe(false);
  expect(access.mayTopic(alice, OPERATION_WRITE, topic, 'Produce')).toBe(true);
});

test('a client that logs in as somebody else has the rights of that one', () => {
  const access = authorizer([rule('User:alice')]);
  const connection = connected('User:bob');
  expect(access.mayTopic(connection, OPERATION_WRITE, topic, 'Produce')).toBe(false);
  connection.identity = { ...connection.identity, principal: 'User:alice' };
  expect(access.mayTopic(connection, OPERATION_WRITE, topic, 'Produce')).toBe(true);
});

test('of topics that are not there nothing is remembered', () => {
  const access = authorizer([rule('User:alice', 'gone')]);
  const alice = connected('User:alice');
  const gone = new Topic({ name: 'gone', id: new Uint8Array(16), partitions: [] });
  gone.isLive = false;
  expect(access.mayTopic(alice, OPERATION_WRITE, gone, 'Produce')).toBe(true);
  expect(access.mayTopic(alice, OPERATION_WRITE, topic, 'Produce')).toBe(false);
  expect([...(alice.rights?.topics.keys() ?? [])]).toEqual([topic]);
});

test('transactional ids are resources of their own', () => {
  const access = authorizer([rule('User:alice', 'id', RESOURCE_TRANSACTIONAL_ID)]);
  const alice = connected('User:alice');
  expect(access.mayTransactionalId(alice, OPERATION_WRITE, 'id', 'Produce')).toBe(true);
  expect(access.mayTransactionalId(alice, OPERATION_WRITE, 'x'.repeat(30_000), 'Produce')).toBe(false);
  expect(access.mayName(alice, OPERATION_WRITE, 'id', 'Produce')).toBe(false);
});
