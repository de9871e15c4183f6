/**
 * Behaviours 60 to 64: what access rules mean for every API, looked at from outside. The table in `access-rows` is compared
 * with what the APIs state of themselves, and each of its rows with what a broker answers.
 */
import { describe, expect, test } from 'vitest';
import { createAcls, deleteAcls } from '../../src/admin/acls.ts';
import { controlHandlers } from '../../src/apis/control-table.ts';
import { createDataTable } from '../../src/apis/data-table.ts';
import {
  type AclBinding,
  CLUSTER_NAME,
  OPERATION_ALL,
  OPERATION_CREATE,
  OPERATION_DESCRIBE,
  OPERATION_READ,
  OPERATION_WRITE,
  operationName,
  operationsOf,
  PATTERN_LITERAL,
  PERMISSION_ALLOW,
  PERMISSION_DENY,
  RESOURCE_CLUSTER,
  RESOURCE_GROUP,
  RESOURCE_TOPIC,
  RESOURCE_TRANSACTIONAL_ID,
  resourceTypeName,
} from '../../src/protocol/acl.ts';
import type { Api } from '../../src/protocol/api.ts';
import { errorCode } from '../../src/protocol/errors.ts';
import { ZERO_UUID } from '../../src/protocol/fields.ts';
import { produce } from '../../src/protocol/schemas/00-produce.ts';
import { metadata } from '../../src/protocol/schemas/03-metadata.ts';
import { offsetCommit } from '../../src/protocol/schemas/08-offset-commit.ts';
import { offsetFetch } from '../../src/protocol/schemas/09-offset-fetch.ts';
import { findCoordinator } from '../../src/protocol/schemas/10-find-coordinator.ts';
import { listGroups } from '../../src/protocol/schemas/16-list-groups.ts';
import { createTopics } from '../../src/protocol/schemas/19-create-topics.ts';
import { deleteTopics } from '../../src/protocol/schemas/20-delete-topics.ts';
import { deleteRecords } from '../../src/protocol/schemas/21-delete-records.ts';
import { addPartitionsToTxn } from '../../src/protocol/schemas/24-add-partitions-to-txn.ts';
import { txnOffsetCommit } from '../../src/protocol/schemas/28-txn-offset-commit.ts';
import { describeAcls } from '../../src/protocol/schemas/29-describe-acls.ts';
import { createAcls as createAclsApi } from '../../src/protocol/schemas/30-create-acls.ts';
import { deleteAcls as deleteAclsApi } from '../../src/protocol/schemas/31-delete-acls.ts';
import { incrementalAlterConfigs } from '../../src/protocol/schemas/44-incremental-alter-configs.ts';
import { offsetDelete } from '../../src/protocol/schemas/47-offset-delete.ts';
import { describeCluster } from '../../src/protocol/schemas/60-describe-cluster.ts';
import { consumerGroupHeartbeat } from '../../src/protocol/schemas/68-consumer-group-heartbeat.ts';
import { alterShareGroupOffsets } from '../../src/protocol/schemas/91-alter-share-group-offsets.ts';
import { batchOf, createTopic, fetchFrom, offsetOf, produceRequest, produceTo } from '../support/simulated-deeds.ts';
import { TransactionalProducer } from '../support/transactional-producer.ts';
import { accessRows, furtherRights, GROUP, type Right } from './access-rows.ts';
import { type BehaviourRig, restart, startRig } from './behaviour-rig.ts';

const sets = [
  'authorizer.class.name=acl',
  'offsets.topic.num.partitions=1',
  'transaction.state.log.num.partitions=1',
  'share.coordinator.state.topic.num.partitions=1',
];
const EVERYTHING = { resourceType: 1, resourceName: null, patternType: 1, principal: null, host: null } as const;
const AUTHORIZATION_CODES: readonly number[] = [
  errorCode.TOPIC_AUTHORIZATION_FAILED,
  errorCode.GROUP_AUTHORIZATION_FAILED,
  errorCode.CLUSTER_AUTHORIZATION_FAILED,
  errorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
];

function binding(right: Right, permissionType = PERMISSION_ALLOW): AclBinding {
  const { operation, resourceType, name: resourceName } = right;
  const principal = 'User:ANONYMOUS';
  return { resourceType, resourceName, patternType: PATTERN_LITERAL, principal, host: '*', operation, permissionType };
}

const all: readonly Right[] = [RESOURCE_TOPIC, RESOURCE_GROUP, RESOURCE_TRANSACTIONAL_ID]
  .map((resourceType) => ({ operation: OPERATION_ALL, resourceType, name: '*' }))
  .concat({ operation: OPERATION_ALL, resourceType: RESOURCE_CLUSTER, name: CLUSTER_NAME });

/** As an administrator would, but without a way past the rules: nobody here is a super user. */
async function setRules({ broker }: BehaviourRig, bindings: readonly AclBinding[]): Promise<void> {
  const { controller } = broker.plane.services;
  await broker.driven(deleteAcls(controller, [{ ...EVERYTHING, operation: 1, permissionType: 1 }]));
  const outcome = await broker.driven(createAcls(controller, bindings));
  expect(outcome.every((refusal) => refusal === null)).toBe(true);
  await broker.settle();
}

function offsetsOf(groupId: string, name: string) {
  const partitions = [{ partitionIndex: 0, committedOffset: 0, committedMetadata: '' }];
  const member = { generationIdOrMemberEpoch: -1, memberId: '' };
  return { groupId, ...member, retentionTimeMs: -1, topics: [{ name, partitions }] };
}

const grant = (rig: BehaviourRig, rights: readonly Right[]): Promise<void> =>
  setRules(
    rig,
    rights.map((right) => binding(right)),
  );

/** What is asked for the first time may be told to come again. */
async function openCoordinators({ client, broker }: BehaviourRig): Promise<void> {
  for (const keyType of [0, 1]) await client.ask(findCoordinator, 4, { keyType, coordinatorKeys: [GROUP] });
  await broker.settle();
}

function codesIn(answer: unknown): number[] {
  if (typeof answer !== 'object' || answer === null || ArrayBuffer.isView(answer)) return [];
  return Object.entries(answer).flatMap(([key, value]) => {
    if (key === 'topicConfigErrorCode') return [];
    return typeof value === 'number' && key.endsWith('rrorCode') ? [value] : codesIn(value);
  });
}

async function denials(rig: BehaviourRig, row: { api: Api; version: number; request: unknown }): Promise<number[]> {
  const answer = await rig.client.ask(row.api, row.version, row.request);
  await rig.broker.settle();
  return codesIn(answer).filter((code) => AUTHORIZATION_CODES.includes(code));
}

function keyOf({ operation, resourceType }: { operation: number; resourceType: number }): string {
  return `${operationName(operation)} ${resourceTypeName(resourceType)}`;
}

describe('60: what every API needs', () => {
  test('is what the written table says of it, for each of them', () => {
    const written = new Map<string, Set<string>>();
    for (const { api, sets: ways } of accessRows({ name: 't', id: 'AAAAAAAAAAAAAAAAAAAAAQ' })) {
      const known = written.get(api.name) ?? new Set();
      for (const right of ways.flat()) known.add(keyOf(right));
      written.set(api.name, known);
    }
    for (const [name, rights] of Object.entries(furtherRights)) {
      written.set(name, new Set([...(written.get(name) ?? []), ...rights.map(keyOf)]));
    }
    const stated = [
      ...controlHandlers.map(({ api, access }) => ({ name: api.name, access })),
      ...createDataTable().flatMap((api) => api ?? []),
    ];
    for (const { name, access } of stated) {
      const rights = access.flatMap((one) => (one.kind === 'open' ? [] : keyOf(one)));
      expect([name, [...new Set(rights)].sort()]).toEqual([name, [...(written.get(name) ?? [])].sort()]);
    }
    expect([...written.keys()].filter((name) => !stated.some((one) => one.name === name))).toEqual([]);
  });

  test('and what a broker refuses without it and does with it', async () => {
    const rig = await startRig({ sets });
    await grant(rig, all);
    const topic = await createTopic(rig.client, 't');
    await openCoordinators(rig);
    for (const row of accessRows(topic)) {
      const where = `${row.api.name} ${row.name}`;
      await setRules(rig, []);
      const codes = await denials(rig, row);
      if (row.code !== 0) expect(codes, `${where} without any right`).toContain(row.code);
      for (const rights of row.sets) {
        if (rights.length === 1) continue;
        for (const missing of rights) {
          await grant(
            rig,
            rights.filter((right) => right !== missing),
          );
          expect(await denials(rig, row), `${where} without ${keyOf(missing)}`).not.toEqual([]);
        }
      }
      for (const rights of row.sets) {
        await grant(rig, rights);
        expect(await denials(rig, row), `${where} with ${rights.map(keyOf).join(', ')}`).toEqual([]);
        // A deny is stronger, whatever else is allowed.
        await setRules(rig, [
          ...all.map((right) => binding(right)),
          ...rights.map((right) => binding(right, PERMISSION_DENY)),
        ]);
        if (row.sets.length === 1 && row.code !== 0) {
          expect(await denials(rig, row), `${where} with a deny`).toContain(row.code);
        }
      }
    }
    await grant(rig, all);
  });
});

describe('61: what a client may not see', () => {
  test('is left out of lists, without a word', async () => {
    const rig = await startRig({ sets });
    await grant(rig, all);
    const { client } = rig;
    await createTopic(client, 'seen');
    await createTopic(client, 'hidden');
    await produceTo(client, await createTopic(client, 'more'), batchOf());
    await grant(rig, [{ operation: OPERATION_DESCRIBE, resourceType: RESOURCE_TOPIC, name: 'seen' }]);
    const { topics } = await client.ask(metadata, 12, { topics: null, includeTopicAuthorizedOperations: true });
    expect(topics.map(({ name, errorCode: code }) => [name, code])).toEqual([['seen', 0]]);
    expect(topics[0]?.topicAuthorizedOperations).toBe(1 << OPERATION_DESCRIBE);
    expect((await client.ask(listGroups, 5, { statesFilter: [], typesFilter: [] })).groups).toEqual([]);
    const lines = rig.broker.lines.filter((line) => line.includes('outcome=denied') && line.includes('Metadata'));
    expect(lines).toEqual([]);
  });

  test('and whether a topic is there is not told to those who may not see it', async () => {
    const rig = await startRig({ sets });
    await grant(rig, all);
    const { client } = rig;
    const topic = await createTopic(client, 'there');
    await setRules(rig, []);
    for (const name of ['there', 'nowhere']) {
      const { topics } = await client.ask(metadata, 12, { topics: [{ name }], allowAutoTopicCreation: true });
      expect(topics).toMatchObject([{ errorCode: 29, name, partitions: [], isInternal: false }]);
      expect(topics[0]?.topicId).toBe('AAAAAAAAAAAAAAAAAAAAAA');
      const deleted = await client.ask(deleteTopics, 6, {
        topics: [{ name, topicId: 'AAAAAAAAAAAAAAAAAAAAAA' }],
        timeoutMs: 1000,
      });
      expect(deleted.responses).toMatchObject([{ errorCode: 29, name }]);
      expect((await produceTo(client, { name, id: topic.id }, batchOf(), { version: 9 })).errorCode).toBe(29);
      expect((await fetchFrom(client, { name, id: topic.id }, 0, { version: 12 })).errorCode).toBe(29);
    }
    const byId = await client.ask(deleteTopics, 6, { topics: [{ name: null, topicId: topic.id }], timeoutMs: 1000 });
    expect(byId.responses).toMatchObject([{ errorCode: 29, name: null, topicId: topic.id }]);
  });

  test('offsets of topics a client may not see are not among all that a group has', async () => {
    const rig = await startRig({ sets });
    await grant(rig, all);
    const topic = await createTopic(rig.client, 't');
    await openCoordinators(rig);
    const commit = accessRows(topic).find(({ api }) => api.name === 'OffsetCommit')!;
    expect(await denials(rig, commit)).toEqual([]);
    const groups = [{ groupId: GROUP, memberId: null, memberEpoch: -1, topics: null }];
    const asked = { groupId: '', topics: [], groups };
    const before = await rig.client.ask(offsetFetch, 8, asked);
    expect(before.groups[0]?.topics.map(({ name }) => name)).toEqual(['t']);
    await grant(rig, [{ operation: OPERATION_DESCRIBE, resourceType: RESOURCE_GROUP, name: GROUP }]);
    const after = await rig.client.ask(offsetFetch, 8, asked);
    expect(after.groups).toMatchObject([{ errorCode: 0, topics: [] }]);
  });
});

test('61: a pattern stands for the topics that a member may see, and for no others', async () => {
  const rig = await startRig({ sets });
  await grant(rig, all);
  const seen = await createTopic(rig.client, 'orders-seen');
  await createTopic(rig.client, 'orders-hidden');
  await openCoordinators(rig);
  await grant(rig, [
    { operation: OPERATION_READ, resourceType: RESOURCE_GROUP, name: 'newer' },
    { operation: OPERATION_DESCRIBE, resourceType: RESOURCE_TOPIC, name: seen.name },
  ]);
  const member = { groupId: 'newer', memberId: 'AAAAAAAAAAAAAAAAAAAAAA', rebalanceTimeoutMs: 60_000 };
  const joins = { ...member, memberEpoch: 0, subscribedTopicRegex: 'orders-.*', topicPartitions: [] };
  let answer = await rig.client.ask(consumerGroupHeartbeat, 1, joins);
  const assigned: string[] = [];
  for (let time = 0; time < 10; time++) {
    expect(answer.errorCode).toBe(0);
    assigned.push(...(answer.assignment?.topicPartitions ?? []).map(({ topicId }) => topicId));
    await rig.broker.pass(1000);
    answer = await rig.client.ask(consumerGroupHeartbeat, 1, { ...member, memberEpoch: answer.memberEpoch });
  }
  expect([...new Set(assigned)]).toEqual([seen.id]);
});

test('whether a topic is there cannot be told from what is left out of an answer, nor from ids', async () => {
  const rig = await startRig({ sets });
  await grant(rig, all);
  const { client } = rig;
  await createTopic(client, 'there');
  await openCoordinators(rig);
  await client.ask(offsetCommit, 2, offsetsOf(GROUP, 'there'));
  const topics = ['there', 'nowhere'].map((name) => ({ name, partitions: [] }));
  const commit = { transactionalId: 't', groupId: GROUP, producerId: 1, producerEpoch: 0, topics };
  await grant(rig, [
    { operation: OPERATION_WRITE, resourceType: RESOURCE_TRANSACTIONAL_ID, name: 't' },
    { operation: OPERATION_ALL, resourceType: RESOURCE_GROUP, name: GROUP },
    { operation: OPERATION_READ, resourceType: RESOURCE_GROUP, name: 'sharers' },
  ]);
  expect((await client.ask(txnOffsetCommit, 2, commit)).topics).toEqual(topics);
  expect((await client.ask(offsetDelete, 0, { groupId: GROUP, topics })).topics).toEqual(topics);
  const starts = topics.map(({ name }) => ({ topicName: name, partitions: [{ partitionIndex: 0, startOffset: 0 }] }));
  const altered = await client.ask(alterShareGroupOffsets, 0, { groupId: 'sharers', topics: starts });
  expect(altered.responses.map(({ topicId }) => topicId)).toEqual([ZERO_UUID, ZERO_UUID]);
  await setRules(rig, []);
  expect((await client.ask(txnOffsetCommit, 2, commit)).topics).toEqual(topics);
});

describe('62: what a client may do', () => {
  test('is told where it asks', async () => {
    const rig = await startRig({ sets });
    await grant(rig, all);
    const { client } = rig;
    await createTopic(client, 't');
    const asked = { includeClusterAuthorizedOperations: true, endpointType: 1 };
    const full = await client.ask(describeCluster, 1, asked);
    expect(full.clusterAuthorizedOperations).toBe(operationsOf(RESOURCE_CLUSTER));
    await setRules(rig, []);
    expect((await client.ask(describeCluster, 1, asked)).clusterAuthorizedOperations).toBe(0);
    await grant(rig, [{ operation: OPERATION_CREATE, resourceType: RESOURCE_CLUSTER, name: CLUSTER_NAME }]);
    expect((await client.ask(describeCluster, 1, asked)).clusterAuthorizedOperations).toBe(0);
    // A new topic's settings are not shown to those who may not see settings.
    const topics = [{ name: 'u', numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }];
    const made = await client.ask(createTopics, 7, { topics });
    expect(made.topics).toMatchObject([{ errorCode: 0, topicConfigErrorCode: 29, configs: [], numPartitions: -1 }]);
  });
});

describe('63: rules', () => {
  test('without an authorizer there are none, and everybody may do everything', async () => {
    const rig = await startRig();
    const { client } = rig;
    const filter = { resourceTypeFilter: 1, patternTypeFilter: 1, operation: 1, permissionType: 1 };
    const any = { ...filter, resourceNameFilter: null, principalFilter: null, hostFilter: null };
    expect((await client.ask(describeAcls, 3, any)).errorCode).toBe(errorCode.SECURITY_DISABLED);
    const wish = { ...binding(all[0]!), resourcePatternType: 3 };
    expect((await client.ask(createAclsApi, 3, { creations: [wish] })).results).toMatchObject([{ errorCode: 54 }]);
    expect((await client.ask(deleteAclsApi, 3, { filters: [any] })).filterResults).toMatchObject([{ errorCode: 54 }]);
    expect((await produceTo(client, await createTopic(client, 't'), batchOf())).errorCode).toBe(0);
  });

  test('are kept through a restart and a kill, told as they are, and taken away by filters', async () => {
    let rig = await startRig({ sets });
    await grant(rig, all);
    const topic = await createTopic(rig.client, 't');
    const creations = [
      { ...binding({ operation: OPERATION_READ, resourceType: RESOURCE_TOPIC, name: 'ord' }), resourcePatternType: 4 },
      { ...binding({ operation: OPERATION_WRITE, resourceType: RESOURCE_TOPIC, name: '' }), resourcePatternType: 3 },
      { ...binding({ operation: OPERATION_WRITE, resourceType: RESOURCE_CLUSTER, name: 'x' }), resourcePatternType: 3 },
      { ...binding(all[0]!), principal: 'alice', resourcePatternType: 3 },
      { ...binding(all[0]!), operation: 1, resourcePatternType: 3 },
      { ...binding(all[0]!), resourcePatternType: 2 },
    ];
    const made = await rig.client.ask(createAclsApi, 3, { creations });
    expect(made.results.map(({ errorCode: code }) => code)).toEqual([0, 42, 42, 42, 42, 42]);
    for (const how of ['stop', 'kill'] as const) {
      rig = await restart(rig, how, { sets });
      expect((await produceTo(rig.client, topic, batchOf())).errorCode).toBe(0);
    }
    const filter = { resourceTypeFilter: RESOURCE_TOPIC, operation: 1, permissionType: 1 };
    const any = { ...filter, principalFilter: null, hostFilter: null };
    const match = { ...any, resourceNameFilter: 'orders', patternTypeFilter: 2 };
    const described = await rig.client.ask(describeAcls, 3, match);
    expect(described.resources.map(({ resourceName, patternType }) => [resourceName, patternType])).toEqual([
      ['*', 3],
      ['ord', 4],
    ]);
    const exact = { ...any, resourceNameFilter: 'ord', patternTypeFilter: 3 };
    expect((await rig.client.ask(describeAcls, 3, exact)).resources).toEqual([]);
    const gone = await rig.client.ask(deleteAclsApi, 3, { filters: [match, { ...match, operation: OPERATION_READ }] });
    expect(gone.filterResults.map(({ errorCode: code, matchingAcls }) => [code, matchingAcls.length])).toEqual([
      [0, 2],
      [0, 1],
    ]);
    // What nobody can know the meaning of closes the connection, as in Kafka.
    const stranger = rig.broker.connect();
    stranger.send(deleteAclsApi, 3, { filters: [{ ...match, operation: 99 }] });
    await rig.broker.settle();
    expect(stranger.isClosed).toBe(true);
    // In force at once, on every connection.
    expect((await produceTo(rig.broker.connect(), topic, batchOf())).errorCode).toBe(29);
    expect((await produceTo(rig.client, topic, batchOf())).errorCode).toBe(29);
  });

  test('that nobody could make are told of at the start', async () => {
    const says = ({ broker }: BehaviourRig): boolean =>
      broker.lines.some((line) => line.includes('nobody may do anything'));
    const rig = await startRig({ sets });
    expect(says(rig)).toBe(true);
    await grant(rig, all);
    expect(says(await restart(rig, 'stop', { sets }))).toBe(false);
  });

  test('super users need none; hosts count', async () => {
    const rig = await startRig({ sets: [...sets, 'super.users=User:root;User:ANONYMOUS'] });
    const topic = await createTopic(rig.client, 't');
    expect((await produceTo(rig.client, topic, batchOf())).errorCode).toBe(0);
    const other = await startRig({ sets });
    const host = other.client.socket.peer.split(':')[0]!;
    await setRules(
      other,
      all.map((right) => ({ ...binding(right), host })),
    );
    const mine = await createTopic(other.client, 't');
    await setRules(
      other,
      all.map((right) => ({ ...binding(right), host: '192.0.2.1' })),
    );
    expect((await produceTo(other.client, mine, batchOf())).errorCode).toBe(29);
  });

  test('what no rule speaks of is open where the setting says so', async () => {
    const rig = await startRig({ sets: [...sets, 'allow.everyone.if.no.acl.found=true'] });
    const free = await createTopic(rig.client, 'free');
    const ruled = await createTopic(rig.client, 'ruled');
    const right = { operation: OPERATION_READ, resourceType: RESOURCE_TOPIC, name: 'ruled' };
    await setRules(rig, [{ ...binding(right), principal: 'User:alice' }]);
    expect((await produceTo(rig.client, free, batchOf())).errorCode).toBe(0);
    expect((await produceTo(rig.client, ruled, batchOf())).errorCode).toBe(29);
  });
});

test('61: who sends what brokers send each other is refused at the top of the answer', async () => {
  const { client } = await startRig({ sets });
  const topics = [{ name: 't', partitions: [0] }];
  const old = { v3AndBelowTransactionalId: '', v3AndBelowProducerId: 0, v3AndBelowProducerEpoch: 0 };
  const wish = { transactionalId: 'x', producerId: 1, producerEpoch: 0, verifyOnly: false, topics };
  const answer = await client.ask(addPartitionsToTxn, 5, { ...old, transactions: [wish], v3AndBelowTopics: [] });
  expect([answer.errorCode, answer.resultsByTransaction]).toEqual([errorCode.CLUSTER_AUTHORIZATION_FAILED, []]);
});

test('61: a transaction has nothing to do with a topic that its producer may not write to', async () => {
  const rig = await startRig({ sets });
  const { client } = rig;
  await grant(rig, all);
  const [mine, theirs] = [await createTopic(client, 'mine'), await createTopic(client, 'theirs')];
  await openCoordinators(rig);
  const right = { operation: OPERATION_WRITE, resourceType: RESOURCE_TOPIC, name: 'mine' };
  await grant(rig, [right, { ...right, resourceType: RESOURCE_TRANSACTIONAL_ID, name: 'x' }]);
  const producer = await TransactionalProducer.begin(client, 'x', 2);
  const { producerId, producerEpoch, transactionalId } = producer;
  const records = batchOf({ producerId, producerEpoch, baseSequence: 0, isTransactional: true });
  const topics = [mine, theirs].flatMap((topic) => [...produceRequest(topic, [{ partition: 0, records }]).topics]);
  const answer = await client.ask(produce, 12, { ...produceRequest(mine, []), topics, transactionalId });
  expect(codesIn(answer.topics)).toEqual([0, errorCode.TOPIC_AUTHORIZATION_FAILED]);
  expect(await producer.end(true)).toBe(0);
  await rig.broker.settle();
  await grant(rig, all);
  const ends = [await offsetOf(client, mine, -1), await offsetOf(client, theirs, -1)];
  expect(ends.map(({ offset }) => offset)).toEqual([2, 0]);
});

describe('64: the audit log', () => {
  test('has a line for what was denied and for what was changed, with names and no values', async () => {
    const rig = await startRig({ sets });
    await grant(rig, all);
    const { client, broker } = rig;
    const topic = await createTopic(client, 't', { configs: { 'retention.ms': '123456789' } });
    const wish = (name: string) => ({ name, numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] });
    await client.ask(createTopics, 7, { topics: [wish('perhaps')], validateOnly: true });
    await setRules(rig, []);
    await produceTo(client, topic, batchOf());
    await client.ask(createTopics, 7, { topics: [wish('mine')] });
    const audit = broker.lines.filter((line) => line.includes('audit'));
    const has = (...parts: readonly string[]): boolean =>
      audit.some((line) => parts.every((part) => line.includes(part)));
    expect(has('outcome=done', 'api=CreateTopics', 'of=t', 'principal=User:ANONYMOUS')).toBe(true);
    expect(has('outcome=checked', 'api=CreateTopics', 'of=perhaps')).toBe(true);
    expect(has('outcome=denied', 'operation=Write', 'resource=Topic:t', 'api=Produce')).toBe(true);
    expect(has('outcome=denied', 'operation=Create', 'resource=Topic:mine', 'api=CreateTopics')).toBe(true);
    expect(has('outcome=refused', 'api=CreateTopics', 'of=mine')).toBe(true);
    expect(broker.lines.some((line) => line.includes('123456789'))).toBe(false);
  });

  test('has one line a second for requests of which nothing is done, and one for each of which something is', async () => {
    const rig = await startRig({ sets });
    const { client, broker } = rig;
    const right = { operation: OPERATION_CREATE, resourceType: RESOURCE_TOPIC, name: 'mine0' };
    await setRules(rig, [binding(right), binding({ ...right, name: 'mine1' })]);
    const wish = (name: string) => ({ name, numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] });
    for (let time = 0; time < 20; time++) await client.ask(createTopics, 7, { topics: [wish(`denied${time}`)] });
    for (const time of [0, 1])
      await client.ask(createTopics, 7, { topics: [wish(`mine${time}`), wish(`denied${time}`)] });
    const lines = () => broker.lines.filter((line) => line.includes('outcome=refused'));
    expect(lines().filter((line) => line.includes('of=denied'))).toHaveLength(1);
    expect(lines().filter((line) => line.includes('of=mine'))).toHaveLength(2);
    await broker.pass(1000);
    expect(lines().at(-1)).toMatch(/api=CreateTopics moreTimes=19$/);
  });

  test('says of no request that it was done which had nothing in it that anybody could do', async () => {
    const rig = await startRig({ sets });
    const { client, broker } = rig;
    for (let time = 0; time < 20; time++) {
      await client.ask(deleteRecords, 2, { topics: [{ name: 'theirs', partitions: [] }], timeoutMs: 1000 });
      await client.ask(createTopics, 7, { topics: [] });
      await client.ask(createAclsApi, 3, { creations: [] });
    }
    const lines = broker.lines.filter((line) => line.includes('audit') && !line.includes('outcome=denied'));
    expect(lines.map((line) => line.match(/outcome=\w+|api=\w+/g)?.join(' '))).toEqual([
      'outcome=refused api=DeleteRecords',
      'outcome=refused api=CreateTopics',
      'outcome=refused api=CreateAcls',
    ]);
  });

  test('has a line for who switches it off', async () => {
    const rig = await startRig({ sets });
    await grant(rig, all);
    const resource = {
      resourceType: 4,
      resourceName: String(rig.broker.plane.services.controller.config.values['node.id']),
    };
    const set = (value: string) => {
      const configs = [{ name: 'perfbroker.audit.log', configOperation: 0, value }];
      return rig.client.ask(incrementalAlterConfigs, 1, { resources: [{ ...resource, configs }], validateOnly: false });
    };
    const lines = () => rig.broker.lines.filter((line) => line.includes('(perfbroker.audit.log)'));
    expect((await set('off')).responses).toMatchObject([{ errorCode: 0 }]);
    expect(lines()).toHaveLength(1);
    await createTopic(rig.client, 'unseen');
    await set('all');
    expect(lines()).toHaveLength(2);
    expect(rig.broker.lines.some((line) => line.includes('unseen'))).toBe(false);
  });

  test('can be switched off while the broker runs', async () => {
    const rig = await startRig({ sets: [...sets, 'perfbroker.audit.log=off'] });
    await grant(rig, all);
    const topic = await createTopic(rig.client, 't');
    await setRules(rig, []);
    expect((await produceTo(rig.client, topic, batchOf())).errorCode).toBe(29);
    expect(rig.broker.lines.filter((line) => line.includes('audit'))).toEqual([]);
  });
});
