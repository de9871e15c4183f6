/**
 * What access rules cost: on the data path, where the front asks for each topic of a request whether its client may, and
 * where a decision has to be made for the first time, over few rules and over many.
 */
import { silentLogger } from '../../src/base/logger.ts';
import { Connection } from '../../src/net/connection.ts';
import { PLAINTEXT_FACTS } from '../../src/net/front-listener.ts';
import type { AccessImage } from '../../src/net/front-post.ts';
import { Topic } from '../../src/net/route-table.ts';
import {
  type AclBinding,
  OPERATION_WRITE,
  PATTERN_LITERAL,
  PATTERN_PREFIXED,
  PERMISSION_ALLOW,
  RESOURCE_TOPIC,
} from '../../src/protocol/acl.ts';
import { AclIndex } from '../../src/security/acl-index.ts';
import { AuditLog } from '../../src/security/audit-log.ts';
import { FrontAuthorizer } from '../../src/security/front-authorizer.ts';
import type { Subject } from './subject.ts';

const TOPICS = 64;
const client = { principal: 'User:user-3', host: '10.0.0.7' };

function rules(count: number): AclBinding[] {
  return Array.from({ length: count }, (_, index) => ({
    resourceType: RESOURCE_TOPIC,
    resourceName: `topic-${index % (count / 2)}`,
    patternType: index % 8 === 0 ? PATTERN_PREFIXED : PATTERN_LITERAL,
    principal: `User:user-${index % 10}`,
    host: '*',
    operation: OPERATION_WRITE,
    permissionType: PERMISSION_ALLOW,
  }));
}

export function accessSubjects(): Subject[] {
  return [knownSubject(), ...[100, 10_000].map(decisionSubject)];
}

function knownSubject(): Subject {
  const access = new FrontAuthorizer(new AuditLog(silentLogger, { nowMs: () => 0 }, null));
  access.take(imageOf(rules(1000)));
  const connection = new Connection(0);
  connection.open(1, '10.0.0.7:51234', PLAINTEXT_FACTS, 'User:admin', 0);
  const topics = Array.from({ length: TOPICS }, (_, index) => {
    return new Topic({ name: `topic-${index}`, id: new Uint8Array(16).fill(index), partitions: [] });
  });
  let allowed = 0;
  return {
    name: 'access rules: whether a client may write to a topic, asked before',
    operations: TOPICS,
    isHot: true,
    run: () => {
      for (let index = 0; index < TOPICS; index++) {
        if (access.mayTopic(connection, OPERATION_WRITE, topics[index]!, 'Produce')) allowed = (allowed + 1) | 0;
      }
    },
  };
}

function imageOf(bindings: readonly AclBinding[]): AccessImage {
  const superUsers = ['User:admin'];
  return { kind: 'access', isOn: true, bindings, superUsers, isOpenWithoutRules: false, isAudited: false };
}

function decisionSubject(count: number): Subject {
  const index = new AclIndex(rules(count), false, (host) => host);
  let sum = 0;
  return {
    name: `access rules: what a client may do to a topic, of ${count} rules`,
    operations: 1,
    isHot: false,
    run: () => {
      sum = (sum + index.rightsOn(RESOURCE_TOPIC, 'topic-17', client)) | 0;
    },
  };
}
